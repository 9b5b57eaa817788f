//! What this node remembers of accounts' attempts: the guesses, which never leave it, and the slots as it last saw them,
//! for when the store is away. A live counter is never given up for another.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::domain::{
    AccountId, AttemptRule, Caller, DAY, Gate, GuessTag, Guesses, Recall, Repeat, Said, Slot, SlotKind, Timestamp,
    decide,
};

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// How often a full part is looked through for accounts that need not be remembered.
const SWEEP: Duration = Duration::from_secs(1);

/// Callers of one account whose closing is told.
const TOLD: usize = 16;

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

/// Every account that this node remembers.
pub(crate) struct Memory {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Identifiers that are known to be another's.
    aliases: RwLock<HashMap<AccountId, AccountId>>,
    accounts: usize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<AccountId, Entry>,
    swept: Option<Timestamp>,
}

#[derive(Default)]
struct Entry {
    guesses: Guesses,
    /// As the store last counted.
    seen: Vec<Slot>,
    /// Taken without the store, under way.
    pending: Vec<Slot>,
    /// Taken without the store, and over: to be told to it.
    unsaved: Vec<Slot>,
    last_success: Option<Timestamp>,
    /// Callers that were told that the budget is spent.
    closed: Vec<Caller>,
}

impl Entry {
    fn is_live(&self, now: Timestamp) -> bool {
        let counts = |slot: &Slot| now.since(slot.at) < DAY;
        self.guesses.is_live(now)
            || !self.pending.is_empty()
            || self.unsaved.iter().any(counts)
            || self.seen.iter().any(counts)
    }

    /// Takes one slot like `slot` off `slots`, or marks it; false when there is none.
    fn settle_in(slots: &mut Vec<Slot>, slot: &Slot, counted: Counted) -> bool {
        let Some(at) = slots.iter().position(|held| held == slot) else { return false };
        match counted {
            Counted::Accepted | Counted::Unsent => drop(slots.remove(at)),
            Counted::Refused => slots[at].refused = true,
            Counted::Unknown => {}
        }
        true
    }
}

