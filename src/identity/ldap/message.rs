//! LDAP messages (RFC 4511), as far as asking about a password needs them: requests to bytes, bytes to answers.

use crate::identity::ldap::ber::{
    BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET, Wiped, element, number,
};

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const SIMPLE: u8 = 0x80;
const CONTROLS: u8 = 0xa0;
const REQUEST_NAME: u8 = 0x80;

/// How every message begins.
pub(crate) const MESSAGE: u8 = SEQUENCE;

const STARTTLS: &str = "1.3.6.1.4.1.1466.20037";

/// How far below its base a search goes.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    /// The entry itself.
    Base,
    /// Everything below.
    Subtree,
}

/// A search.
pub(crate) struct Search<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    /// As it is sent.
    pub(crate) filter: &'a [u8],
    pub(crate) attributes: &'a [&'a str],
    /// Entries that are wanted.
    pub(crate) most: u32,
    /// Seconds that the server may take.
    pub(crate) seconds: u32,
}

/// A simple bind, perhaps with a control.
pub(crate) fn bind(id: u32, dn: &str, password: &str, control: Option<&[u8]>) -> Wiped {
    let version = number(INTEGER, 3);
    let dn = element(OCTETS, &[dn.as_bytes()]);
    let password = element(SIMPLE, &[password.as_bytes()]);
    message(id, &element(BIND_REQUEST, &[&version, &dn, &password]), control)
}

/// A search.
pub(crate) fn search(id: u32, search: &Search<'_>) -> Wiped {
    let scope = match search.scope {
        Scope::Base => 0,
        Scope::Subtree => 2,
    };
    let names: Vec<Wiped> = search.attributes.iter().map(|name| element(OCTETS, &[name.as_bytes()])).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_slice()).collect();
    let parts = [
        element(OCTETS, &[search.base.as_bytes()]),
        number(ENUMERATED, scope),
        // Aliases are never followed.
        number(ENUMERATED, 0),
        number(INTEGER, search.most),
        number(INTEGER, search.seconds),
        // Values are wanted, not the names of attributes alone.
        element(BOOLEAN, &[&[0]]),
    ];
    let mut parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    let attributes = element(SEQUENCE, &names);
    parts.extend([search.filter, &attributes]);
    message(id, &element(SEARCH_REQUEST, &parts), None)
}

/// The wish to go on in TLS.
pub(crate) fn starttls(id: u32) -> Wiped {
    message(id, &element(EXTENDED_REQUEST, &[&element(REQUEST_NAME, &[STARTTLS.as_bytes()])]), None)
}

/// The end of a conversation.
pub(crate) fn unbind(id: u32) -> Wiped {
    message(id, &element(UNBIND_REQUEST, &[]), None)
}

/// A filter that every entry passes.
pub(crate) fn any_entry() -> Wiped {
    element(0x87, &[b"objectClass"])
}

fn message(id: u32, operation: &[u8], control: Option<&[u8]>) -> Wiped {
    let id = number(INTEGER, id);
    match control {
        Some(control) => element(SEQUENCE, &[&id, operation, &element(CONTROLS, &[control])]),
        None => element(SEQUENCE, &[&id, operation]),
    }
}

/// A message from a directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The request that it answers; 0 for what nobody asked.
    pub(crate) id: u32,
    pub(crate) response: Response,
}

/// What a directory says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response {
    Bind(Outcome),
    Done(Outcome),
    Entry(Entry),
    Extended(Outcome),
    /// Where else could be searched; never followed.
    Reference,
}

/// How an operation ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: u32,
    /// For the directory's own people; it may name entries.
    pub(crate) diagnostic: String,
    pub(crate) controls: Vec<Control>,
}

/// A control of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) name: String,
    pub(crate) value: Option<Vec<u8>>,
}

/// An entry that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    #[cfg(test)]
    pub(crate) fn new(dn: &str, attributes: &[(&str, &[&str])]) -> Self {
        let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let attributes = attributes.iter().map(|(name, all)| ((*name).to_owned(), values(all))).collect();
        Self { dn: dn.to_owned(), attributes }
    }

    /// The values of an attribute that are text.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.attributes.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        named.flat_map(|(_, values)| values).filter_map(|value| std::str::from_utf8(value).ok())
    }
}

/// Reads one whole message.
pub(crate) fn read(bytes: &[u8]) -> Result<Message, Malformed> {
    let mut whole = Reader::new(bytes);
    let mut message = whole.within(SEQUENCE)?;
    let id = message.number(INTEGER)?;
    let (tag, operation) = message.element()?;
    let mut operation = Reader::new(operation);
    let response = match tag {
        SEARCH_ENTRY => Response::Entry(read_entry(&mut operation)?),
        SEARCH_REFERENCE => Response::Reference,
        BIND_RESPONSE | SEARCH_DONE | EXTENDED_RESPONSE => {
            let mut outcome = read_outcome(&mut operation)?;
            // Active Directory puts the name of a notice in the place of the controls.
            if let Some(controls) = message.optional(CONTROLS)? {
                outcome.controls = read_controls(controls)?;
            }
            match tag {
                BIND_RESPONSE => Response::Bind(outcome),
                SEARCH_DONE => Response::Done(outcome),
                _ => Response::Extended(outcome),
            }
        }
        _ => return Err(Malformed),
    };
    if whole.is_at_end() { Ok(Message { id, response }) } else { Err(Malformed) }
}

