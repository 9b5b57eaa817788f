//! Nonces of UsernameTokens that were let in, kept until the token itself is too old: a token lets in once.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;

/// Whether a token's nonce may let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nobody used it before.
    First,
    /// There is no room to remember it: a map that forgets live nonces would let replays in.
    Full,
    /// It was used before.
    Replayed,
}

type Digest = [u8; 32];

/// A bounded memory of nonces, per node. It refuses when it is full.
pub(crate) struct Nonces {
    seen: Mutex<Seen>,
    most: usize,
}

#[derive(Default)]
struct Seen {
    digests: HashSet<Digest>,
    by_end: BTreeSet<(Timestamp, Digest)>,
}

impl Nonces {
    pub(crate) fn new(most: usize) -> Self {
        Self { seen: Mutex::new(Seen::default()), most }
    }

    /// Remembers a nonce until `end`, which is when its token would be refused as too old anyway.
    pub(crate) fn see(&self, nonce: Digest, end: Timestamp, now: Timestamp) -> Sight {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.by_end.first().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, ended)) = seen.by_end.pop_first() {
                seen.digests.remove(&ended);
            }
        }
        if seen.digests.contains(&nonce) {
            return Sight::Replayed;
        }
        if seen.digests.len() >= self.most {
            return Sight::Full;
        }
        seen.digests.insert(nonce);
        seen.by_end.insert((end, nonce));
        Sight::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_nonce_lets_in_once_while_its_token_is_young_enough() {
        let nonces = Nonces::new(10);
        assert_eq!(nonces.see([1; 32], at(360), at(0)), Sight::First);
        assert_eq!(nonces.see([1; 32], at(360), at(359)), Sight::Replayed);
        assert_eq!(nonces.see([1; 32], at(700), at(360)), Sight::First);
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing_that_counts() {
        let nonces = Nonces::new(2);
        assert_eq!(nonces.see([1; 32], at(100), at(0)), Sight::First);
        assert_eq!(nonces.see([2; 32], at(200), at(0)), Sight::First);
        assert_eq!(nonces.see([3; 32], at(300), at(50)), Sight::Full);
        assert_eq!(nonces.see([2; 32], at(200), at(50)), Sight::Replayed);
        assert_eq!(nonces.see([3; 32], at(300), at(100)), Sight::First);
    }
}
