//! How many questions a service may be asked in a UTC day, and how many of them one integration may cause.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::domain::{Caller, Timestamp};

const DAY_MILLIS: i64 = 24 * 3_600_000;
/// Integrations that are counted apart; there are never more than an institution has systems.
pub(crate) const APART: usize = 10_000;
/// Without a budget that was set, so many questions are kept for sign-ins.
const KEPT: u64 = 1_000;
/// And this part of a budget that was set, or of the most that was ever seen to be left.
const SHORT_OF: u64 = 10;

/// Why a question may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The day's questions are spent.
    Day,
    /// The integration's share of them is.
    Share,
}

/// One day's budget: what was set, or what the service says is left, whichever is less.
#[derive(Debug)]
pub(crate) struct DayBudget {
    most: Option<u64>,
    percent: u64,
    /// How many spend what the service says is left.
    nodes: u64,
    day: i64,
    asked: u64,
    by: HashMap<Caller, u64>,
    /// The most that the service ever said is left.
    most_left: u64,
}

impl DayBudget {
    /// One node's part of `most` questions a day, of which one integration may cause `percent`.
    pub(crate) fn new(most: Option<NonZeroU64>, percent: u32, nodes: u32) -> Self {
        let (percent, nodes) = (u64::from(percent.clamp(1, 100)), u64::from(nodes.max(1)));
        Self {
            most: most.map(|most| most.get() / nodes),
            percent,
            nodes,
            day: i64::MIN,
            asked: 0,
            by: HashMap::new(),
            most_left: 0,
        }
    }

    /// Whether `caller` may cause one more question at `now`, while the service says that `left` are left.
    ///
    /// # Errors
    /// What is spent.
    pub(crate) fn check(&mut self, caller: &Caller, now: Timestamp, left: Option<u64>) -> Result<(), Spent> {
        if self.is_spent(now) {
            return Err(Spent::Day);
        }
        if self.by.len() >= APART && !self.by.contains_key(caller) {
            return Err(Spent::Share);
        }
        // Whoever else spends what is left makes the shares smaller, also those of the integrations here.
        let told = left.map(|left| self.asked.saturating_add(left / self.nodes));
        let all = [self.most, told].into_iter().flatten().min();
        let by = self.by.get(caller).copied().unwrap_or_default();
        // One question is always in it: only an answer tells that there is more again.
        match all {
            Some(all) if self.percent < 100 && by >= part(all, self.percent).max(1) => Err(Spent::Share),
            _ => Ok(()),
        }
    }

    /// Whether the day of `now` has no more questions for anybody.
    pub(crate) fn is_spent(&mut self, now: Timestamp) -> bool {
        let day = now.as_millis().div_euclid(DAY_MILLIS);
        if day != self.day {
            (self.day, self.asked) = (day, 0);
            self.by.clear();
        }
        self.most.is_some_and(|most| self.asked >= most)
    }

    /// Counts a question that is in nobody's share.
    pub(crate) fn take_unshared(&mut self) {
        self.asked += 1;
    }

    /// Takes one back that reached nobody.
    pub(crate) fn give_back_unshared(&mut self) {
        self.asked = self.asked.saturating_sub(1);
    }

    /// Counts a question for which [`check`](Self::check) found room just now.
    pub(crate) fn take(&mut self, caller: &Caller) {
        *self.by.entry(caller.clone()).or_default() += 1;
        self.take_unshared();
    }

    /// Whether so little is left of the day that it is better kept for sign-ins.
    pub(crate) fn is_short(&mut self, left: Option<u64>) -> bool {
        self.most_left = self.most_left.max(left.unwrap_or_default());
        // What the service says is left is for all nodes: so is the rest.
        let of_all = |own: u64| own.saturating_mul(self.nodes);
        let own = self.most.map(|most| of_all(most.saturating_sub(self.asked)));
        let least = [left, own].into_iter().flatten().min();
        let kept = self.most.map_or(KEPT, |most| of_all(most) / SHORT_OF).max(self.most_left / SHORT_OF);
        least.is_some_and(|least| least < kept)
    }
}

