//! One password, refused again and again: what a process that saw all of it knows. It says nothing of the password, and
//! evidence is never put together of several: whoever has forgotten theirs tries many, each a few times.

use crate::domain::Timestamp;

/// Refusals of one password after which it is a stored one and no slip of a hand.
const STALE_REFUSALS: u32 = 4;
/// Days on which they must have been: people try what used to be their password for a day or two.
const STALE_DAYS: u32 = 3;
/// Days on which an integration must have presented one password that could never have been accepted.
const UNACCEPTABLE_DAYS: u32 = 3;

/// The same password once more, from the same integration, and nothing of that account accepted from there since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// When it was first presented.
    pub since: Timestamp,
    /// How often it was refused, the first time included.
    pub refusals: u32,
    /// On how many days (in UTC).
    pub days: u32,
}

impl Repeat {
    /// What is known after the first refusal, which is no repeat yet.
    #[must_use]
    pub const fn first(at: Timestamp) -> Self {
        Self { since: at, refusals: 1, days: 1 }
    }

    /// What is known after one more refusal at `at`, when the one before was at `last`.
    #[must_use]
    pub const fn again(self, last: Timestamp, at: Timestamp) -> Self {
        let day = if last.day() == at.day() { 0 } else { 1 };
        Self { since: self.since, refusals: self.refusals.saturating_add(1), days: self.days.saturating_add(day) }
    }

    /// Whether it is stored somewhere and used to be right: a person who mistypes stops, or tries another. `accepted` is
    /// when the integration was last let in with the account.
    #[must_use]
    pub fn is_stale(self, accepted: Option<Timestamp>) -> bool {
        accepted.is_some_and(|accepted| accepted <= self.since)
            && self.refusals >= STALE_REFUSALS
            && self.days >= STALE_DAYS
    }

    /// Whether it goes on day after day, for a password that could never have been accepted.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        self.days >= UNACCEPTABLE_DAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_millis((day * 24 + hour) * 3_600_000)
    }

    fn refused(moments: &[Timestamp]) -> Repeat {
        let pairs = moments.iter().zip(&moments[1..]);
        pairs.fold(Repeat::first(moments[0]), |repeat, (last, moment)| repeat.again(*last, *moment))
    }

    #[test]
    fn a_stored_password_that_used_to_be_right_is_stale_after_four_refusals_on_three_days() {
        let two_days = [at(3, 1), at(3, 2), at(3, 3), at(4, 1), at(4, 2), at(4, 3)];
        assert!(!refused(&two_days).is_stale(Some(at(1, 0))), "two bad days are no habit");
        let three_days = [at(3, 1), at(3, 2), at(4, 1), at(5, 1)];
        assert!(refused(&three_days).is_stale(Some(at(1, 0))));
        assert!(!refused(&three_days[1..]).is_stale(Some(at(1, 0))));
        assert!(!refused(&three_days).is_stale(None), "nothing is stale that never was right");
        assert!(!refused(&three_days).is_stale(Some(at(3, 2))), "it was let in meanwhile, elsewhere than here");
    }

    #[test]
    fn what_could_never_be_accepted_shows_on_the_third_day() {
        assert!(!refused(&[at(1, 0), at(1, 1), at(1, 2), at(2, 1), at(2, 2)]).is_lasting());
        assert!(refused(&[at(1, 0), at(2, 1), at(3, 1)]).is_lasting());
    }

    #[test]
    fn every_refusal_counts_and_every_day_once() {
        let repeat = refused(&[at(1, 23), at(2, 0), at(2, 1), at(5, 0)]);
        assert_eq!(repeat, Repeat { since: at(1, 23), refusals: 4, days: 3 });
    }
}
