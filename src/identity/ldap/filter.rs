//! How an identifier becomes a search filter or a name. It is put into its place as a value, after the text around it
//! was read, so that nothing a patron types can be taken for a part of the filter.

use std::fmt;

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, PL, StructureTag, TagClass, write};
use ldap3::{dn_escape, parse_filter};

/// What stands for the identifier.
const USER: &str = "{user}";
/// The choice `equalityMatch` of a filter (RFC 4511, section 4.5.1).
const EQUALITY: u64 = 3;

/// One place of a filter where the identifier stands: `attribute=before{user}after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    pub(crate) attribute: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A search filter such as `(uid={user})` or `(|(uid={user})(mail={user}))`.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    tree: StructureTag,
    namings: Vec<Naming>,
}

impl Filter {
    /// Reads a filter (RFC 4515) in which `{user}` stands for the identifier, as the value of one attribute or of
    /// several, or as a part of it. Only equality will do: whatever else finds entries that are not called so.
    ///
    /// # Errors
    /// What is wrong with it, to be put behind the text of the filter.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !(text.starts_with('(') && text.ends_with(')')) {
            return Err("which is not in brackets");
        }
        let tree = parse_filter(text).map_err(|()| "which is no filter")?.into_structure();
        let mut namings = Vec::new();
        collect(&tree, &mut namings)?;
        if namings.is_empty() {
            return Err("which holds no {user}");
        }
        Ok(Self { text: text.to_owned(), tree, namings })
    }

    /// Where the identifier stands, in the order of the text.
    pub(crate) fn namings(&self) -> &[Naming] {
        &self.namings
    }

    /// The filter for one identifier, as it is sent.
    pub(crate) fn encode(&self, identifier: &str) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        // Only writing to memory, which does not fail.
        let _ = write::encode_into(&mut bytes, put(&self.tree, identifier));
        bytes.to_vec()
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn holds_user(bytes: &[u8]) -> bool {
    bytes.windows(USER.len()).any(|window| window == USER.as_bytes())
}

/// The attribute and the value of an equality.
fn equality(tag: &StructureTag) -> Option<(&[u8], &[u8])> {
    match (&tag.payload, tag.class, tag.id) {
        (PL::C(parts), TagClass::Context, EQUALITY) => match &parts[..] {
            [StructureTag { payload: PL::P(attribute), .. }, StructureTag { payload: PL::P(value), .. }] => {
                Some((attribute, value))
            }
            _ => None,
        },
        _ => None,
    }
}

fn collect(tag: &StructureTag, namings: &mut Vec<Naming>) -> Result<(), &'static str> {
    if let Some((attribute, value)) = equality(tag) {
        if !holds_user(attribute) && !holds_user(value) {
            return Ok(());
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "which is not UTF-8");
        let (attribute, value) = (text(attribute)?, text(value)?);
        return match value.split_once(USER) {
            Some((before, after)) if !after.contains(USER) && !attribute.contains(USER) => {
                namings.push(Naming { attribute, before: before.to_owned(), after: after.to_owned() });
                Ok(())
            }
            _ => Err("in which {user} is not the value of an attribute"),
        };
    }
    match &tag.payload {
        PL::C(parts) => parts.iter().try_for_each(|part| collect(part, namings)),
        PL::P(bytes) if holds_user(bytes) => Err("in which {user} stands elsewhere than in an equality, (uid={user})"),
        PL::P(_) => Ok(()),
    }
}

/// The same filter with the identifier in its places.
fn put(tag: &StructureTag, identifier: &str) -> StructureTag {
    let payload = match &tag.payload {
        PL::C(parts) => PL::C(parts.iter().map(|part| put(part, identifier)).collect()),
        PL::P(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.contains(USER) => PL::P(text.replace(USER, identifier).into_bytes()),
            Ok(_) | Err(_) => PL::P(bytes.clone()),
        },
    };
    StructureTag { class: tag.class, id: tag.id, payload }
}

/// A name such as `uid={user},ou=people,dc=example,dc=org`.
#[derive(Clone, PartialEq, Eq)]
pub struct DnTemplate {
    before: String,
    after: String,
}

