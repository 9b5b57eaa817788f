//! The life of a flag: open, assigned, notified, waiting for the reset, then resolved or dismissed; snoozed meanwhile.
//! One state machine says which moves are legal; time is an argument.

use crate::domain::Timestamp;

/// Where a flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlagState {
    /// Somebody looks after it.
    Assigned,
    /// Nothing is to be done about it.
    Dismissed,
    /// The account's owner was told.
    Notified,
    /// Somebody must act.
    Open,
    /// The reason is gone.
    Resolved,
    /// Left alone until a certain day.
    Snoozed,
    /// The owner has been sent a way to set a password.
    Waiting,
}

impl FlagState {
    /// Every state, by name.
    pub const ALL: [Self; 7] =
        [Self::Assigned, Self::Dismissed, Self::Notified, Self::Open, Self::Resolved, Self::Snoozed, Self::Waiting];

    /// The public name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Dismissed => "dismissed",
            Self::Notified => "notified",
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Snoozed => "snoozed",
            Self::Waiting => "waiting",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Whether somebody still has to act, sooner or later.
    #[must_use]
    pub const fn is_active(self) -> bool {
        match self {
            Self::Assigned | Self::Notified | Self::Open | Self::Snoozed | Self::Waiting => true,
            Self::Dismissed | Self::Resolved => false,
        }
    }
}

/// What happens to a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Somebody takes it over.
    Assign,
    /// The identity service itself let the account in: every reason is gone.
    Confirm,
    /// Nothing is to be done; the note says why.
    Dismiss,
    /// The account's owner was told.
    Notify,
    /// Evidence came again. `is_new` when it says more than was known when the flag was closed.
    Recur {
        /// Whether the reason is a new one, had been over, or is more severe than before.
        is_new: bool,
    },
    /// An operator wants it back in the queue.
    Reopen,
    /// An operator knows that the reason is gone.
    Resolve,
    /// Left alone until then.
    Snooze {
        /// When it comes back.
        until: Timestamp,
    },
    /// The owner has been sent a way to set a password.
    Wait,
    /// The day came until which it was left alone.
    Wake,
}

impl Move {
    /// The public name, as it stands in the trail.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Confirm => "confirm",
            Self::Dismiss => "dismiss",
            Self::Notify => "notify",
            Self::Recur { .. } => "recur",
            Self::Reopen => "reopen",
            Self::Resolve => "resolve",
            Self::Snooze { .. } => "snooze",
            Self::Wait => "wait",
            Self::Wake => "wake",
        }
    }
}

/// Why a move is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The state does not allow it.
    #[error("a flag that is {} does not {}", from.label(), to_do.label())]
    Illegal {
        /// Where the flag stands.
        from: FlagState,
        /// What was to happen.
        to_do: Move,
    },
    /// A flag is left alone until a day to come.
    #[error("the time until which it is to be left alone is not in the future")]
    Past,
}

/// Where a flag stands, and what it comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The state.
    pub state: FlagState,
    /// Of a snoozed flag: until when, and the state that it comes back to.
    pub snoozed: Option<(Timestamp, FlagState)>,
}

impl Life {
    /// A new flag.
    pub const NEW: Self = Self::of(FlagState::Open);

    const fn of(state: FlagState) -> Self {
        Self { state, snoozed: None }
    }

