//! Second looks: remembered for a while, and few in a second, whatever the adapter.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use crate::domain::AccountId;
use crate::identity::{Bucket, Rate, SecondLook};

/// How long a look is remembered, and how many are.
const TTL: Duration = Duration::from_mins(10);
const LOOKS: u64 = 10_000;

/// What a look found; `None` when nobody was called so.
#[derive(Clone)]
pub(crate) struct Seen(pub(crate) Option<SecondLook>);

/// What was seen lately, and how fast more may be looked at.
pub(crate) struct Looks {
    seen: Cache<AccountId, Seen>,
    rate: Mutex<Bucket>,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Self { seen: Cache::builder().max_capacity(LOOKS).time_to_live(TTL).build(), rate: Mutex::default() }
    }

    /// What was seen of an account lately.
    pub(crate) fn remembered(&self, account: &AccountId) -> Option<Seen> {
        self.seen.get(account)
    }

    pub(crate) fn remember(&self, account: &AccountId, seen: Seen) {
        self.seen.insert(account.clone(), seen);
    }

    /// Whether one more may be looked at now: no look waits for others.
    pub(crate) fn takes_a_turn(&self, rate: Rate, now: Instant) -> bool {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now, Duration::ZERO).is_ok()
    }
}