impl DnTemplate {
    /// Reads a distinguished name (RFC 4514) that begins with an attribute whose whole value is `{user}`.
    ///
    /// # Errors
    /// What is wrong with it, to be put behind the text of the name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (before, after) = text.split_once(USER).ok_or("which holds no {user}")?;
        let is_type = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        };
        let is_value = before.strip_suffix('=').is_some_and(|attribute| is_type(attribute.trim()));
        let is_rest = after.strip_prefix(',').is_some_and(|rest| {
            rest.split_once('=').is_some_and(|(attribute, value)| is_type(attribute.trim()) && !value.is_empty())
        });
        if !is_value || !is_rest || after.contains(USER) {
            return Err("which is no name that begins with {user}");
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The name of the entry of an identifier; `None` for one that a directory could read as another's too: it folds
    /// more than we do (full-width letters, accents, runs of blanks; RFC 4518), but only the case of printable ASCII.
    pub(crate) fn name(&self, identifier: &str) -> Option<String> {
        let is_one_spelling = identifier.bytes().all(|b| (0x20..0x7f).contains(&b)) && !identifier.contains("  ");
        is_one_spelling.then(|| format!("{}{}{}", self.before, dn_escape(identifier), self.after))
    }

    /// The name of the entry below which accounts are.
    pub(crate) fn parent(&self) -> &str {
        self.after.trim_start_matches(',').trim_start()
    }
}

impl fmt::Debug for DnTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{USER}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ldap::ber::{OCTETS, Reader};

    /// The texts of a filter as it is sent.
    fn texts(encoded: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(encoded);
        let mut found = Vec::new();
        while let Ok((tag, content)) = reader.element() {
            if tag == OCTETS {
                found.push(String::from_utf8_lossy(content).into_owned());
            } else if tag & 0x20 != 0 {
                found.extend(texts(content));
            }
        }
        found
    }

    #[test]
    fn an_identifier_is_a_value_whatever_is_in_it() {
        let filter =
            Filter::parse("(&(objectClass=person)(|(uid={user})(mail={user}@example.org)))").expect("a filter");
        for identifier in ["reader", "*", "a)(uid=*", "\\2a", "a\\", "é\u{ff4f}", "{user}", "(", ""] {
            let mail = format!("{identifier}@example.org");
            let expected = ["objectClass", "person", "uid", identifier, "mail", &mail];
            assert_eq!(texts(&filter.encode(identifier)), expected, "{identifier}");
        }
        let namings: Vec<_> = filter.namings().iter().map(|n| (n.attribute.as_str(), n.after.as_str())).collect();
        assert_eq!(namings, [("uid", ""), ("mail", "@example.org")]);
    }

    #[test]
    fn the_bytes_of_a_filter_are_those_of_the_standard() {
        let filter = Filter::parse("(uid={user})").expect("a filter");
        assert_eq!(filter.encode("ok"), [0xa3, 9, 4, 3, b'u', b'i', b'd', 4, 2, b'o', b'k']);
    }

    #[test]
    fn only_filters_that_find_who_is_called_so_are_taken() {
        let elsewhere = "in which {user} stands elsewhere than in an equality, (uid={user})";
        let cases = [
            ("uid={user}", "which is not in brackets"),
            ("(uid={user}", "which is not in brackets"),
            ("(uid={user}))", "which is no filter"),
            ("(uid=reader)", "which holds no {user}"),
            ("(uid={user}*)", elsewhere),
            ("(uid>={user})", elsewhere),
            ("(uid~={user})", elsewhere),
            ("(uid:caseExactMatch:={user})", elsewhere),
            ("(uid={user}{user})", "in which {user} is not the value of an attribute"),
        ];
        for (text, problem) in cases {
            assert_eq!(Filter::parse(text).err(), Some(problem), "{text}");
        }
        assert!(Filter::parse("({user}=x)").is_err());
        assert!(Filter::parse("(&(uid={user})(!(employeeType=left)))").is_ok());
    }

    #[test]
    fn a_name_is_escaped_and_has_one_spelling() {
        let template = DnTemplate::parse("uid={user},ou=people,dc=example,dc=org").expect("a name");
        let name = |identifier| template.name(identifier);
        assert_eq!(name("reader").as_deref(), Some("uid=reader,ou=people,dc=example,dc=org"));
        let odd = name("#a, b=c+\"d\"\\e;<f> ").expect("a name");
        assert!(odd.starts_with("uid=\\23a\\2c b\\3dc\\2b\\22d\\22\\5ce\\3b\\3cf\\3e\\20,ou=people"), "{odd}");
        for identifier in ["é", "\u{ff4f}k", "o  k", "o\u{ad}k", "o\tk"] {
            assert_eq!(name(identifier), None, "{identifier:?}");
        }
        assert_eq!(template.parent(), "ou=people,dc=example,dc=org");
    }

    #[test]
    fn a_template_is_a_name_whose_first_value_is_the_identifier() {
        for text in
            ["uid=x,dc=org", "{user}", "{user}@example.org", "EXAMPLE\\{user}", "uid={user}", "uid=x{user},dc=org"]
        {
            assert!(DnTemplate::parse(text).is_err(), "{text}");
        }
        assert!(DnTemplate::parse("uid={user},cn={user}").is_err());
        assert!(DnTemplate::parse("CN={user}, OU=people, DC=example").is_ok());
    }
}
