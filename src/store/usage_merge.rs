//! Who gets a row of its own, of those that called on a day: the heaviest, and everything else together is one row.
//! Nothing is counted twice and nothing is lost on the way, whoever moves in or out.

use std::collections::HashMap;

use crate::domain::Tally;
use crate::store::usage::{UsagePlace, UsageRanking, UsageValue};

/// The rows of one dimension, of a day and an integration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) named: HashMap<UsageValue, Tally>,
    /// Everything else.
    pub(crate) others: Tally,
}

/// How the rows are to be afterwards, and what that means to whoever counts.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// Rows that are new or changed.
    pub(crate) put: Vec<(UsageValue, Tally)>,
    /// Values whose row is over: it is among the others now, with these calls.
    pub(crate) evicted: Vec<(UsageValue, Tally)>,
    /// All others.
    pub(crate) others: Tally,
    /// Where each candidate went, in their order.
    pub(crate) places: Vec<UsagePlace>,
}

/// Adds what was counted to the rows that are there.
///
/// A value without a row gets one while there is room, or when it has more calls than the least that has one. What it
/// has among the others already, because there was no room for it before, moves out with it; so whoever calls a lot
/// gets a row, however late it begins.
pub(crate) fn merge(mut rows: Rows, ranking: &UsageRanking) -> Merged {
    let parked: Tally = ranking.candidates.iter().map(|candidate| &candidate.parked).collect();
    // The others may be fewer than this node remembers: the day was purged, or the database is an older copy.
    let parked_is_there = rows.others.without(&parked).is_some();
    let parked = |place: usize| if parked_is_there { ranking.candidates[place].parked } else { Tally::NONE };
    let mut merged = Merged { places: vec![UsagePlace::Named; ranking.candidates.len()], ..Merged::default() };
    let mut touched: Vec<UsageValue> = Vec::new();
    let mut contenders: Vec<(usize, Tally)> = Vec::new();
    rows.others.add(&ranking.others);
    for (place, candidate) in ranking.candidates.iter().enumerate() {
        let mut whole = parked(place);
        whole.add(&candidate.fresh);
        if let Some(row) = rows.named.get_mut(&candidate.value) {
            if !whole.is_none() {
                row.add(&whole);
                rows.others = rows.others.without(&parked(place)).unwrap_or(rows.others);
                touched.push(candidate.value.clone());
            }
        } else {
            contenders.push((place, whole));
        }
    }
    // Fewer may be kept than before.
    while rows.named.len() > ranking.kept {
        evict_least(&mut rows, &mut merged);
    }
    contenders.sort_by_key(|(_, whole)| std::cmp::Reverse(whole.calls()));
    for (place, whole) in contenders {
        let candidate = &ranking.candidates[place];
        let full = rows.named.len() >= ranking.kept;
        let beaten = full && least(&rows).is_some_and(|(_, calls)| calls < whole.calls());
        if whole.is_none() {
            merged.places[place] = UsagePlace::Others(whole);
        } else if !full || beaten {
            if beaten {
                evict_least(&mut rows, &mut merged);
            }
            rows.others = rows.others.without(&parked(place)).unwrap_or(rows.others);
            rows.named.insert(candidate.value.clone(), whole);
            touched.push(candidate.value.clone());
        } else {
            rows.others.add(&candidate.fresh);
            merged.places[place] = UsagePlace::Others(whole);
        }
    }
    merged.put = touched.into_iter().filter_map(|value| rows.named.remove_entry(&value)).collect();
    merged.others = rows.others;
    merged
}

fn least(rows: &Rows) -> Option<(&UsageValue, u64)> {
    // Among equals the order of the names, so that two nodes choose alike.
    rows.named.iter().map(|(value, tally)| (value, tally.calls())).min_by_key(|(value, calls)| (*calls, *value))
}

