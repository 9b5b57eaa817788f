//! LDAP messages by the `lber` crate.

use bytes::BytesMut;
use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, parse_uint, write};

/// A request, as far as a fake cares.
pub(crate) enum Request {
    Bind { dn: String, password: String, has_ppolicy: bool },
    Search { base: String, is_subtree: bool, names: Vec<(String, String)>, attributes: Vec<String>, most: u64 },
    StartTls,
    Unbind,
}

/// The request at the beginning of `unread`, taken off it, with its id; `None` while it is not whole.
pub(crate) fn take(unread: &mut Vec<u8>) -> Option<(u64, Request)> {
    let (length, tag) = {
        let (rest, tag) = parse_tag(unread).ok()?;
        (unread.len() - rest.len(), tag)
    };
    unread.drain(..length);
    let mut parts = children(tag).into_iter();
    let id = number(&parts.next().expect("an id"));
    let operation = parts.next().expect("an operation");
    let controls = parts.next().map(children).unwrap_or_default();
    Some((id, read(operation, controls)))
}

fn read(operation: StructureTag, controls: Vec<StructureTag>) -> Request {
    match operation.id {
        0 => {
            let parts = children(operation);
            assert_eq!(number(&parts[0]), 3, "the version of LDAP");
            let names = controls.into_iter().map(|control| text(&children(control)[0]));
            let has_ppolicy = names.into_iter().any(|name| name == super::reaction::PPOLICY);
            Request::Bind { dn: text(&parts[1]), password: text(&parts[2]), has_ppolicy }
        }
        2 => Request::Unbind,
        3 => {
            let parts = children(operation);
            let mut names = Vec::new();
            equalities(&parts[6], &mut names);
            let attributes = children(parts[7].clone()).iter().map(text).collect();
            Request::Search {
                base: text(&parts[0]),
                is_subtree: number(&parts[1]) == 2,
                names,
                attributes,
                most: number(&parts[3]),
            }
        }
        23 => {
            assert_eq!(text(&children(operation)[0]), "1.3.6.1.4.1.1466.20037");
            Request::StartTls
        }
        other => panic!("a request that the adapter has no need of: {other}"),
    }
}

/// Every equality of a filter.
fn equalities(filter: &StructureTag, found: &mut Vec<(String, String)>) {
    if let PL::C(parts) = &filter.payload {
        if filter.id == 3 {
            found.push((text(&parts[0]).to_lowercase(), text(&parts[1])));
        } else {
            for part in parts {
                equalities(part, found);
            }
        }
    }
}

fn children(tag: StructureTag) -> Vec<StructureTag> {
    match tag.payload {
        PL::C(parts) => parts,
        PL::P(_) => panic!("a part without parts"),
    }
}

fn content(tag: &StructureTag) -> &[u8] {
    match &tag.payload {
        PL::P(bytes) => bytes,
        PL::C(_) => panic!("a part with parts"),
    }
}

fn text(tag: &StructureTag) -> String {
    String::from_utf8(content(tag).to_vec()).expect("UTF-8")
}

fn number(tag: &StructureTag) -> u64 {
    parse_uint(content(tag)).expect("a number").1
}

fn part(class: TagClass, id: u64, payload: PL) -> StructureTag {
    StructureTag { class, id, payload }
}

fn octets(bytes: &[u8]) -> StructureTag {
    part(TagClass::Universal, 4, PL::P(bytes.to_vec()))
}

fn sequence(parts: Vec<StructureTag>) -> StructureTag {
    part(TagClass::Universal, 16, PL::C(parts))
}

fn message(id: u64, operation: u64, parts: Vec<StructureTag>, controls: Option<StructureTag>) -> Vec<u8> {
    let id = part(TagClass::Universal, 2, PL::P(vec![u8::try_from(id).expect("a small id")]));
    let operation = part(TagClass::Application, operation, PL::C(parts));
    let mut bytes = BytesMut::new();
    let whole = sequence([Some(id), Some(operation), controls].into_iter().flatten().collect());
    write::encode_into(&mut bytes, whole).expect("written");
    bytes.to_vec()
}

/// How an operation ended: 1 a bind, 5 a search, 24 an extended one.
pub(crate) fn outcome(id: u64, operation: u64, code: u8, diagnostic: &str, control: Option<(&str, &[u8])>) -> Vec<u8> {
    let code = part(TagClass::Universal, 10, PL::P(vec![code]));
    let controls = control.map(|(name, value)| {
        let control = sequence(vec![octets(name.as_bytes()), octets(value)]);
        part(TagClass::Context, 0, PL::C(vec![control]))
    });
    message(id, operation, vec![code, octets(b""), octets(diagnostic.as_bytes())], controls)
}

/// One entry.
pub(crate) fn entry(id: u64, dn: &str, attributes: &[(String, Vec<String>)]) -> Vec<u8> {
    let attribute = |(name, values): &(String, Vec<String>)| {
        let values = values.iter().map(|value| octets(value.as_bytes())).collect();
        sequence(vec![octets(name.as_bytes()), part(TagClass::Universal, 17, PL::C(values))])
    };
    message(id, 4, vec![octets(dn.as_bytes()), sequence(attributes.iter().map(attribute).collect())], None)
}

/// Where else could be searched.
pub(crate) fn reference(id: u64) -> Vec<u8> {
    message(id, 19, vec![octets(b"ldap://elsewhere.example.org/dc=example,dc=org")], None)
}
