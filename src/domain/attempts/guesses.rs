//! What a process remembers of the guesses at one account: which were refused, until when that stands, and which
//! password was accepted last.

use std::time::Duration;

use crate::domain::attempts::{AttemptRule, Caller, SlotKind};
use crate::domain::{Rejection, Repeat, Timestamp};

/// The longest time for which a refusal stands before the same password is asked again.
pub const RECHECK_MAX: Duration = Duration::from_hours(6);
/// Guesses remembered for one account; the one that need not be remembered any longer goes first, so that one that is
/// refused again and again outlasts many that came once. One that is forgotten only takes a slot when it comes again.
const REMEMBERED: usize = 64;
/// Callers of one guess that are told apart.
const CALLERS: usize = 16;

/// What stands for a password presented for an account: a digest under a key that lives as long as the process.
pub type GuessTag = [u8; 16];

/// What became of a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is right.
    Accepted,
    /// It is right, and must be changed. Some routes refuse that.
    MustChange,
    /// It was refused.
    Refused(Rejection),
    /// Nobody knows: there was no answer, and the service may have seen it.
    Unknown,
}

/// What to do with a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recall {
    /// Ask, and take such a slot for it.
    Ask(SlotKind),
    /// It was refused lately, for this reason: that still stands.
    Refused(Rejection),
}

#[derive(Clone, Debug)]
struct Guess {
    tag: GuessTag,
    said: Said,
    asked_at: Timestamp,
    stands_for: Duration,
    /// Who presented it, refused; the latest [`CALLERS`] of them.
    refusals: Vec<Refusals>,
}

impl Guess {
    /// Once it is due it stays remembered for as long again, so that it is known to be asked again when it comes.
    fn remembered_until(&self) -> Timestamp {
        self.asked_at.after(self.stands_for.saturating_mul(2))
    }
}

/// The refusals of one guess of one caller since that was last let in.
#[derive(Clone, Debug)]
struct Refusals {
    by: Caller,
    repeat: Repeat,
    last: Timestamp,
}

/// The guesses at one account.
#[derive(Clone, Debug, Default)]
pub struct Guesses {
    remembered: Vec<Guess>,
    /// The password last accepted, and when that was.
    last_accepted: Option<(GuessTag, Timestamp)>,
    /// How often the others were forgotten.
    forgotten: u64,
}

impl Guesses {
    /// What to do with a guess at `now`. `refuses_must_change` is the route's rule.
    #[must_use]
    pub fn recall(&self, tag: &GuessTag, refuses_must_change: bool, now: Timestamp) -> Recall {
        let own = self.last_accepted.is_some_and(|(accepted, _)| accepted == *tag);
        let Some(guess) = self.remembered.iter().find(|guess| guess.tag == *tag) else {
            return Recall::Ask(if own { SlotKind::Own } else { SlotKind::First });
        };
        let stands = now.since(guess.asked_at) < guess.stands_for;
        match guess.said {
            Said::Refused(rejection) if stands => Recall::Refused(rejection),
            Said::MustChange if stands && refuses_must_change => Recall::Refused(Rejection::MustChange),
            Said::Accepted | Said::MustChange | Said::Refused(_) | Said::Unknown if own => Recall::Ask(SlotKind::Own),
            Said::Accepted | Said::MustChange | Said::Refused(_) => Recall::Ask(SlotKind::Again),
            // An outage is no refusal that is remembered: who met one is asked as if for the first time.
            Said::Unknown => Recall::Ask(SlotKind::First),
        }
    }

