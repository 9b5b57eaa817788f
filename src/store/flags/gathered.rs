//! What was seen of an account since it was last written down, and the port by which it becomes a flag.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;

use crate::domain::{AccountId, Fact, FlagState, IntegrationName, Reason, Timestamp};
use crate::store::StoreError;

/// One fact, as often as it was seen from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What somebody who was asked said.
    pub fact: Fact,
    /// The integration that called, in the spelling it is registered with.
    pub integration: Option<IntegrationName>,
    /// The address that the call came from.
    pub source: Option<IpAddr>,
    /// The operation that was called.
    pub operation: Cow<'static, str>,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
}

/// What was seen of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The account, under the identifier that was presented.
    pub account: AccountId,
    /// The facts.
    pub seen: Vec<Seen>,
}

/// A flag that was opened, or got more evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The flag.
    pub flag: FlagId,
    /// Whose it is: the primary identifier, where a list tells.
    pub account: AccountId,
    /// The reasons that were found now; none where the flag was resolved.
    pub reasons: Vec<Reason>,
    /// Where it stands.
    pub state: FlagState,
}

/// The id of a flag: 16 hexadecimal digits, short enough to be typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagId(Box<str>);

impl FlagId {
    /// Spells eight random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(format!("{:016x}", u64::from_be_bytes(bytes)).into_boxed_str())
    }

    /// Reads an id as somebody types it; `None` when it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        (text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Self::stored(text))
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text.into_boxed_str())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a record of what was seen gives: for each account, in order, its flag, where there is one now.
pub type RecordFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<Option<Recorded>>, StoreError>> + Send + 'a>>;

/// Where flags are written.
pub trait FlagStore: Send + Sync {
    /// Applies the rules to what was seen, and writes all of it in one transaction. It is safe once this returns.
    ///
    /// # Errors
    /// When the store fails; then nothing of it is written.
    fn record<'a>(&'a self, gathered: &'a [Gathered]) -> RecordFuture<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_typed() {
        let id = FlagId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(id.as_str(), "00010203040506ff");
        assert_eq!(FlagId::parse(" 00010203040506FF "), Some(id));
        for other in ["", "00010203040506f", "00010203040506fg", "00010203040506ff0"] {
            assert_eq!(FlagId::parse(other), None, "{other}");
        }
    }
}
