//! What is kept of one account until it is written: facts, counted up where they say the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::{AccountId, Fact, GuessFacts};
use crate::store::{Gathered, Seen};
use crate::telemetry::account_tag;

/// Different facts and places that are kept of one account between two writes; beyond that a fact that is known already
/// is counted with the first of its kind.
pub(super) const APART: usize = 32;
/// And new ones are kept until there are so many.
pub(super) const FACTS: usize = 64;

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Dropped,
    Kept,
}

/// Adds what was seen to what was gathered: a fact that was seen from the same place on the same day is counted up.
pub(super) fn add(gathered: &mut Gathered, new: Seen) -> Added {
    let known = gathered.seen.len();
    let is_full = known >= APART;
    let same = gathered.seen.iter_mut().find(|seen| {
        let same_place =
            seen.integration == new.integration && seen.source == new.source && seen.operation == new.operation;
        is_alike(seen.fact, new.fact) && (same_place || is_full) && seen.last.day() == new.last.day()
    });
    match same {
        Some(seen) => {
            if new.last >= seen.last {
                // What is known of a repeated password only grows.
                seen.fact = new.fact;
            }
            seen.count = seen.count.saturating_add(new.count);
            (seen.first, seen.last) = (seen.first.min(new.first), seen.last.max(new.last));
        }
        None if known >= FACTS => {
            tracing::warn!(account.tag = account_tag(&gathered.account), "flag.fact_dropped");
            return Added::Dropped;
        }
        None => gathered.seen.push(new),
    }
    Added::Kept
}

/// One of each account, with all that was seen of it, and how many facts there was no room for.
pub(super) fn join(all: Vec<Gathered>) -> (Vec<Gathered>, u64) {
    let mut places: HashMap<AccountId, usize> = HashMap::new();
    let mut joined: Vec<Gathered> = Vec::new();
    let mut dropped = 0;
    for one in all {
        match places.entry(one.account.clone()) {
            Entry::Occupied(known) => {
                let Some(known) = joined.get_mut(*known.get()) else { continue };
                dropped += one.seen.into_iter().map(|seen| u64::from(add(known, seen) == Added::Dropped)).sum::<u64>();
            }
            Entry::Vacant(free) => {
                free.insert(joined.len());
                joined.push(one);
            }
        }
    }
    (joined, dropped)
}

/// Whether a fact may make a flag. One that only says that somebody was let in comes again with the next sign-in.
pub(super) const fn may_flag(fact: Fact) -> bool {
    match fact {
        Fact::Accepted | Fact::IntegrationAccepted => false,
        Fact::IntegrationRefused | Fact::MustChange | Fact::Refused(..) => true,
    }
}

/// Whether two facts say the same; of a repeated password, whether they say it of the same one.
fn is_alike(one: Fact, other: Fact) -> bool {
    match (one, other) {
        (Fact::Refused(a, one), Fact::Refused(b, other)) => {
            let since = |guess: GuessFacts| guess.repeat.map(|repeat| repeat.since);
            a == b && one.could_be_set == other.could_be_set && since(one) == since(other)
        }
        (one, other) => one == other,
    }
}