    /// Notes what became of a guess of `caller` that was asked at `now`. A refusal stands for `recheck` at first and
    /// twice as long each time that it is repeated. Gives how often the caller was refused with it by now, unless this was
    /// the first time, as far as this process remembers.
    pub fn note(
        &mut self,
        tag: GuessTag,
        said: Said,
        caller: &Caller,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Option<Repeat> {
        let before = self.remembered.iter().position(|guess| guess.tag == tag).map(|at| self.remembered.remove(at));
        let stands_for = match (&before, said) {
            (Some(Guess { said: Said::Refused(_), stands_for, .. }), Said::Refused(_)) => {
                stands_for.saturating_mul(2).min(RECHECK_MAX)
            }
            (_, Said::Unknown) => Duration::ZERO,
            (_, Said::Accepted | Said::MustChange | Said::Refused(_)) => rule.recheck.min(RECHECK_MAX),
        };
        match said {
            Said::Accepted => {
                self.last_accepted = Some((tag, now));
                // What the caller presented before says nothing any more.
                for guess in &mut self.remembered {
                    guess.refusals.retain(|refusals| refusals.by != *caller);
                }
                return None;
            }
            Said::MustChange => self.last_accepted = Some((tag, now)),
            Said::Refused(_) | Said::Unknown => {}
        }
        if self.remembered.len() >= REMEMBERED {
            let ends = self.remembered.iter().enumerate().min_by_key(|(_, guess)| guess.remembered_until());
            if let Some(at) = ends.map(|(at, _)| at) {
                self.remembered.remove(at);
            }
        }
        // An outage in between ends nothing.
        let mut refusals = before.map(|guess| guess.refusals).unwrap_or_default();
        let repeat = match said {
            Said::Refused(_) => refused(&mut refusals, caller, now),
            Said::Accepted | Said::MustChange | Said::Unknown => None,
        };
        self.remembered.push(Guess { tag, said, asked_at: now, stands_for, refusals });
        repeat
    }

    /// Forgets every guess but the password last accepted.
    pub fn forget(&mut self) {
        self.remembered.clear();
        self.forgotten += 1;
    }

    /// How often that was done: what a question notes of itself when it is asked, for [`Guesses::is_outdated`].
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether nothing is to be remembered of what was said to a question that was asked when they had been forgotten
    /// `before` times: somebody changed the account since, perhaps to the very password that was refused.
    #[must_use]
    pub const fn is_outdated(&self, said: Said, before: u64) -> bool {
        match said {
            Said::MustChange | Said::Refused(_) => self.forgotten != before,
            Said::Accepted | Said::Unknown => false,
        }
    }

    /// Takes over what is remembered under another identifier of the same person.
    pub fn join(&mut self, other: Self) {
        for guess in other.remembered {
            if self.remembered.len() < REMEMBERED && !self.remembered.iter().any(|own| own.tag == guess.tag) {
                self.remembered.push(guess);
            }
        }
        self.last_accepted = self.last_accepted.into_iter().chain(other.last_accepted).max_by_key(|(_, at)| *at);
        self.forgotten = self.forgotten.max(other.forgotten);
    }

    /// Whether a refusal still stands, or nobody knows what became of a guess.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.remembered.iter().any(|guess| now < guess.remembered_until())
    }

    /// When a password was last accepted.
    #[must_use]
    pub fn accepted_at(&self) -> Option<Timestamp> {
        self.last_accepted.map(|(_, at)| at)
    }
}

