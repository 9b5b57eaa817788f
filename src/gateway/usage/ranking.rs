//! The values of one dimension that may get a row of their own: bounded, whatever is sent.
//!
//! There is room for four times as many values as are kept in the store. When it is full, those with the fewest calls
//! make way until half of it is free; their calls count among the others from then on. So one that begins late but
//! calls a lot stays, and a flood of values that are each seen once passes through.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::domain::{CallEnd, Dimension, Tally, Timestamp};
use crate::gateway::usage::counted::Counted;
use crate::store::{UsageCandidate, UsagePlace, UsageRanking, UsageWritten};

/// Values remembered for each that is kept.
const ROOM: usize = 4;

/// A value's calls.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Not in the store yet.
    fresh: Tally,
    /// In the store, among the others.
    parked: Tally,
    /// All since it is remembered.
    calls: u64,
}

/// The values of a day, an integration and a dimension.
pub(crate) struct Ranking<K> {
    values: HashMap<K, Seen>,
    /// Calls of no value that is remembered, not in the store yet.
    others: Tally,
    kept: usize,
}

impl<K: Counted> Ranking<K> {
    /// A ranking of which `kept` values have rows in the store.
    pub(crate) fn new(kept: usize) -> Self {
        Self { values: HashMap::new(), others: Tally::NONE, kept }
    }

    /// Counts a call of a value.
    pub(crate) fn count(&mut self, value: K, end: CallEnd, at: Timestamp) {
        let seen = self.values.entry(value).or_default();
        seen.fresh.count(end, at);
        seen.calls += 1;
        if self.values.len() >= self.kept.saturating_mul(ROOM) {
            self.make_room();
        }
    }

    /// Counts a call of a value that gets no place by it.
    pub(crate) fn count_if_seen(&mut self, value: &K, end: CallEnd, at: Timestamp) {
        match self.values.get_mut(value) {
            Some(seen) => {
                seen.fresh.count(end, at);
                seen.calls += 1;
            }
            None => self.others.count(end, at),
        }
    }

    /// Counts a call without a value.
    pub(crate) fn count_other(&mut self, end: CallEnd, at: Timestamp) {
        self.others.count(end, at);
    }

    /// Forgets a value: what is not written yet is among the others.
    pub(crate) fn forget(&mut self, value: &K) {
        if let Some(seen) = self.values.remove(value) {
            self.others.add(&seen.fresh);
        }
    }

    /// What is to be written. From here on it is the writer's, until it says what became of it.
    pub(crate) fn take(&mut self, dimension: Dimension) -> UsageRanking {
        let unwritten = self.values.iter_mut().filter(|(_, seen)| !seen.fresh.is_none());
        let candidates = unwritten.map(|(value, seen)| {
            let fresh = std::mem::take(&mut seen.fresh);
            UsageCandidate { value: value.written(), fresh, parked: seen.parked }
        });
        let candidates = candidates.collect();
        UsageRanking { dimension, candidates, others: std::mem::take(&mut self.others), kept: self.kept }
    }

    /// It is written: who has a row now, and who is among the others.
    pub(crate) fn written(&mut self, ranking: &UsageRanking, written: &UsageWritten) {
        for (candidate, place) in ranking.candidates.iter().zip(&written.places) {
            if let Some(seen) = K::read(&candidate.value).and_then(|value| self.values.get_mut(&value)) {
                seen.parked = match place {
                    UsagePlace::Named => Tally::NONE,
                    UsagePlace::Others(parked) => *parked,
                };
            }
        }
        for (value, tally) in &written.evicted {
            if let Some(value) = K::read(value) {
                let seen = self.values.entry(value).or_default();
                seen.parked = *tally;
                seen.calls = seen.calls.max(tally.calls());
            }
        }
        if self.values.len() >= self.kept.saturating_mul(ROOM) {
            self.make_room();
        }
    }

    /// It is not written: it is to be written later.
    pub(crate) fn give_back(&mut self, ranking: &UsageRanking) {
        self.others.add(&ranking.others);
        for candidate in &ranking.candidates {
            match K::read(&candidate.value).and_then(|value| self.values.get_mut(&value)) {
                Some(seen) => seen.fresh.add(&candidate.fresh),
                None => self.others.add(&candidate.fresh),
            }
        }
    }

    fn make_room(&mut self) {
        let mut calls: Vec<u64> = self.values.values().map(|seen| seen.calls).collect();
        let stay = (self.kept.saturating_mul(ROOM) / 2).max(1).min(calls.len());
        let (_, least, _) = calls.select_nth_unstable_by_key(stay - 1, |calls| Reverse(*calls));
        let least = *least;
        let heavier = self.values.values().filter(|seen| seen.calls > least).count();
        let mut of_the_least = stay - heavier;
        let others = &mut self.others;
        self.values.retain(|_, seen| {
            let stays = seen.calls > least || (seen.calls == least && of_the_least > 0);
            if stays && seen.calls == least {
                of_the_least -= 1;
            }
            if !stays {
                others.add(&seen.fresh);
            }
            stays
        });
    }

    /// Values remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}
