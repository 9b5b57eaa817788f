//! The shield itself: recall, reserve, settle.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    AccountId, Answer, AttemptRule, Caller, Gate, GuessTag, NoAnswer, Recall, Rejection, Repeat, Said, Slot, SlotKind,
    Timestamp, Verdict,
};
use crate::gateway::attempts::ledger::{Ledger, LedgerReceiver};
use crate::gateway::attempts::memory::{Counted, Memory};
use crate::gateway::settings::ShieldSettings;
use crate::identity::{Answered, IdentityError, Sent};
use crate::store::{Reservation, Settled, Settlement, SlotId, StoreError};
use crate::telemetry::{Metrics, account_tag};

/// How long a caller is asked to stay away when there is no room to count for one more account.
const FULL: Duration = Duration::from_mins(1);

/// The lock-out shield of one node.
pub(crate) struct Shield {
    memory: Arc<Memory>,
    ledger: Ledger,
    metrics: Metrics,
}

/// A slot that was reserved, for one question.
pub(crate) struct Turn {
    person: AccountId,
    slot: Slot,
    /// The slot in the store; `None` when it was taken without.
    id: Option<SlotId>,
}

impl Shield {
    /// A shield, and the end of its ledger's worker.
    pub(crate) fn new(settings: &ShieldSettings, metrics: Metrics) -> (Self, LedgerReceiver) {
        let memory = Arc::new(Memory::new(settings.accounts));
        let (ledger, receiver) = Ledger::new(settings.store_wait, Arc::clone(&memory), metrics.clone());
        (Self { memory, ledger, metrics }, receiver)
    }

    /// Under which account an identifier is counted.
    pub(crate) fn person(&self, account: &AccountId) -> AccountId {
        self.memory.person(account)
    }

    /// Why a guess need not be asked: it was refused lately.
    pub(crate) fn recall(
        &self,
        person: &AccountId,
        tag: &GuessTag,
        refuses_must_change: bool,
        now: Timestamp,
    ) -> Option<Rejection> {
        match self.memory.recall(person, tag, refuses_must_change, now) {
            Recall::Ask(_) => None,
            Recall::Refused(rejection) => {
                self.metrics.attempts_saved.inc();
                Some(rejection)
            }
        }
    }