fn part(all: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(all) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// How long the UTC day of `now` still lasts.
pub(crate) fn rest_of_day(now: Timestamp) -> Duration {
    let rest = DAY_MILLIS - now.as_millis().rem_euclid(DAY_MILLIS);
    Duration::from_millis(u64::try_from(rest).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000)
    }

    fn take(budget: &mut DayBudget, caller: &Caller, now: Timestamp, left: Option<u64>) -> Result<(), Spent> {
        budget.check(caller, now, left)?;
        budget.take(caller);
        Ok(())
    }

    #[test]
    fn one_integration_cannot_spend_the_day_of_all() {
        let mut budget = DayBudget::new(NonZeroU64::new(10), 50, 1);
        let (stuck, other) = (Caller::stored("01X/stuck"), Caller::stored("01X/other"));
        let taken = (0..100).filter(|_| take(&mut budget, &stuck, at(1), None).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(budget.check(&stuck, at(1), None), Err(Spent::Share));
        assert_eq!((0..100).filter(|_| take(&mut budget, &other, at(2), None).is_ok()).count(), 5);
        assert_eq!(budget.check(&Caller::stored("01X/third"), at(3), None), Err(Spent::Day));
    }

    #[test]
    fn without_a_budget_the_shares_are_of_what_the_service_says_is_left() {
        let mut budget = DayBudget::new(None, 50, 1);
        let (stuck, other) = (Caller::stored("01X/stuck"), Caller::stored("01X/other"));
        let (mut left, mut taken) = (1_000, 0);
        assert_eq!(take(&mut budget, &other, at(1), None), Ok(()), "nobody has told yet");
        while take(&mut budget, &stuck, at(1), Some(left)).is_ok() {
            (left, taken) = (left - 1, taken + 1);
        }
        assert_eq!((taken, left), (500, 500), "half of it is for the others");
        assert_eq!(take(&mut budget, &other, at(1), Some(left)), Ok(()));
        // Somebody else, of whom nothing is known here, spends it as well.
        assert_eq!(budget.check(&stuck, at(1), Some(100)), Err(Spent::Share));
        assert_eq!(budget.check(&stuck, at(1), Some(5_000)), Ok(()), "and there may be more again");
        assert_eq!(take(&mut budget, &stuck, at(24), Some(0)), Ok(()), "what was left of yesterday says little");
        assert_eq!(budget.check(&stuck, at(24), Some(0)), Err(Spent::Share));
    }

    #[test]
    fn a_whole_share_knows_no_limit_but_the_days() {
        let mut budget = DayBudget::new(NonZeroU64::new(3), 100, 1);
        let caller = Caller::stored("01X/only");
        for expected in [Ok(()), Ok(()), Ok(()), Err(Spent::Day)] {
            assert_eq!(take(&mut budget, &caller, at(1), Some(0)), expected);
        }
    }

    #[test]
    fn what_is_left_of_a_day_is_kept_for_sign_ins_below_a_floor() {
        let cases = [
            (None, None, false),
            (None, Some(60), true),
            (None, Some(999), true),
            (None, Some(1_000), false),
            (Some(200), Some(60), false),
            (Some(200), Some(19), true),
            (Some(200), None, false),
        ];
        for (most, left, is_short) in cases {
            let mut budget = DayBudget::new(most.and_then(NonZeroU64::new), 50, 1);
            assert_eq!(budget.is_short(left), is_short, "{most:?} {left:?}");
        }
        let mut budget = DayBudget::new(None, 50, 1);
        assert!(!budget.is_short(Some(100_000)));
        assert!(budget.is_short(Some(9_999)), "a tenth of the most that was seen");
        let mut budget = DayBudget::new(NonZeroU64::new(10), 100, 1);
        for _ in 0..10 {
            assert!(!budget.is_short(None));
            assert_eq!(take(&mut budget, &Caller::stored(""), at(1), None), Ok(()));
        }
        assert!(budget.is_short(None), "its own count");
    }

    #[test]
    fn two_nodes_together_ask_what_one_may() {
        let (stuck, other) = (Caller::stored("01X/stuck"), Caller::stored("01X/other"));
        let mut nodes = [(); 2].map(|()| DayBudget::new(NonZeroU64::new(20), 50, 2));
        let mut asked = |caller: &Caller| {
            let on_each =
                nodes.each_mut().map(|node| (0..100).filter(|_| take(node, caller, at(1), None).is_ok()).count());
            on_each.iter().sum::<usize>()
        };
        assert_eq!((asked(&stuck), asked(&other)), (10, 10));

        let mut nodes = [(); 2].map(|()| DayBudget::new(None, 50, 2));
        let mut left = 1_000;
        for n in 0..2_000 {
            left -= u64::from(take(&mut nodes[n % 2], &stuck, at(1), Some(left)).is_ok());
        }
        assert!((500..=502).contains(&left), "half is for the others, and parts are rounded: {left}");
    }

    #[test]
    fn a_new_day_begins_at_midnight_utc() {
        let mut budget = DayBudget::new(Some(NonZeroU64::MIN), 100, 1);
        let caller = Caller::stored("");
        assert_eq!(take(&mut budget, &caller, at(23), None), Ok(()));
        assert_eq!(budget.check(&caller, at(23), None), Err(Spent::Day));
        assert_eq!(rest_of_day(at(23)), Duration::from_hours(1));
        assert_eq!(take(&mut budget, &caller, at(24), None), Ok(()));
    }
}
