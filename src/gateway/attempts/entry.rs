//! What this node remembers of one account's attempts: guesses, the slots that the store counted, and those that it may
//! not count yet.

use std::time::Duration;

use crate::domain::{AttemptRule, Caller, DAY, Gate, Guesses, Slot, SlotKind, Timestamp, decide};
use crate::store::{AttemptCount, SlotId, Taken};

/// Callers of one account whose closing is told.
pub(crate) const TOLD: usize = 16;

/// Longer than any slot counts: a day, or the longest window and what a question may be on its way.
pub(crate) const KEPT: Duration = DAY.saturating_add(Duration::from_mins(5));

/// What became of an attempt, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Right: no attempt after all, and a new day begins.
    Accepted,
    /// Refused: the slot stays taken.
    Refused,
    /// Nobody knows: the slot stays taken.
    Unknown,
    /// Never sent: no attempt.
    Unsent,
}

/// What the store knows of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is being asked for it. Until it answers the slot counts here as taken.
    Asked,
    /// Nothing: it is to be told.
    Never,
    /// It was told, and nobody knows whether it heard: it is to be told again.
    Perhaps,
    /// It counted it.
    Yes,
}

/// One account. A slot is in one of two places from the moment that it is asked for until it is settled or old: at no
/// time does a question that may reach the service count for nothing.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) guesses: Guesses,
    /// As the store last counted.
    seen: Vec<Taken>,
    /// Slots of this node that the store may not count.
    own: Vec<(Taken, Known)>,
    last_success: Option<Timestamp>,
    /// Whether these are all that were counted before: the store has said so.
    is_known: bool,
    /// Callers that were told that the budget is spent.
    pub(crate) closed: Vec<Caller>,
}

impl Entry {
    /// What the store `counted` before this node counted anything; `is_known` is whether it said so of the account.
    pub(crate) fn beginning(counted: AttemptCount, is_known: bool) -> Self {
        Self { seen: counted.slots, last_success: counted.last_success, is_known, ..Self::default() }
    }

    /// Whether it says no more than one that begins with nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.is_known && self.slots().next().is_none()
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.guesses.is_live(now) || self.slots().any(|slot| now.since(slot.at) < KEPT)
    }

    /// Every slot that counts, once each. What this node knows of its own is newer than what the store counted.
    fn slots(&self) -> impl Iterator<Item = &Slot> + Clone {
        let seen = self.seen.iter().filter(|taken| self.place(&taken.id).is_none());
        seen.chain(self.own.iter().map(|(taken, _)| taken)).map(|taken| &taken.slot)
    }

    fn place(&self, id: &SlotId) -> Option<usize> {
        self.own.iter().position(|(own, _)| own.id == *id)
    }

    /// Counts a slot while the store is asked for it.
    pub(crate) fn ask(&mut self, taken: Taken) {
        self.own.push((taken, Known::Asked));
    }

    /// Ends that, as the store has answered.
    pub(crate) fn answered(&mut self, id: &SlotId, gate: Gate) {
        let Some(place) = self.place(id) else { return };
        let (mut taken, _) = self.own.swap_remove(place);
        if let Gate::Open(kind) = gate
            && !self.seen.iter().any(|seen| seen.id == *id)
        {
            taken.slot.kind = kind;
            self.seen.push(taken);
        }
    }

    /// Judges a slot that the store was asked for in vain, and takes it or gives it up; `known` is whether the store may
    /// have heard of it. Of an account of which it is not known what was counted before nobody can say that its budget is
    /// spent: it gets a single slot, and beyond that no answer.
    pub(crate) fn reserve_alone(&mut self, taken: Taken, known: Known, rule: &AttemptRule) -> Gate {
        self.own.retain(|(own, _)| own.id != taken.id);
        self.seen.retain(|seen| seen.id != taken.id);
        let Slot { at, caller, kind, .. } = &taken.slot;
        let share = rule.of_one_node();
        let rule = if self.is_known { share } else { share.of_the_unknown() };
        let mut gate = decide(&self.slots(), self.last_success, *kind, caller, &rule, *at);
        if let Gate::Closed { unknown } = &mut gate {
            *unknown |= !self.is_known;
        }
        if let Gate::Open(kind) = gate {
            self.own.push((Taken { slot: Slot { kind, ..taken.slot }, ..taken }, known));
        }
        gate
    }

    /// What the store is to be told. It goes on counting here until that is done.
    pub(crate) fn untold(&mut self) -> impl Iterator<Item = Taken> {
        let untold = self.own.iter_mut().filter(|(_, known)| *known != Known::Asked);
        untold.map(|(taken, known)| {
            *known = Known::Perhaps;
            taken.clone()
        })
    }

    /// Notes that the store counts what it was told.
    pub(crate) fn told(&mut self, id: &SlotId) {
        let Some(place) = self.place(id).filter(|place| self.own[*place].1 == Known::Perhaps) else { return };
        let (taken, _) = self.own.swap_remove(place);
        self.seen.retain(|seen| seen.id != *id);
        self.seen.push(taken);
    }

    /// Notes what the store counts.
    pub(crate) fn see(&mut self, slots: Vec<Taken>, last_success: Option<Timestamp>) {
        self.seen = slots;
        self.last_success = self.last_success.max(last_success);
        self.is_known = true;
    }

    /// Notes what became of a slot; gives what the store knows of it.
    pub(crate) fn settle(&mut self, id: &SlotId, counted: Counted, now: Timestamp) -> Known {
        if counted == Counted::Accepted {
            self.last_success = self.last_success.max(Some(now));
        }
        let known = self.place(id).map_or(Known::Yes, |place| self.own[place].1);
        match counted {
            Counted::Accepted | Counted::Unsent => {
                self.own.retain(|(own, _)| own.id != *id);
                self.seen.retain(|seen| seen.id != *id);
            }
            Counted::Refused => {
                let own = self.own.iter_mut().map(|(taken, _)| taken);
                for taken in own.chain(&mut self.seen).filter(|taken| taken.id == *id) {
                    taken.slot.refused = true;
                }
            }
            Counted::Unknown => {}
        }
        known
    }

    /// Notes whether the budget is closed to a caller; true when that is new.
    pub(crate) fn turned(&mut self, caller: &Caller, is_closed: bool) -> bool {
        match self.closed.iter().position(|told| told == caller) {
            Some(at) if !is_closed => {
                self.closed.swap_remove(at);
                true
            }
            None if is_closed && self.closed.len() < TOLD => {
                self.closed.push(caller.clone());
                true
            }
            Some(_) | None => false,
        }
    }

    /// Forgets slots and refusals, as somebody unlocked the account; the password last accepted is asked as before.
    pub(crate) fn unlock(&mut self) {
        self.guesses.forget();
        self.seen.clear();
        // What the store is being asked for may be counted there after the unlock.
        self.own.retain(|(_, known)| *known == Known::Asked);
        self.is_known = true;
        self.closed.clear();
    }

    /// Takes over what is remembered under another identifier of the same person.
    pub(crate) fn join(&mut self, other: Self) {
        self.guesses.join(other.guesses);
        // Both may have begun with what the store counted for the person.
        self.seen.retain(|seen| !other.seen.iter().any(|other| other.id == seen.id));
        self.seen.extend(other.seen);
        self.own.extend(other.own);
        self.last_success = self.last_success.max(other.last_success);
        self.is_known &= other.is_known;
    }
}

/// The slot of a question that is about to be asked.
pub(crate) fn asked(id: SlotId, caller: &Caller, kind: SlotKind, at: Timestamp) -> Taken {
    Taken { id, slot: Slot { at, caller: caller.clone(), kind, refused: false } }
}
