//! The shield itself: recall, reserve, settle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::{
    AccountId, Answer, AttemptRule, Caller, Gate, GuessFacts, GuessTag, NoAnswer, Recall, Rejection, Repeat, Said,
    SlotKind, Timestamp, Verdict,
};
use crate::gateway::attempts::beginning::begin;
use crate::gateway::attempts::entry::{Counted, Known, asked};
use crate::gateway::attempts::ledger::{Away, Ledger, LedgerReceiver};
use crate::gateway::attempts::memory::{Joined, Memory};
use crate::gateway::question::Question;
use crate::gateway::settings::ShieldSettings;
use crate::identity::{Answered, IdentityError, Sent};
use crate::store::{AttemptStore, Reservation, Settled, Settlement, SlotId, StoreError, Taken};
use crate::telemetry::{Metrics, account_tag};

/// How long a caller is asked to stay away when there is no room to count for one more account.
const FULL: Duration = Duration::from_mins(1);

/// The lock-out shield of one node.
pub(crate) struct Shield {
    memory: Arc<Memory>,
    ledger: Ledger,
    slots: SlotIds,
    /// Whether it was said that identifiers of one person may be counted apart while the store is away, as there is no
    /// room for more.
    is_full_of_aliases: AtomicBool,
    metrics: Metrics,
}

/// Makes ids of slots that never repeat, in this process or another: a counter under a random key.
struct SlotIds {
    key: [u8; 32],
    count: AtomicU64,
}

impl SlotIds {
    fn next(&self) -> SlotId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::keyed_hash(&self.key, &count.to_le_bytes()).to_hex();
        SlotId::from(&hash.as_str()[..32])
    }
}

/// A slot that was reserved, for one question.
pub(crate) struct Turn {
    person: AccountId,
    caller: Caller,
    slot: SlotId,
    /// How often it was forgotten before which guesses were refused.
    forgotten: u64,
}

impl Shield {
    /// A shield, and the end of its ledger's worker; `key` is random and lives as long as the process.
    pub(crate) fn new(settings: &ShieldSettings, key: &[u8; 32], metrics: Metrics) -> (Self, LedgerReceiver) {
        let memory = Arc::new(Memory::new(settings.accounts));
        let (ledger, receiver) = Ledger::new(settings.store_wait, Arc::clone(&memory), metrics.clone());
        let slots = SlotIds { key: blake3::derive_key("soapgate slots 1", key), count: AtomicU64::new(0) };
        (Self { memory, ledger, slots, is_full_of_aliases: AtomicBool::new(false), metrics }, receiver)
    }

