//! The values of one dimension that may get a row of their own: bounded, whatever is sent.
//!
//! There is room for four times as many values as are kept in the store. When it is full, the lightest make way until
//! half of it is free; their calls count among the others from then on. Weight is what the value called, on top of the
//! weight that was not enough to stay when it came: as in the space-saving algorithm (Metwally, Agrawal, El Abbadi,
//! 2005), whoever makes more than its share of the calls is remembered, however late it begins and whatever else is
//! sent. Weight only decides who stays; what is counted is exact.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::domain::{Dimension, Tally};
use crate::gateway::usage::counted::Counted;
use crate::store::{UsageCandidate, UsagePlace, UsageRanking, UsageWritten};

/// Values remembered for each that is kept.
const ROOM: usize = 4;

/// A value's calls.
struct Seen {
    /// Not in the store yet.
    fresh: Tally,
    /// In the store, among the others.
    parked: Tally,
    /// What decides whether it stays.
    weight: u64,
}

impl Seen {
    fn at(floor: u64) -> Self {
        Self { fresh: Tally::NONE, parked: Tally::NONE, weight: floor }
    }

    fn add(&mut self, calls: &Tally) {
        self.fresh.add(calls);
        self.weight += calls.calls();
    }
}

/// The values of a day, an integration and a dimension.
pub(crate) struct Ranking<K> {
    values: HashMap<K, Seen>,
    /// Calls, not in the store yet, of values that the store may know; as many as there is room for.
    unproven: HashMap<K, Tally>,
    /// Calls of no value that is remembered, not in the store yet.
    others: Tally,
    /// The heaviest weight that was not enough to stay.
    floor: u64,
    kept: usize,
}

impl<K: Counted> Ranking<K> {
    /// A ranking of which `kept` values have rows in the store.
    pub(crate) fn new(kept: usize) -> Self {
        Self { values: HashMap::new(), unproven: HashMap::new(), others: Tally::NONE, floor: 0, kept }
    }

    /// Counts calls of a value.
    pub(crate) fn add(&mut self, value: K, calls: &Tally) {
        self.known(value).add(calls);
        if self.values.len() >= self.kept.saturating_mul(ROOM) {
            self.make_room();
        }
    }

    /// Counts calls of a value that gets a place only when the store knows it.
    pub(crate) fn add_unproven(&mut self, value: K, calls: &Tally) {
        if let Some(seen) = self.values.get_mut(&value) {
            seen.add(calls);
        } else if self.unproven.len() < self.kept.saturating_mul(ROOM) || self.unproven.contains_key(&value) {
            self.unproven.entry(value).or_insert(Tally::NONE).add(calls);
        } else {
            self.others.add(calls);
        }
    }

    /// Counts calls without a value.
    pub(crate) fn add_others(&mut self, calls: &Tally) {
        self.others.add(calls);
    }

    /// Forgets every value: what is not written yet is among the others.
    pub(crate) fn forget(&mut self) {
        for (_, seen) in self.values.drain() {
            self.others.add(&seen.fresh);
        }
        self.forget_unproven();
    }

    /// Forgets every value that only the store can know.
    pub(crate) fn forget_unproven(&mut self) {
        for (_, calls) in self.unproven.drain() {
            self.others.add(&calls);
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
        let unproven = self.unproven.drain().map(|(value, calls)| (value.written(), calls)).collect();
        UsageRanking { dimension, candidates, unproven, others: std::mem::take(&mut self.others), kept: self.kept }
    }

    /// It is written: who has a row now, and who is among the others.
    pub(crate) fn written(&mut self, ranking: &UsageRanking, written: &UsageWritten) {
        for (candidate, place) in ranking.candidates.iter().zip(&written.places) {
            if let Some(seen) = K::read(&candidate.value).and_then(|value| self.values.get_mut(&value)) {
                seen.parked = parked(place);
            }
        }
        for (value, place) in &written.proven {
            if let Some(value) = K::read(value) {
                self.known(value).parked = parked(place);
            }
        }
        for (value, tally) in &written.evicted {
            if let Some(value) = K::read(value) {
                self.known(value).parked = *tally;
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
        for (value, calls) in &ranking.unproven {
            match K::read(value) {
                Some(value) => self.add_unproven(value, calls),
                None => self.others.add(calls),
            }
        }
    }

    /// A value that is known, with what was counted before it was.
    fn known(&mut self, value: K) -> &mut Seen {
        let before = self.unproven.remove(&value);
        let seen = self.values.entry(value).or_insert_with(|| Seen::at(self.floor));
        if let Some(before) = &before {
            seen.add(before);
        }
        seen
    }

    fn make_room(&mut self) {
        let stay = (self.kept.saturating_mul(ROOM) / 2).max(1);
        // A new map has a new order, so that among equals it is not always the same that stay.
        let mut values: Vec<(K, Seen)> = std::mem::take(&mut self.values).into_iter().collect();
        if stay < values.len() {
            values.select_nth_unstable_by_key(stay, |(_, seen)| Reverse(seen.weight));
            for (_, seen) in values.drain(stay..) {
                self.floor = self.floor.max(seen.weight);
                self.others.add(&seen.fresh);
            }
        }
        self.values = values.into_iter().collect();
    }

    /// Values remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// What of a value is among the others.
fn parked(place: &UsagePlace) -> Tally {
    match place {
        UsagePlace::Named => Tally::NONE,
        UsagePlace::Others(parked) => *parked,
    }
}
