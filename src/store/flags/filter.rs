//! Which flags are asked for, in what order, and where a page ended.

use crate::domain::{FlagState, Institution, Reason, Severity};
use crate::store::flags::gathered::FlagId;

/// Which flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagFilter {
    /// Of this institution.
    pub institution: Option<Institution>,
    /// In one of these states; in any when there is none.
    pub states: Vec<FlagState>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Whose account's folded identifier begins so. They come in the order of their identifiers.
    pub prefix: Option<String>,
}

impl FlagFilter {
    /// The order in which they come where `wanted` was asked for: what begins alike stands together by identifier only,
    /// and whoever searches so looks for an account.
    #[must_use]
    pub fn order(&self, wanted: FlagOrder) -> FlagOrder {
        if self.prefix.is_some() { FlagOrder::Account } else { wanted }
    }
}

/// In what order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlagOrder {
    /// By the account's identifier.
    Account,
    /// The most severe first, among equals the one opened last.
    #[default]
    Severity,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagCursor {
    /// Of the last flag.
    pub(crate) key: Key,
}

/// What a flag is ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Its identifier and its institution.
    Account(String, String),
    /// Its severity as it is stored, when it was opened, and its id.
    Severity(i64, i64, String),
}

impl FlagCursor {
    /// As text that a next page can be asked for with.
    #[must_use]
    pub fn encode(&self) -> String {
        match &self.key {
            Key::Account(identifier, institution) => format!("a/{institution}/{identifier}"),
            Key::Severity(severity, opened_at, id) => format!("s/{severity}/{opened_at}/{id}"),
        }
    }

    /// Reads such a text; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = if let Some(rest) = text.strip_prefix("a/") {
            let (institution, identifier) = rest.split_once('/')?;
            Key::Account(identifier.to_owned(), institution.to_owned())
        } else {
            let mut parts = text.strip_prefix("s/")?.splitn(3, '/');
            let (severity, opened_at, id) = (parts.next()?, parts.next()?, parts.next()?);
            Key::Severity(severity.parse().ok()?, opened_at.parse().ok()?, FlagId::parse(id)?.to_string())
        };
        Some(Self { key })
    }

    /// The order that it belongs to.
    #[must_use]
    pub const fn order(&self) -> FlagOrder {
        match self.key {
            Key::Account(..) => FlagOrder::Account,
            Key::Severity(..) => FlagOrder::Severity,
        }
    }
}

impl Key {
    /// Which of two flags comes first.
    pub(crate) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Account(a, at_a), Self::Account(b, at_b)) => (a, at_a).cmp(&(b, at_b)),
            (Self::Severity(a, opened_a, id_a), Self::Severity(b, opened_b, id_b)) => {
                (b, opened_b, id_b).cmp(&(a, opened_a, id_a))
            }
            (Self::Account(..), Self::Severity(..)) => std::cmp::Ordering::Less,
            (Self::Severity(..), Self::Account(..)) => std::cmp::Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for key in [
            Key::Account("a/b c".to_owned(), "01X".to_owned()),
            Key::Severity(3, 17, FlagId::from_random([7; 8]).to_string()),
        ] {
            let cursor = FlagCursor { key };
            assert_eq!(FlagCursor::parse(&cursor.encode()), Some(cursor));
        }
        for text in ["", "a/x", "s/1/2", "s/1/2/xyz", "x/1/2/3"] {
            assert_eq!(FlagCursor::parse(text), None, "{text}");
        }
    }
}