    /// Takes over what the store counts, before anybody is asked about.
    pub(crate) async fn begin(&self, store: &dyn AttemptStore, now: Timestamp) {
        if let Err(error) = begin(store, &self.memory, now).await {
            self.ledger.missed(&error);
        }
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

    /// Refuses a guess that no service is ever sent, which takes no slot. What is known of it is evidence like any other
    /// refusal's; where there is no room to remember it, it is refused all the same.
    pub(crate) fn refuse_unsent(
        &self,
        question: &Question,
        rejection: Rejection,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> GuessFacts {
        let (tag, person) = (question.tag, self.person(question.credentials.account()));
        // Of several at once one is new.
        let is_new = matches!(self.memory.recall(&person, &tag, false, now), Recall::Ask(_));
        let note = || {
            let (guess, forgotten) = ((tag, Said::Refused(rejection)), self.memory.forgotten(&person));
            self.memory.note(&person, guess, forgotten, &question.origin.caller(), rule, now)
        };
        let repeat = if is_new && self.memory.make_room(&person, now) { note() } else { None };
        GuessFacts { repeat, could_be_set: false }
    }

    /// Takes a slot for a guess. Others may have joined its question, on routes with another rule: that it is right and
    /// must be changed is no reason here not to ask, but for [`Shield::recall`].
    ///
    /// # Errors
    /// What the call is told when there is none.
    pub(crate) async fn reserve(
        &self,
        person: AccountId,
        caller: Caller,
        tag: &GuessTag,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Result<Turn, Verdict> {
        let kind = match self.memory.recall(&person, tag, false, now) {
            Recall::Ask(kind) => kind,
            Recall::Refused(rejection) => return Err(Verdict::Reject(rejection)),
        };
        if !self.memory.make_room(&person, now) {
            tracing::error!(account.tag = account_tag(&person), "attempts.table_full");
            return Err(Verdict::Undecided(NoAnswer::Throttled(Some(FULL))));
        }
        let slot = self.slots.next();
        let taken = asked(slot.clone(), &caller, kind, now);
        let reservation = Reservation {
            id: slot.clone(),
            account: person.clone(),
            caller: caller.clone(),
            kind,
            rule: *rule,
            at: now,
            untold: Vec::new(),
        };
        self.memory.ask(&person, taken.clone());
        let gate = match self.ledger.reserve(reservation).await {
            Ok(gate) => {
                self.memory.answered(&person, &slot, gate);
                gate
            }
            Err(away) => self.reserve_alone(&person, taken, away, rule),
        };
        self.tell(&person, &caller, gate);
        match gate.verdict() {
            None => Ok(Turn { forgotten: self.memory.forgotten(&person), person, caller, slot }),
            Some(verdict) => {
                self.metrics.attempts_saved.inc();
                Err(verdict)
            }
        }
    }

    /// Takes a slot without the store.
    fn reserve_alone(&self, person: &AccountId, taken: Taken, away: Away, rule: &AttemptRule) -> Gate {
        let known = match away {
            Away::Asked => Known::Perhaps,
            Away::Unasked => Known::Never,
        };
        let (slot, at) = (taken.id.clone(), taken.slot.at);
        let gate = self.memory.reserve_alone(person, taken, known, rule);
        match (gate, known) {
            (Gate::Open(_), _) => self.ledger.tell(),
            (Gate::Closed { .. }, Known::Perhaps) => {
                self.ledger.settle(Settlement { slot, settled: Settled::Unsent, at });
            }
            (Gate::Closed { .. }, _) => {}
        }
        gate
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
            Err(IdentityError { sent: Sent::Name | Sent::No, .. }) => (Counted::Unsent, None),
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
        // First here, so that the store is told either of the slot as it is now or of its outcome afterwards.
        let known = self.memory.settle(&turn.person, &turn.slot, counted, now);
        if let (Some(settled), Known::Perhaps | Known::Yes) = (settled, known) {
            self.ledger.settle(Settlement { slot: turn.slot.clone(), settled, at: now });
        }
        let note = |said| self.memory.note(&turn.person, (tag, said), turn.forgotten, &turn.caller, rule, now);
        let repeat = guess.and_then(note);
        if let Ok(Answered { person: Some(person), .. }) = said {
            self.join(&turn.person, person);
        }
        repeat
    }

    /// Counts two identifiers of one person together from now on.
    pub(crate) fn join(&self, alias: &AccountId, person: &AccountId) {
        let joined = self.memory.join(alias, person);
        if joined == Joined::Full && !self.is_full_of_aliases.swap(true, Ordering::Relaxed) {
            tracing::error!(account.tag = account_tag(alias), "attempts.aliases_full");
        }
        match joined {
            // The store has room for them where this node has none.
            Joined::Full | Joined::New => self.ledger.join(alias.clone(), person.clone()),
            Joined::Known => {}
        }
    }

    /// Notes that the store did not answer another part of the server.
    pub(crate) fn missed_store(&self, error: &StoreError) {
        self.ledger.missed(error);
    }

    /// Forgets slots and refusals of an account, as somebody unlocked it.
    pub(crate) fn clear(&self, account: &AccountId) {
        self.memory.clear(account);
        tracing::info!(account.tag = account_tag(account), "attempts.cleared");
    }

    /// Forgets which guesses at an account were refused, as somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.memory.forget(account);
    }

    /// Forgets which guesses were refused, as nobody knows which accounts were changed. Slots stay: the store has the last
    /// word on them whenever it is asked for one.
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

#[cfg(test)]
mod tests;
