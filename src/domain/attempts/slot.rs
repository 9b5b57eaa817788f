//! What an account's budget is made of: one slot for each attempt.

use std::sync::Arc;

use crate::domain::{IntegrationName, Timestamp};

/// Who spends a slot, as budgets tell callers apart: an integration, or all that call without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller(Arc<str>);

impl Caller {
    /// The caller of an integration, or of none. Two spellings of one integration are one caller.
    #[must_use]
    pub fn new(integration: Option<&IntegrationName>) -> Self {
        integration.map_or_else(
            || Self::stored(""),
            |name| Self::stored(&format!("{}/{}", name.institution(), name.account().identifier())),
        )
    }

    /// A caller as it was stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// As it is stored: the institution, a slash and the integration's folded name; empty for no integration.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What kind of guess a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A guess that was refused before and is asked again.
    Again,
    /// A guess of which this process remembers no answer.
    First,
    /// The password last accepted for the account: it has a slot that no other guess can take.
    Own,
}

impl SlotKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Again, Self::First, Self::Own];

    /// As it is stored.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::First => "first",
            Self::Own => "own",
        }
    }
}

/// An attempt that the identity service may have counted as a failed sign-in. One that was accepted, or of which no
/// byte was sent, is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it was reserved.
    pub at: Timestamp,
    /// Who asked.
    pub caller: Caller,
    /// For what kind of guess.
    pub kind: SlotKind,
    /// Whether the service said no; until then, and when there was no answer, nobody knows what became of it.
    pub refused: bool,
}
