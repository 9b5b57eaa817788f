//! How often accounts were changed, so that what was asked before a change is neither joined nor remembered after it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::AccountId;

/// Accounts that are counted together: one that shares its count with a changed one is asked about once more.
const PARTS: usize = 256;

/// What an account's count was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation(u64);

/// Counts changes of accounts in bounded room.
pub(crate) struct Generations {
    parts: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }

    /// The generation of `account` now.
    pub(crate) fn of(&self, account: &AccountId) -> Generation {
        Generation(self.part(account).load(Ordering::SeqCst))
    }

    /// Begins a new one for `account`, which was changed.
    pub(crate) fn change(&self, account: &AccountId) {
        self.part(account).fetch_add(1, Ordering::SeqCst);
    }

    /// Begins a new one for all.
    pub(crate) fn change_all(&self) {
        for part in &self.parts {
            part.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn part(&self, account: &AccountId) -> &AtomicU64 {
        let at = usize::try_from(self.hasher.hash_one(account) % PARTS as u64).unwrap_or_default();
        &self.parts[at]
    }
}