    /// Where it stands after a move at `now`. A recurrence or a wake that changes nothing gives the same life.
    ///
    /// # Errors
    /// When the move is not legal.
    pub fn after(self, to_do: Move, now: Timestamp) -> Result<Self, MoveError> {
        use FlagState::{Assigned, Dismissed, Notified, Open, Resolved, Snoozed, Waiting};
        let illegal = Err(MoveError::Illegal { from: self.state, to_do });
        match (to_do, self.state) {
            (Move::Assign, Open | Assigned | Notified | Waiting | Snoozed) => Ok(Self::of(Assigned)),
            (Move::Notify, Open | Assigned | Notified | Waiting) => Ok(Self::of(Notified)),
            (Move::Wait, Open | Assigned | Notified | Waiting) => Ok(Self::of(Waiting)),
            (Move::Snooze { until }, Open | Assigned | Notified | Waiting | Snoozed) if until > now => {
                let back = self.snoozed.map_or(self.state, |(_, back)| back);
                Ok(Self { state: Snoozed, snoozed: Some((until, back)) })
            }
            (Move::Snooze { .. }, Open | Assigned | Notified | Waiting | Snoozed) => Err(MoveError::Past),
            (Move::Wake, Snoozed) => match self.snoozed {
                Some((until, _)) if until > now => Ok(self),
                Some((_, back)) => Ok(Self::of(back)),
                None => Ok(Self::of(Open)),
            },
            (Move::Confirm | Move::Resolve, Open | Assigned | Notified | Waiting | Snoozed) => Ok(Self::of(Resolved)),
            (Move::Dismiss, Open | Assigned | Notified | Waiting | Snoozed) => Ok(Self::of(Dismissed)),
            // Whoever dismissed a flag knew its reasons as long as they last: only news bring it back.
            (Move::Recur { .. }, Resolved)
            | (Move::Recur { is_new: true }, Dismissed)
            | (Move::Reopen, Resolved | Dismissed | Snoozed) => Ok(Self::of(Open)),
            (Move::Recur { .. }, Open | Assigned | Notified | Waiting | Snoozed)
            | (Move::Recur { is_new: false }, Dismissed) => Ok(self),
            (
                Move::Assign | Move::Confirm | Move::Dismiss | Move::Resolve | Move::Snooze { .. },
                Dismissed | Resolved,
            )
            | (Move::Notify | Move::Wait, Dismissed | Resolved | Snoozed)
            | (Move::Wake, Open | Assigned | Notified | Waiting | Dismissed | Resolved)
            | (Move::Reopen, Open | Assigned | Notified | Waiting) => illegal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(2_000);
    const MOVES: [Move; 11] = [
        Move::Assign,
        Move::Confirm,
        Move::Dismiss,
        Move::Notify,
        Move::Recur { is_new: false },
        Move::Recur { is_new: true },
        Move::Reopen,
        Move::Resolve,
        Move::Snooze { until: LATER },
        Move::Wait,
        Move::Wake,
    ];

    fn life(state: FlagState) -> Life {
        match state {
            FlagState::Snoozed => Life { state, snoozed: Some((NOW, FlagState::Notified)) },
            _ => Life { state, snoozed: None },
        }
    }

    #[test]
    fn every_move_from_every_state_is_what_the_table_says() {
        // A line for each state; a column for each of MOVES; `-` is illegal.
        let table = "
            assigned  | assigned resolved dismissed notified assigned  assigned -    resolved snoozed waiting -
            dismissed | -        -        -         -        dismissed open     open -        -       -       -
            notified  | assigned resolved dismissed notified notified  notified -    resolved snoozed waiting -
            open      | assigned resolved dismissed notified open      open     -    resolved snoozed waiting -
            resolved  | -        -        -         -        open      open     open -        -       -       -
            snoozed   | assigned resolved dismissed -        snoozed   snoozed  open resolved snoozed -       notified
            waiting   | assigned resolved dismissed notified waiting   waiting  -    resolved snoozed waiting -";
        let rows: Vec<&str> = table.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), FlagState::ALL.len());
        for row in rows {
            let (state, after) = row.split_once(" | ").expect("a row");
            let state = FlagState::of_label(state.trim()).expect("a state");
            for (to_do, expected) in MOVES.into_iter().zip(after.split_whitespace()) {
                let got = life(state).after(to_do, NOW).map_or("-", |life| life.state.label());
                assert_eq!(got, expected, "{} {to_do:?}", state.label());
            }
        }
    }

    #[test]
    fn a_flag_sleeps_until_its_day_and_comes_back_as_it_was() {
        let waiting = life(FlagState::Waiting);
        let asleep = waiting.after(Move::Snooze { until: LATER }, NOW).expect("legal");
        assert_eq!(asleep.after(Move::Wake, NOW), Ok(asleep));
        let longer = asleep.after(Move::Snooze { until: Timestamp::from_millis(3_000) }, NOW).expect("legal");
        assert_eq!(longer.after(Move::Wake, LATER), Ok(longer));
        assert_eq!(longer.after(Move::Wake, Timestamp::from_millis(3_000)), Ok(waiting));
        assert_eq!(waiting.after(Move::Snooze { until: NOW }, NOW), Err(MoveError::Past));
    }

    #[test]
    fn a_refused_move_says_where_the_flag_stands() {
        let error = life(FlagState::Resolved).after(Move::Assign, NOW).expect_err("refused");
        assert_eq!(error.to_string(), "a flag that is resolved does not assign");
    }

    proptest! {
        #[test]
        fn no_sequence_of_moves_leaves_the_machine(moves in prop::collection::vec((0..MOVES.len(), 0..3_000_i64), 0..60)) {
            let mut flag = Life::NEW;
            for (which, now) in moves {
                let before = flag;
                flag = flag.after(MOVES[which], Timestamp::from_millis(now)).unwrap_or(before);
                prop_assert_eq!(flag.snoozed.is_some(), flag.state == FlagState::Snoozed);
                prop_assert!(flag.snoozed.is_none_or(|(_, back)| back.is_active() && back != FlagState::Snoozed));
                // From wherever it stands, evidence of a new reason or an operator brings it back, and it can be ended.
                let again = flag.after(Move::Recur { is_new: true }, NOW).expect("always legal");
                prop_assert!(again.state.is_active());
                prop_assert!(again.after(Move::Resolve, NOW).is_ok());
            }
        }
    }
}