impl Memory {
    /// Room for `accounts`.
    pub(crate) fn new(accounts: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            aliases: RwLock::default(),
            accounts,
        }
    }

    /// Under which account an identifier is counted.
    pub(crate) fn person(&self, account: &AccountId) -> AccountId {
        let aliases = self.aliases.read().unwrap_or_else(PoisonError::into_inner);
        aliases.get(account).unwrap_or(account).clone()
    }

    /// What to do with a guess.
    pub(crate) fn recall(
        &self,
        person: &AccountId,
        tag: &GuessTag,
        refuses_must_change: bool,
        now: Timestamp,
    ) -> Recall {
        let shard = self.shard(person);
        match shard.entries.get(person) {
            Some(entry) => entry.guesses.recall(tag, refuses_must_change, now),
            None => Recall::Ask(SlotKind::First),
        }
    }

    /// Whether there is room to remember `person`; from now on it is remembered.
    pub(crate) fn make_room(&self, person: &AccountId, now: Timestamp) -> bool {
        let most = self.accounts.div_ceil(SHARDS);
        let mut shard = self.shard(person);
        let shard = &mut *shard;
        if !shard.entries.contains_key(person) {
            if shard.entries.len() >= most && shard.swept.is_none_or(|swept| now.since(swept) >= SWEEP) {
                shard.entries.retain(|_, entry| entry.is_live(now));
                shard.swept = Some(now);
            }
            if shard.entries.len() >= most {
                return false;
            }
            shard.entries.insert(person.clone(), Entry::default());
        }
        true
    }

    /// Slots that the store has not been told of.
    pub(crate) fn take_unsaved(&self, person: &AccountId) -> Vec<Slot> {
        self.with(person, |entry| std::mem::take(&mut entry.unsaved)).unwrap_or_default()
    }

    /// Keeps them, as the store was not told after all.
    pub(crate) fn keep_unsaved(&self, person: &AccountId, slots: Vec<Slot>) {
        self.with(person, |entry| entry.unsaved.extend(slots));
    }

    /// Every slot that the store has not been told of. From now on they count as told.
    pub(crate) fn take_all_unsaved(&self) -> Vec<(AccountId, Slot)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            for (person, entry) in &mut shard.lock().unwrap_or_else(PoisonError::into_inner).entries {
                for slot in entry.unsaved.drain(..) {
                    entry.seen.push(slot.clone());
                    all.push((person.clone(), slot));
                }
            }
        }
        all
    }

    /// Takes them back, as the store was not told after all.
    pub(crate) fn give_back(&self, slots: Vec<(AccountId, Slot)>) {
        for (person, slot) in slots {
            self.with(&person, |entry| {
                if let Some(at) = entry.seen.iter().position(|seen| *seen == slot) {
                    entry.seen.swap_remove(at);
                }
                entry.unsaved.push(slot);
            });
        }
    }

    /// Notes what the store counts.
    pub(crate) fn see(&self, person: &AccountId, slots: Vec<Slot>, last_success: Option<Timestamp>) {
        self.with(person, |entry| {
            entry.seen = slots;
            entry.last_success = entry.last_success.max(last_success);
        });
    }

    /// Judges and takes a slot without the store.
    pub(crate) fn reserve_alone(
        &self,
        person: &AccountId,
        kind: SlotKind,
        caller: &Caller,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Gate {
        let share = rule.of_one_node();
        let judge = |entry: &mut Entry| {
            let taken: Vec<Slot> =
                [&entry.seen, &entry.pending, &entry.unsaved].into_iter().flatten().cloned().collect();
            let gate = decide(&taken, entry.last_success, kind, caller, &share, now);
            if let Gate::Open(kind) = gate {
                entry.pending.push(Slot { at: now, caller: caller.clone(), kind, refused: false });
            }
            gate
        };
        // Who was given room a moment ago and is gone was cleared meanwhile: nothing is known of their slots.
        self.with(person, judge).unwrap_or(Gate::Closed { unknown: true })
    }

    /// Notes what became of an attempt: `slot` as it was reserved, `alone` when that was without the store. True when the
    /// store has something to be told.
    pub(crate) fn settle(
        &self,
        person: &AccountId,
        slot: &Slot,
        alone: bool,
        counted: Counted,
        now: Timestamp,
    ) -> bool {
        let settle = |entry: &mut Entry| {
            if counted == Counted::Accepted {
                entry.last_success = entry.last_success.max(Some(now));
            }
            if !alone {
                Entry::settle_in(&mut entry.seen, slot, counted);
            } else if let Some(at) = entry.pending.iter().position(|held| held == slot) {
                let mut over = entry.pending.remove(at);
                over.refused = counted == Counted::Refused;
                match counted {
                    Counted::Refused | Counted::Unknown => entry.unsaved.push(over),
                    Counted::Accepted | Counted::Unsent => {}
                }
            }
            !entry.unsaved.is_empty()
        };
        self.with(person, settle).unwrap_or(false)
    }

    /// Notes what was said to a guess; gives how often the caller was refused with it, unless this was the first time.
    pub(crate) fn note(
        &self,
        person: &AccountId,
        tag: GuessTag,
        said: Said,
        caller: &Caller,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Option<Repeat> {
        self.with(person, |entry| entry.guesses.note(tag, said, caller, rule, now)).flatten()
    }

    /// Notes whether the budget is closed to a caller; true when that is new.
    pub(crate) fn turned(&self, person: &AccountId, caller: &Caller, is_closed: bool) -> bool {
        let turn = |entry: &mut Entry| match entry.closed.iter().position(|told| told == caller) {
            Some(at) if !is_closed => {
                entry.closed.swap_remove(at);
                true
            }
            None if is_closed && entry.closed.len() < TOLD => {
                entry.closed.push(caller.clone());
                true
            }
            Some(_) | None => false,
        };
        self.with(person, turn).unwrap_or(false)
    }

    /// Counts `alias` under `person` from now on; true when that is new.
    pub(crate) fn join(&self, alias: &AccountId, person: &AccountId) -> bool {
        {
            let mut aliases = self.aliases.write().unwrap_or_else(PoisonError::into_inner);
            if alias == person || aliases.get(alias) == Some(person) || aliases.contains_key(person) {
                return false;
            }
            if aliases.len() >= self.accounts {
                return false;
            }
            aliases.insert(alias.clone(), person.clone());
        }
        let Some(own) = self.shard(alias).entries.remove(alias) else { return true };
        let mut shard = self.shard(person);
        let entry = shard.entries.entry(person.clone()).or_default();
        entry.guesses.join(own.guesses);
        entry.seen.extend(own.seen);
        entry.pending.extend(own.pending);
        entry.unsaved.extend(own.unsaved);
        entry.last_success = entry.last_success.max(own.last_success);
        true
    }

    /// Forgets everything of an account, as somebody unlocked it.
    pub(crate) fn clear(&self, account: &AccountId) {
        let person = self.person(account);
        self.shard(&person).entries.remove(&person);
    }

    /// Forgets which guesses at an account were refused, as somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.with(&self.person(account), |entry| entry.guesses.forget());
    }

    /// Forgets what may be stale of every account: refusals, and slots that the store knows better.
    pub(crate) fn forget_all(&self) {
        for shard in &self.shards {
            for entry in shard.lock().unwrap_or_else(PoisonError::into_inner).entries.values_mut() {
                entry.guesses.forget();
                entry.seen.clear();
            }
        }
    }

    fn shard(&self, person: &AccountId) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(person) % SHARDS as u64).unwrap_or_default();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, person: &AccountId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.shard(person).entries.get_mut(person).map(change)
    }
}

#[cfg(test)]
mod tests;
