//! How many questions a service may be asked in a UTC day, and how many of them one integration may cause.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::domain::{Caller, Timestamp};

const DAY_MILLIS: i64 = 24 * 3_600_000;
/// Integrations that are counted apart; there are never more than an institution has systems.
const APART: usize = 10_000;

/// Why a question may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// The day's questions are spent.
    Day,
    /// The integration's share of them is.
    Share,
}

/// One day's budget.
#[derive(Debug)]
pub(crate) struct DayBudget {
    most: u64,
    share: u64,
    day: i64,
    asked: u64,
    by: HashMap<Caller, u64>,
}

impl DayBudget {
    /// `most` questions a day, of which one integration may cause `percent`.
    pub(crate) fn new(most: NonZeroU64, percent: u32) -> Self {
        let share = u128::from(most.get()) * u128::from(percent.clamp(1, 100)) / 100;
        let share = u64::try_from(share).unwrap_or(u64::MAX).max(1);
        Self { most: most.get(), share, day: i64::MIN, asked: 0, by: HashMap::new() }
    }

    /// Takes one question at `now`.
    ///
    /// # Errors
    /// What is spent; then nothing is taken.
    pub(crate) fn take(&mut self, caller: &Caller, now: Timestamp) -> Result<(), Spent> {
        let day = now.as_millis().div_euclid(DAY_MILLIS);
        if day != self.day {
            (self.day, self.asked) = (day, 0);
            self.by.clear();
        }
        if self.asked >= self.most {
            return Err(Spent::Day);
        }
        if self.by.len() >= APART && !self.by.contains_key(caller) {
            return Err(Spent::Share);
        }
        let by = self.by.entry(caller.clone()).or_default();
        if *by >= self.share {
            return Err(Spent::Share);
        }
        *by += 1;
        self.asked += 1;
        Ok(())
    }
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

    #[test]
    fn one_integration_cannot_spend_the_day_of_all() {
        let mut budget = DayBudget::new(NonZeroU64::new(10).expect("not zero"), 50);
        let (stuck, other) = (Caller::stored("01X/stuck"), Caller::stored("01X/other"));
        let taken = (0..100).filter(|_| budget.take(&stuck, at(1)).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(budget.take(&stuck, at(1)), Err(Spent::Share));
        assert_eq!((0..100).filter(|_| budget.take(&other, at(2)).is_ok()).count(), 5);
        assert_eq!(budget.take(&Caller::stored("01X/third"), at(3)), Err(Spent::Day));
    }

    #[test]
    fn a_new_day_begins_at_midnight_utc() {
        let mut budget = DayBudget::new(NonZeroU64::MIN, 100);
        let caller = Caller::stored("");
        assert_eq!(budget.take(&caller, at(23)), Ok(()));
        assert_eq!(budget.take(&caller, at(23)), Err(Spent::Day));
        assert_eq!(rest_of_day(at(23)), Duration::from_hours(1));
        assert_eq!(budget.take(&caller, at(24)), Ok(()));
    }
}
