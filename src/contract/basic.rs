//! HTTP Basic credentials (RFC 7617), decoded once: as UTF-8 when they are valid UTF-8, else as Latin-1. Never asked
//! twice: two forms would be two strikes at the identity service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::domain::{Password, has_control};

/// Old toolkits leave the padding out now and then.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The name and password of a Basic credential.
pub struct Basic {
    /// The user-id: everything before the first colon.
    pub name: String,
    /// The rest, colons included.
    pub password: Password,
}

/// What an `Authorization` header field holds.
pub enum Authorization {
    /// A Basic credential that can be read.
    Basic(Basic),
    /// Nothing, or a scheme that no route takes.
    None,
    /// A Basic credential that cannot be read: bad base64, no colon, control characters in the name.
    Unreadable,
}

impl Authorization {
    /// Reads the value of one `Authorization` field. The scheme's name is case-insensitive.
    ///
    /// ```
    /// use soapgate::contract::Authorization;
    ///
    /// let Authorization::Basic(basic) = Authorization::read(b"basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") else { panic!() };
    /// assert_eq!((basic.name.as_str(), basic.password.expose()), ("Aladdin", "open sesame"));
    /// ```
    #[must_use]
    pub fn read(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        let (scheme, rest) = value.split_at(value.iter().position(|b| *b == b' ').unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return Self::None;
        }
        decode(rest.trim_ascii()).map_or(Self::Unreadable, Self::Basic)
    }
}

fn decode(token: &[u8]) -> Option<Basic> {
    // The space is taken beforehand, so that no half-filled buffer is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(token.len())));
    if STANDARD.decode_vec(token, &mut bytes).is_err() {
        bytes.clear();
        LENIENT.decode_vec(token, &mut bytes).ok()?;
    }
    let basic = split(&bytes);
    // What a vector has room for is wiped at once, what it holds byte by byte.
    bytes.clear();
    basic
}

fn split(bytes: &[u8]) -> Option<Basic> {
    let colon = memchr::memchr(b':', bytes)?;
    let (name, password) = (bytes.get(..colon)?, bytes.get(colon + 1..)?);
    let (name, password) = match (std::str::from_utf8(name), std::str::from_utf8(password)) {
        (Ok(name), Ok(password)) => (name.to_owned(), Password::new(password.to_owned())),
        _ => (latin1(name), Password::new(latin1(password))),
    };
    (!has_control(&name)).then_some(Basic { name, password })
}

fn latin1(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().map(|byte| char::from(*byte)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, String)> {
        let value = format!("Basic {}", STANDARD.encode(bytes));
        match Authorization::read(value.as_bytes()) {
            Authorization::Basic(basic) => Some((basic.name, basic.password.expose().to_owned())),
            Authorization::None | Authorization::Unreadable => None,
        }
    }

    #[test]
    fn utf8_is_read_as_utf8_and_all_else_as_latin1() {
        assert_eq!(read("zoë:p&<>\"'é€ ".as_bytes()), Some(("zoë".into(), "p&<>\"'é€ ".into())));
        assert_eq!(read(b"zo\xEB:p\xE9"), Some(("zoë".into(), "pé".into())));
        // One credential has one encoding: a Latin-1 password makes the name Latin-1 too.
        assert_eq!(read(b"a:\xE9:b"), Some(("a".into(), "é:b".into())));
    }

    #[test]
    fn the_password_keeps_colons_and_blanks() {
        assert_eq!(read(b"u:a:b: "), Some(("u".into(), "a:b: ".into())));
        assert_eq!(read(b"u:"), Some(("u".into(), String::new())));
        assert_eq!(read(b":"), Some((String::new(), String::new())));
    }

    #[test]
    fn what_is_no_basic_credential_is_told_apart_from_an_unreadable_one() {
        for none in [&b""[..], b"Bearer abc", b"Basics abc"] {
            assert!(matches!(Authorization::read(none), Authorization::None));
        }
        for unreadable in [&b"Basic"[..], b"Basic ", b"Basic !!!", b"basic dXNlcg==", b"BASIC AQ6Y"] {
            assert!(matches!(Authorization::read(unreadable), Authorization::Unreadable), "{unreadable:?}");
        }
        assert!(matches!(Authorization::read(b"BASIC  dTpw "), Authorization::Basic(_)));
        assert!(matches!(Authorization::read(b"basic dTpwdw"), Authorization::Basic(_)), "without padding");
    }
}