    /// Takes a slot for a guess.
    ///
    /// # Errors
    /// What the call is told when there is none.
    pub(crate) async fn reserve(
        &self,
        person: AccountId,
        caller: Caller,
        tag: &GuessTag,
        refuses_must_change: bool,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Result<Turn, Verdict> {
        let kind = match self.memory.recall(&person, tag, refuses_must_change, now) {
            Recall::Ask(kind) => kind,
            Recall::Refused(rejection) => return Err(Verdict::Reject(rejection)),
        };
        if !self.memory.make_room(&person, now) {
            tracing::error!(account.tag = account_tag(&person), "attempts.table_full");
            return Err(Verdict::Undecided(NoAnswer::Throttled(Some(FULL))));
        }
        let unsaved = self.memory.take_unsaved(&person);
        let reservation = Reservation {
            account: person.clone(),
            caller: caller.clone(),
            kind,
            rule: *rule,
            at: now,
            unsaved: unsaved.clone(),
        };
        let (gate, id) = if let Ok(reserved) = self.ledger.reserve(reservation).await {
            self.memory.see(&person, reserved.slots, reserved.last_success);
            (reserved.gate, reserved.slot)
        } else {
            self.memory.keep_unsaved(&person, unsaved);
            (self.memory.reserve_alone(&person, kind, &caller, rule, now), None)
        };
        self.tell(&person, &caller, gate);
        match (gate, gate.verdict()) {
            (Gate::Open(kind), _) => Ok(Turn { person, slot: Slot { at: now, caller, kind, refused: false }, id }),
            (Gate::Closed { .. }, verdict) => {
                self.metrics.attempts_saved.inc();
                Err(verdict.unwrap_or(Verdict::Reject(Rejection::Shielded)))
            }
        }
    }

    /// Notes what became of a question, at `now`; gives how often its caller was refused with this guess, unless this was
    /// the first time.
    pub(crate) fn settle(
        &self,
        turn: &Turn,
        tag: GuessTag,
        said: &Result<Answered, IdentityError>,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Option<Repeat> {
        let (counted, guess) = match said {
            Ok(Answered { answer: Answer::Accepted, .. }) => (Counted::Accepted, Some(Said::Accepted)),
            Ok(Answered { answer: Answer::MustChange, .. }) => (Counted::Accepted, Some(Said::MustChange)),
            // Nobody was asked, and nobody need be the next time.
            Ok(Answered { answer: Answer::Rejected(Rejection::Unacceptable), .. }) => {
                (Counted::Unsent, Some(Said::Refused(Rejection::Unacceptable)))
            }
            Err(IdentityError { sent: Sent::No, .. }) => (Counted::Unsent, None),
            Ok(Answered { answer: Answer::Rejected(why), .. }) => (Counted::Refused, Some(Said::Refused(*why))),
            Err(IdentityError { sent: Sent::Maybe, .. }) => (Counted::Unknown, Some(Said::Unknown)),
        };
        let settled = match counted {
            Counted::Accepted => Some(Settled::Accepted),
            Counted::Refused => Some(Settled::Refused),
            Counted::Unsent => Some(Settled::Unsent),
            Counted::Unknown => None,
        };
        if matches!(counted, Counted::Refused | Counted::Unknown) {
            self.metrics.attempts_spent.inc();
        }
        if let (Some(slot), Some(settled)) = (turn.id.clone(), settled) {
            self.ledger.settle(Settlement { slot, settled, at: now });
        }
        let note = |guess| self.memory.note(&turn.person, tag, guess, &turn.slot.caller, rule, now);
        let repeat = guess.and_then(note);
        let is_alone = turn.id.is_none();
        if self.memory.settle(&turn.person, &turn.slot, is_alone, counted, now) {
            self.ledger.tell();
        }
        if let Ok(Answered { person: Some(person), .. }) = said {
            self.join(&turn.person, person);
        }
        repeat
    }

    /// Counts two identifiers of one person together from now on.
    pub(crate) fn join(&self, alias: &AccountId, person: &AccountId) {
        if self.memory.join(alias, person) {
            self.ledger.join(alias.clone(), person.clone());
        }
    }

    /// Notes that the store did not answer another part of the server.
    pub(crate) fn missed_store(&self, error: &StoreError) {
        self.ledger.missed(error);
    }

    /// Forgets everything of an account, as somebody unlocked it.
    pub(crate) fn clear(&self, account: &AccountId) {
        self.memory.clear(account);
        tracing::info!(account.tag = account_tag(account), "attempts.cleared");
    }

    /// Forgets which guesses at an account were refused, as somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.memory.forget(account);
    }

    /// Forgets what may be stale, as nobody knows which accounts were unlocked.
    pub(crate) fn forget_all(&self) {
        self.memory.forget_all();
    }

    /// Every closing and opening of a budget is told once.
    fn tell(&self, person: &AccountId, caller: &Caller, gate: Gate) {
        match gate {
            Gate::Closed { unknown } if self.memory.turned(person, caller, true) => {
                let integration = Some(caller.as_str()).filter(|name| !name.is_empty());
                tracing::warn!(
                    account.tag = account_tag(person),
                    integration.id = integration,
                    outcome_unknown = unknown,
                    "attempts.closed"
                );
            }
            Gate::Open(SlotKind::First | SlotKind::Again) if self.memory.turned(person, caller, false) => {
                let integration = Some(caller.as_str()).filter(|name| !name.is_empty());
                tracing::info!(account.tag = account_tag(person), integration.id = integration, "attempts.opened");
            }
            Gate::Closed { .. } | Gate::Open(_) => {}
        }
    }
}