/// What comes after these fields (a referral, a response's name) is of no use here.
fn read_outcome(reader: &mut Reader<'_>) -> Result<Outcome, Malformed> {
    let code = reader.number(ENUMERATED)?;
    reader.expect(OCTETS)?;
    let diagnostic = String::from_utf8_lossy(reader.expect(OCTETS)?).into_owned();
    Ok(Outcome { code, diagnostic, controls: Vec::new() })
}

fn read_controls(content: &[u8]) -> Result<Vec<Control>, Malformed> {
    let (mut reader, mut controls) = (Reader::new(content), Vec::new());
    while !reader.is_at_end() {
        let mut control = reader.within(SEQUENCE)?;
        let name = text(control.expect(OCTETS)?)?;
        control.optional(BOOLEAN)?;
        let value = control.optional(OCTETS)?.map(<[u8]>::to_vec);
        controls.push(Control { name, value });
    }
    Ok(controls)
}

fn read_entry(reader: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let dn = text(reader.expect(OCTETS)?)?;
    let mut list = reader.within(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_at_end() {
        let mut attribute = list.within(SEQUENCE)?;
        let name = text(attribute.expect(OCTETS)?)?;
        let (mut set, mut values) = (attribute.within(SET)?, Vec::new());
        while !set.is_at_end() {
            values.push(set.expect(OCTETS)?.to_vec());
        }
        attributes.push((name, values));
    }
    Ok(Entry { dn, attributes })
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ldap::ppolicy::{PPOLICY, request_control};

    #[test]
    fn a_bind_is_written_as_the_standard_says() {
        let plain = bind(1, "cn=a", "pw", None);
        assert_eq!(plain[..], *b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw");
        let with = bind(1, "cn=a", "pw", Some(&request_control()));
        assert!(with.windows(PPOLICY.len()).any(|window| window == PPOLICY.as_bytes()));
        assert_eq!(usize::from(with[1]) + 2, with.len());
        assert_eq!(starttls(7)[..7], [0x30, 29, 2, 1, 7, 0x77, 24]);
        assert_eq!(unbind(8)[..], [0x30, 5, 2, 1, 8, 0x42, 0]);
    }

    #[test]
    fn a_search_is_written_as_the_standard_says() {
        let filter = any_entry();
        let asked =
            Search { base: "dc=x", scope: Scope::Base, filter: &filter, attributes: &["uid"], most: 2, seconds: 5 };
        let expected = b"\x30\x2e\x02\x01\x02\x63\x29\x04\x04dc=x\x0a\x01\x00\x0a\x01\x00\x02\x01\x02\x02\x01\x05\
            \x01\x01\x00\x87\x0bobjectClass\x30\x05\x04\x03uid";
        assert_eq!(search(2, &asked)[..], *expected);
    }

    #[test]
    fn answers_are_read_with_their_controls() {
        let bytes = b"\x30\x33\x02\x01\x02\x61\x07\x0a\x01\x31\x04\x00\x04\x00\xa0\x25\x30\x23\x04\x191.3.6.1.4.1.42.2.27.8.5.1\
            \x01\x01\x00\x04\x03\x30\x01\x00";
        // The value is not looked into here.
        let message = read(bytes).expect("a message");
        let control = Control { name: PPOLICY.to_owned(), value: Some(vec![0x30, 1, 0]) };
        let outcome = Outcome { code: 49, diagnostic: String::new(), controls: vec![control] };
        assert_eq!(message, Message { id: 2, response: Response::Bind(outcome) });
    }

    #[test]
    fn a_notice_of_active_directory_is_read_although_it_is_malformed() {
        let bytes = b"\x30\x15\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00\x8a\x071.3.6.1";
        let message = read(bytes).expect("a message");
        assert_eq!(message.id, 0);
        assert!(matches!(message.response, Response::Extended(Outcome { code: 52, .. })));
    }

    #[test]
    fn entries_are_read_whatever_the_case_of_their_attributes() {
        let bytes =
            b"\x30\x1e\x02\x01\x03\x64\x19\x04\x05uid=a\x30\x10\x30\x0e\x04\x03uid\x31\x07\x04\x01a\x04\x02\xff\xfe";
        let Message { response: Response::Entry(entry), .. } = read(bytes).expect("a message") else { panic!("other") };
        assert_eq!(entry.dn, "uid=a");
        assert_eq!(entry.texts("UID").collect::<Vec<_>>(), ["a"], "what is no text is left out");
        assert_eq!(entry.texts("mail").count(), 0);
    }

    #[test]
    fn whatever_is_cut_or_changed_is_read_or_refused_without_a_panic() {
        let good =
            b"\x30\x1e\x02\x01\x03\x64\x19\x04\x05uid=a\x30\x10\x30\x0e\x04\x03uid\x31\x07\x04\x01a\x04\x02\xff\xfe";
        for cut in 0..good.len() {
            assert_eq!(read(&good[..cut]), Err(Malformed));
        }
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut changed = good.to_vec();
                changed[at] = value;
                let _ = read(&changed);
            }
        }
    }
}
