//! What a scripted directory does instead of what it should.

use std::time::Duration;

use crate::fake::messages::{entry, outcome, reference};

pub(crate) const PPOLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// What is done when an operation comes in.
#[derive(Clone, Debug, Default)]
pub(crate) enum Reaction {
    /// What a directory does.
    #[default]
    Right,
    /// The connection is closed.
    End,
    /// The connection is closed in the middle of the answer.
    HalfThenEnd,
    /// Half of the answer, and no more.
    HalfThenSilence,
    /// The answer to another operation, by its number.
    Other(u64),
    /// Bytes.
    Raw(Vec<u8>),
    /// The connection is reset in the middle of the answer.
    Reset,
    /// The operation ends with this code and this diagnostic text.
    Result(u8, &'static str),
    /// The bind ends with this code and this password policy control.
    Policy(u8, &'static [u8]),
    /// Nothing.
    Silence,
    /// The right thing, later.
    Slow(Duration),
    /// A search finds these names, each with this `uid`.
    Entries(Vec<(&'static str, &'static str)>),
    /// A search finds what it should, and so many places where else could be searched.
    References(usize),
    /// The answer to a request that was not made.
    WrongId,
}

impl Reaction {
    /// Not LDAP at all.
    pub(crate) fn html() -> Self {
        Self::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>planted</html>".to_vec())
    }

    /// A message that says it is nearly two gigabytes long, and goes on.
    pub(crate) fn huge() -> Self {
        Self::Raw([&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..], &vec![0; 1 << 20]].concat())
    }

    /// Lengths without an end, which LDAP forbids.
    pub(crate) fn indefinite() -> Self {
        Self::Raw(vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00])
    }

    /// A message in a message in a message, as deep as sixty thousand bytes can be.
    pub(crate) fn nested() -> Self {
        let mut bytes = vec![0x04, 0x00];
        while bytes.len() < 60_000 {
            let length = bytes.len();
            let head = match u8::try_from(length) {
                Ok(short) if short < 0x80 => vec![0x30, short],
                _ => [&[0x30, 0x83][..], &u32::try_from(length).expect("short").to_be_bytes()[1..]].concat(),
            };
            bytes.splice(0..0, head);
        }
        Self::Raw(bytes)
    }

    /// A notice that the connection ends (RFC 4511, section 4.4.1).
    pub(crate) fn notice() -> Self {
        Self::Raw(outcome(0, 24, 52, "", None))
    }

    /// The bytes of a scripted answer to operation `id`, whose own end is `end`.
    pub(crate) fn bytes(&self, id: u64, end: u64, right: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Other(operation) => outcome(id, *operation, 0, "", None),
            Self::Raw(bytes) => bytes.clone(),
            Self::Result(code, diagnostic) => outcome(id, end, *code, diagnostic, None),
            Self::Policy(code, value) => outcome(id, end, *code, "", Some((PPOLICY, value))),
            Self::Entries(names) => {
                let found = names.iter().map(|(dn, uid)| entry(id, dn, &[("uid".to_owned(), vec![(*uid).to_owned()])]));
                let mut bytes: Vec<u8> = found.flatten().collect();
                bytes.extend(outcome(id, end, 0, "", None));
                bytes
            }
            Self::References(count) => [reference(id).repeat(*count), right].concat(),
            Self::WrongId => outcome(id + 1, end, 0, "", None),
            Self::Right
            | Self::End
            | Self::HalfThenEnd
            | Self::HalfThenSilence
            | Self::Reset
            | Self::Silence
            | Self::Slow(_) => right,
        }
    }
}
