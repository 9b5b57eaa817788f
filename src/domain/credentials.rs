//! An account together with the password presented for it.

use crate::domain::{AccountId, Password};

/// The longest password or identifier, in bytes, that is ever sent to an identity service.
pub const CREDENTIAL_BYTES_MAX: usize = 1_024;

/// What an identity service is asked about. The password is never empty and never longer than
/// [`CREDENTIAL_BYTES_MAX`]: an empty one is an anonymous bind for many LDAP servers (RFC 4513).
pub struct Credentials {
    account: AccountId,
    password: Password,
}

impl Credentials {
    /// Joins an account and its password; `None` when the password is empty, too long or holds a NUL, which is an
    /// ordinary refusal that costs no attempt.
    #[must_use]
    pub fn new(account: AccountId, password: Password) -> Option<Self> {
        let text = password.expose();
        let acceptable = !text.is_empty() && text.len() <= CREDENTIAL_BYTES_MAX && !text.contains('\0');
        acceptable.then_some(Self { account, password })
    }

    /// The account asked about.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The password presented.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }
}
