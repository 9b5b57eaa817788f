//! Who still calls, in numbers: what a call adds to which counters.

use crate::domain::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// A day in UTC, by its number since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day with this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Its number since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The day that holds a moment.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY_MILLIS))
    }

    /// The day so many days earlier.
    #[must_use]
    pub const fn before(self, days: u32) -> Self {
        // A u32 always fits.
        Self(self.0.saturating_sub(days as i64))
    }

    /// The moment at which it begins.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY_MILLIS))
    }
}

/// By what calls are told apart within a day and an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// Who was to be signed in.
    Account,
    /// What the program that called says it is.
    Agent,
    /// What was asked for.
    Operation,
    /// The address it came from.
    Source,
}

impl Dimension {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Account, Self::Agent, Self::Operation, Self::Source];

    /// The public name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Agent => "agent",
            Self::Operation => "operation",
            Self::Source => "source",
        }
    }
}

/// How a call ended, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The account was let in.
    Accepted,
    /// The account or its integration was refused.
    Refused,
    /// Neither: no answer, a message that cannot be read, an operation that is not served.
    Unanswered,
}

/// Calls of one kind: how many ended how, the first and the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// When the first came; later than [`Tally::last`] where there was none.
    pub first: Timestamp,
    /// When the last came.
    pub last: Timestamp,
    /// Accounts let in.
    pub accepted: u64,
    /// Accounts or integrations refused.
    pub refused: u64,
    /// Neither.
    pub unanswered: u64,
}

impl Tally {
    /// No call.
    pub const NONE: Self = Self {
        first: Timestamp::from_millis(i64::MAX),
        last: Timestamp::from_millis(i64::MIN),
        accepted: 0,
        refused: 0,
        unanswered: 0,
    };

    /// One call.
    #[must_use]
    pub fn one(end: CallEnd, at: Timestamp) -> Self {
        let mut tally = Self::NONE;
        tally.count(end, at);
        tally
    }

    /// Counts one call.
    pub fn count(&mut self, end: CallEnd, at: Timestamp) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        *match end {
            CallEnd::Accepted => &mut self.accepted,
            CallEnd::Refused => &mut self.refused,
            CallEnd::Unanswered => &mut self.unanswered,
        } += 1;
    }

    /// All calls of it.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.accepted.saturating_add(self.refused).saturating_add(self.unanswered)
    }

    /// Whether there was no call.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.calls() == 0
    }

    /// Adds the calls of another.
    pub fn add(&mut self, other: &Self) {
        if other.is_none() {
            return;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }

    /// Takes the calls of a part away, which is in it; `None` when it is not. When the first and the last of the rest
    /// came is not known exactly any more: not before and not after.
    #[must_use]
    pub fn without(&self, part: &Self) -> Option<Self> {
        Some(Self {
            accepted: self.accepted.checked_sub(part.accepted)?,
            refused: self.refused.checked_sub(part.refused)?,
            unanswered: self.unanswered.checked_sub(part.unanswered)?,
            ..*self
        })
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a> FromIterator<&'a Tally> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Self>>(tallies: I) -> Self {
        tallies.into_iter().fold(Self::NONE, |mut sum, tally| {
            sum.add(tally);
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_from_midnight_to_midnight_in_utc() {
        let cases = [(-1, -1), (0, 0), (DAY_MILLIS - 1, 0), (DAY_MILLIS, 1), (1_800_000_000_000, 20_833)];
        for (millis, number) in cases {
            assert_eq!(Day::of(Timestamp::from_millis(millis)), Day::from_number(number), "{millis}");
        }
        assert_eq!(Day::from_number(20_833).start(), Timestamp::from_millis(1_799_971_200_000));
        assert_eq!(Day::from_number(5).before(7), Day::from_number(-2));
    }

    #[test]
    fn a_part_can_be_taken_away_only_when_it_is_there() {
        let at = Timestamp::from_millis;
        let mut all = Tally::one(CallEnd::Accepted, at(5));
        all.add(&Tally::one(CallEnd::Refused, at(3)));
        all.add(&Tally::NONE);
        assert_eq!((all.first, all.last, all.calls()), (at(3), at(5), 2));
        let rest = all.without(&Tally::one(CallEnd::Refused, at(3))).expect("it is in it");
        assert_eq!((rest.accepted, rest.refused), (1, 0));
        assert_eq!(rest.without(&Tally::one(CallEnd::Refused, at(3))), None);
    }
}