fn evict_least(rows: &mut Rows, merged: &mut Merged) {
    let Some(value) = least(rows).map(|(value, _)| value.clone()) else { return };
    if let Some(tally) = rows.named.remove(&value) {
        rows.others.add(&tally);
        merged.evicted.push((value, tally));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{CallEnd, Dimension, Timestamp};
    use crate::store::usage::UsageCandidate;

    fn calls(count: u64) -> Tally {
        let at = Timestamp::from_millis(1);
        let mut tally = Tally::NONE;
        (0..count).for_each(|_| tally.count(CallEnd::Accepted, at));
        tally
    }

    fn value(name: &str) -> UsageValue {
        UsageValue { institution: Box::from(""), value: Box::from(name) }
    }

    fn ranking(kept: usize, candidates: &[(&str, u64, u64)], others: u64) -> UsageRanking {
        let candidates = candidates.iter().map(|(name, fresh, parked)| UsageCandidate {
            value: value(name),
            fresh: calls(*fresh),
            parked: calls(*parked),
        });
        let others = calls(others);
        UsageRanking {
            dimension: Dimension::Agent,
            candidates: candidates.collect(),
            unproven: Vec::new(),
            others,
            kept,
        }
    }

    /// What the rows are after a merge, as the database has them.
    fn applied(mut rows: Rows, ranking: &UsageRanking) -> (Rows, Merged) {
        let merged = merge(rows.clone(), ranking);
        for (value, _) in &merged.evicted {
            rows.named.remove(value);
        }
        rows.named.extend(merged.put.iter().cloned());
        rows.others = merged.others;
        (rows, merged)
    }

    fn counts(rows: &Rows) -> (BTreeMap<String, u64>, u64) {
        let named = rows.named.iter().map(|(value, tally)| (value.value.to_string(), tally.calls())).collect();
        (named, rows.others.calls())
    }

    fn expected(named: &[(&str, u64)], others: u64) -> (BTreeMap<String, u64>, u64) {
        (named.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect(), others)
    }

    #[test]
    fn the_first_get_rows_and_the_rest_is_others() {
        let (rows, merged) = applied(Rows::default(), &ranking(2, &[("a", 3, 0), ("b", 1, 0), ("c", 2, 0)], 4));
        assert_eq!(counts(&rows), expected(&[("a", 3), ("c", 2)], 5));
        assert_eq!(merged.places, [UsagePlace::Named, UsagePlace::Others(calls(1)), UsagePlace::Named]);
    }

    #[test]
    fn who_comes_late_and_calls_more_takes_a_row_with_all_it_has() {
        let (rows, _) = applied(Rows::default(), &ranking(2, &[("a", 9, 0), ("b", 4, 0), ("c", 3, 0)], 0));
        let (rows, merged) = applied(rows, &ranking(2, &[("c", 2, 3)], 0));
        assert_eq!(counts(&rows), expected(&[("a", 9), ("c", 5)], 4));
        assert_eq!(merged.evicted, [(value("b"), calls(4))]);
        let (rows, merged) = applied(rows, &ranking(2, &[("b", 1, 4)], 0));
        assert_eq!(counts(&rows), expected(&[("a", 9), ("c", 5)], 5), "no more is not more");
        assert_eq!(merged.places, [UsagePlace::Others(calls(5))]);
    }

    #[test]
    fn others_that_are_not_there_any_more_are_not_taken_out_of_them() {
        let (rows, _) = applied(Rows::default(), &ranking(2, &[("a", 2, 7)], 1));
        assert_eq!(counts(&rows), expected(&[("a", 2)], 1));
    }

    #[test]
    fn fewer_rows_are_kept_from_one_day_to_the_next() {
        let (rows, _) = applied(Rows::default(), &ranking(3, &[("a", 3, 0), ("b", 2, 0), ("c", 1, 0)], 0));
        let (rows, _) = applied(rows, &ranking(1, &[("c", 1, 0)], 0));
        assert_eq!(counts(&rows), expected(&[("a", 3)], 4));
    }

    proptest! {
        /// Two nodes that count on the same rows, each with a memory of what it has among the others; now and then one
        /// forgets all it knows.
        #[test]
        fn sums_stay_exact_whoever_moves_in_or_out(
            rounds in prop::collection::vec((0_usize..2, prop::collection::vec((0_u8..12, 1_u64..9), 1..8), 0_u64..3, prop::bool::weighted(0.1)), 1..40),
        ) {
            let (mut rows, mut total) = (Rows::default(), 0);
            let mut memories: [BTreeMap<String, u64>; 2] = Default::default();
            for (node, fresh, others, restarts) in rounds {
                let memory = &mut memories[node];
                if restarts {
                    memory.clear();
                }
                let mut merged: BTreeMap<String, u64> = BTreeMap::new();
                for (name, count) in fresh {
                    *merged.entry(name.to_string()).or_default() += count;
                    total += count;
                }
                total += others;
                let candidates: Vec<(&str, u64, u64)> = merged
                    .iter()
                    .map(|(name, count)| (name.as_str(), *count, memory.get(name).copied().unwrap_or(0)))
                    .collect();
                let asked = ranking(4, &candidates, others);
                let (after, done) = applied(rows, &asked);
                rows = after;
                for (candidate, place) in asked.candidates.iter().zip(&done.places) {
                    let name = candidate.value.value.to_string();
                    match place {
                        UsagePlace::Named => memory.remove(&name),
                        UsagePlace::Others(parked) => memory.insert(name, parked.calls()),
                    };
                }
                for (value, tally) in &done.evicted {
                    memory.insert(value.value.to_string(), tally.calls());
                }
                let named: u64 = rows.named.values().map(Tally::calls).sum();
                prop_assert_eq!(named + rows.others.calls(), total);
                prop_assert!(rows.named.len() <= 4);
                let parked: u64 = memories.iter().flat_map(BTreeMap::values).sum();
                prop_assert!(parked <= rows.others.calls(), "what is remembered as others' is there");
            }
        }
    }
}