/// Adds a refusal of one guess; what is known of it where it is not the first of this caller.
fn refused(refusals: &mut Vec<Refusals>, caller: &Caller, now: Timestamp) -> Option<Repeat> {
    let known = refusals.iter().position(|known| known.by == *caller).map(|at| refusals.remove(at));
    let repeat = known.map(|known| known.repeat.again(known.last, now));
    if refusals.len() >= CALLERS {
        refusals.remove(0);
    }
    let by = caller.clone();
    refusals.push(Refusals { by, repeat: repeat.unwrap_or(Repeat::first(now)), last: now });
    repeat
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: GuessTag = [1; 16];
    const WRONG: GuessTag = [2; 16];
    const NO: Said = Said::Refused(Rejection::WrongPassword);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    fn caller() -> Caller {
        Caller::stored("01X/a")
    }

    fn noted(said: &[(GuessTag, Said, i64)]) -> Guesses {
        let mut guesses = Guesses::default();
        for (tag, said, minute) in said {
            guesses.note(*tag, *said, &caller(), &AttemptRule::default(), at(*minute));
        }
        guesses
    }

    #[test]
    fn a_refusal_stands_for_ten_minutes_then_twenty_up_to_six_hours() {
        let mut guesses = Guesses::default();
        let mut minute = 0;
        for stands in [10, 20, 40, 80, 160, 320, 360, 360] {
            guesses.note(WRONG, NO, &caller(), &AttemptRule::default(), at(minute));
            let before = Timestamp::from_millis(at(minute + stands).as_millis() - 1);
            assert_eq!(guesses.recall(&WRONG, false, before), Recall::Refused(Rejection::WrongPassword));
            minute += stands;
            assert_eq!(guesses.recall(&WRONG, false, at(minute)), Recall::Ask(SlotKind::Again));
        }
    }

    #[test]
    fn the_password_last_accepted_asks_with_its_own_slot_whatever_was_refused_since() {
        let guesses = noted(&[(RIGHT, Said::Accepted, 0), (WRONG, NO, 1)]);
        assert_eq!(guesses.recall(&RIGHT, false, at(2)), Recall::Ask(SlotKind::Own));
        let refused = noted(&[(RIGHT, Said::Accepted, 0), (RIGHT, NO, 1)]);
        assert_eq!(refused.recall(&RIGHT, false, at(2)), Recall::Refused(Rejection::WrongPassword));
        assert_eq!(refused.recall(&RIGHT, false, at(11)), Recall::Ask(SlotKind::Own));
    }

    #[test]
    fn a_guess_that_is_accepted_is_no_wrong_guess_any_more_and_others_stay() {
        let guesses = noted(&[(WRONG, NO, 0), (RIGHT, NO, 0), (RIGHT, Said::Accepted, 5)]);
        assert_eq!(guesses.recall(&RIGHT, false, at(6)), Recall::Ask(SlotKind::Own));
        assert_eq!(guesses.recall(&WRONG, false, at(6)), Recall::Refused(Rejection::WrongPassword));
    }

    #[test]
    fn an_unknown_outcome_is_asked_at_once_as_if_for_the_first_time() {
        let guesses = noted(&[(WRONG, Said::Unknown, 0)]);
        assert_eq!(guesses.recall(&WRONG, false, at(0)), Recall::Ask(SlotKind::First));
        let guesses = noted(&[(WRONG, NO, 0), (WRONG, Said::Unknown, 10)]);
        assert_eq!(guesses.recall(&WRONG, false, at(10)), Recall::Ask(SlotKind::First));
        let guesses = noted(&[(RIGHT, Said::Accepted, 0), (RIGHT, Said::Unknown, 1)]);
        assert_eq!(guesses.recall(&RIGHT, false, at(1)), Recall::Ask(SlotKind::Own));
    }

    #[test]
    fn must_change_is_remembered_for_the_routes_that_refuse_it_only() {
        let guesses = noted(&[(RIGHT, Said::MustChange, 0)]);
        assert_eq!(guesses.recall(&RIGHT, true, at(1)), Recall::Refused(Rejection::MustChange));
        assert_eq!(guesses.recall(&RIGHT, false, at(1)), Recall::Ask(SlotKind::Own));
        assert_eq!(guesses.recall(&RIGHT, true, at(10)), Recall::Ask(SlotKind::Own));
    }

    #[test]
    fn no_account_makes_it_remember_without_end() {
        let mut guesses = Guesses::default();
        for n in 0..1_000_u16 {
            let mut tag = GuessTag::default();
            tag[..2].copy_from_slice(&n.to_le_bytes());
            guesses.note(tag, NO, &caller(), &AttemptRule::default(), at(0));
        }
        assert_eq!(guesses.remembered.len(), REMEMBERED);
        assert!(guesses.is_live(at(19)) && !guesses.is_live(at(20)));
    }

    #[test]
    fn a_guess_that_is_refused_again_and_again_outlasts_many_that_came_once() {
        let mut guesses = noted(&[(WRONG, NO, 0), (WRONG, NO, 10)]);
        for n in 0..1_000_u16 {
            let mut tag = GuessTag::default();
            tag[..2].copy_from_slice(&n.to_le_bytes());
            let said = Said::Refused(Rejection::Unacceptable);
            guesses.note(tag, said, &caller(), &AttemptRule::default(), at(11));
        }
        assert_eq!(guesses.recall(&WRONG, false, at(29)), Recall::Refused(Rejection::WrongPassword));
        assert_eq!(guesses.recall(&WRONG, false, at(30)), Recall::Ask(SlotKind::Again));
    }

    #[test]
    fn two_identifiers_of_one_person_remember_together() {
        let mut guesses = noted(&[(RIGHT, Said::Accepted, 0)]);
        guesses.join(noted(&[(WRONG, NO, 0)]));
        assert_eq!(guesses.recall(&WRONG, false, at(1)), Recall::Refused(Rejection::WrongPassword));
        assert_eq!(guesses.recall(&RIGHT, false, at(1)), Recall::Ask(SlotKind::Own));
        let mut forgotten = noted(&[(WRONG, NO, 0)]);
        forgotten.forget();
        let before = guesses.forgotten();
        guesses.join(forgotten);
        assert!(guesses.is_outdated(NO, before) && guesses.is_outdated(Said::MustChange, before));
        assert!(!guesses.is_outdated(Said::Accepted, before) && !guesses.is_outdated(NO, guesses.forgotten()));
    }

    /// Notes refusals of `caller`, each a guess and its hour; what is known after each, as refusals/days.
    fn refused(guesses: &mut Guesses, caller: &str, all: &[(u8, i64)]) -> String {
        let caller = Caller::stored(caller);
        let known = all.iter().map(|(guess, hour)| {
            let repeat = guesses.note([*guess; 16], NO, &caller, &AttemptRule::default(), at(hour * 60));
            repeat.map_or_else(|| "-".to_owned(), |repeat| format!("{}/{}", repeat.refusals, repeat.days))
        });
        known.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_guess_that_is_refused_again_is_counted_by_itself() {
        let mut guesses = Guesses::default();
        assert_eq!(refused(&mut guesses, "a", &[(2, 0), (3, 1), (2, 2), (3, 24), (2, 48)]), "- - 2/1 2/2 3/2");
        guesses.note([2; 16], Said::Unknown, &caller(), &AttemptRule::default(), at(49 * 60));
        assert_eq!(refused(&mut guesses, "a", &[(2, 72)]), "4/3", "an outage ends nothing");
    }

    #[test]
    fn callers_are_told_apart_and_an_acceptance_begins_anew() {
        let mut guesses = Guesses::default();
        assert_eq!(refused(&mut guesses, "01X/a", &[(2, 0), (2, 1)]), "- 2/1");
        assert_eq!(refused(&mut guesses, "01X/b", &[(2, 2), (2, 3)]), "- 2/1", "it is new to the other");
        guesses.note(RIGHT, Said::Accepted, &caller(), &AttemptRule::default(), at(240));
        assert_eq!(refused(&mut guesses, "01X/a", &[(2, 5), (2, 6)]), "- 2/1");
        assert_eq!(refused(&mut guesses, "01X/b", &[(2, 7)]), "3/1", "it was not let in");
        for n in 0..100 {
            refused(&mut guesses, &n.to_string(), &[(2, 8)]);
        }
        assert_eq!(guesses.remembered[0].refusals.len(), CALLERS, "nothing grows");
    }
}
