//! What one integration's sign-ins for one account have been like: facts that outlive the process, never a password nor
//! anything from which one can be guessed. That two passwords are the same is known to the process that saw both.

use crate::domain::Timestamp;

/// Days that are kept of a row of repeats: more of them say nothing more.
pub const DAYS_KEPT: usize = 8;
/// Refusals of the same password after which it is a stored one and no slip of a hand.
const STALE_REFUSALS: u64 = 4;
/// Days on which they must have been.
const STALE_DAYS: usize = 2;
/// Days on which an integration must have presented the same password that could never have been accepted.
const UNACCEPTABLE_DAYS: usize = 3;
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// The same password once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// When the integration first presented it, as far as the process knows.
    pub since: Timestamp,
}

/// How often, and on which days, the same password was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// How many times.
    pub count: u64,
    /// The days, as days since 1970-01-01 in UTC, in order; the latest [`DAYS_KEPT`] of them.
    pub days: Vec<i64>,
}

impl Repeats {
    fn note(&mut self, repeat: Repeat, at: Timestamp) {
        if self.count == 0 {
            // The first time was no repeat, but was one of them.
            self.count = 1;
            self.on(repeat.since);
        }
        self.count = self.count.saturating_add(1);
        self.on(at);
    }

    fn on(&mut self, at: Timestamp) {
        let day = at.as_millis().div_euclid(DAY_MILLIS);
        if let Err(place) = self.days.binary_search(&day) {
            self.days.insert(place, day);
            let surplus = self.days.len().saturating_sub(DAYS_KEPT);
            self.days.drain(..surplus);
        }
    }
}

/// One integration's sign-ins for one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    /// When the identity service last accepted one.
    pub accepted: Option<Timestamp>,
    /// Refusals of the same password since then.
    pub same: Repeats,
    /// Refusals of the same password since then, where it could never have been accepted.
    pub unacceptable: Repeats,
}

impl Habit {
    /// Notes that the identity service accepted a sign-in: what was refused before it says nothing any more.
    pub fn accepted(&mut self, at: Timestamp) {
        if self.accepted.is_none_or(|before| before < at) {
            *self = Self { accepted: Some(at), ..Self::default() };
        }
    }

    /// Notes that a password was refused that had been refused before.
    pub fn refused_again(&mut self, repeat: Repeat, could_be_set: bool, at: Timestamp) {
        if self.accepted.is_some_and(|accepted| accepted >= at) {
            return;
        }
        self.same.note(repeat, at);
        if !could_be_set {
            self.unacceptable.note(repeat, at);
        }
    }

    /// Whether the integration holds a password that used to be right and is not any more: a person who mistypes stops,
    /// or tries another.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.accepted.is_some() && self.same.count >= STALE_REFUSALS && self.same.days.len() >= STALE_DAYS
    }

    /// Whether it goes on presenting, day after day, what could never have been accepted.
    #[must_use]
    pub fn is_unacceptable(&self) -> bool {
        self.unacceptable.days.len() >= UNACCEPTABLE_DAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_millis((day * 24 + hour) * 3_600_000)
    }

    fn refused(habit: &mut Habit, since: Timestamp, moments: &[Timestamp], could_be_set: bool) {
        for moment in moments {
            habit.refused_again(Repeat { since }, could_be_set, *moment);
        }
    }

    #[test]
    fn a_stored_password_that_used_to_be_right_is_stale_after_four_refusals_on_two_days() {
        let mut habit = Habit::default();
        habit.accepted(at(1, 0));
        refused(&mut habit, at(3, 1), &[at(3, 2), at(3, 3), at(3, 4)], true);
        assert!(!habit.is_stale(), "one bad day is no habit");
        refused(&mut habit, at(3, 1), &[at(4, 1)], true);
        assert!(habit.is_stale());
        habit.accepted(at(5, 0));
        assert!(!habit.is_stale());
        assert_eq!(habit, Habit { accepted: Some(at(5, 0)), ..Habit::default() });
    }

    #[test]
    fn nothing_is_stale_that_never_was_right() {
        let mut habit = Habit::default();
        let moments: Vec<Timestamp> = (1..30).map(|day| at(day, 5)).collect();
        refused(&mut habit, at(1, 0), &moments, true);
        assert!(!habit.is_stale() && !habit.is_unacceptable());
        assert_eq!((habit.same.count, habit.same.days.len()), (30, DAYS_KEPT));
        assert_eq!(habit.same.days.last(), Some(&29), "the latest are kept");
    }

    #[test]
    fn what_could_never_be_accepted_shows_on_the_third_day() {
        let mut habit = Habit::default();
        refused(&mut habit, at(1, 0), &[at(1, 1), at(1, 2), at(2, 1)], false);
        assert!(!habit.is_unacceptable());
        refused(&mut habit, at(1, 0), &[at(3, 1)], false);
        assert!(habit.is_unacceptable());
    }

    #[test]
    fn the_first_presentation_counts_as_a_day_once_it_is_repeated() {
        let mut habit = Habit::default();
        refused(&mut habit, at(1, 0), &[at(2, 0)], false);
        assert_eq!((habit.same.count, &habit.same.days[..]), (2, &[1, 2][..]));
    }

    #[test]
    fn what_comes_late_changes_nothing_that_is_newer() {
        let mut habit = Habit::default();
        habit.accepted(at(9, 0));
        habit.accepted(at(8, 0));
        refused(&mut habit, at(7, 0), &[at(8, 5), at(9, 0)], true);
        assert_eq!(habit, Habit { accepted: Some(at(9, 0)), ..Habit::default() });
    }
}
