//! What this node remembers of accounts' attempts: the guesses, which never leave it, and the slots as it last saw them,
//! for when the store is away. A live counter is never given up for another.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::domain::{AccountId, AttemptRule, Caller, Gate, GuessTag, Recall, Repeat, Said, SlotKind, Timestamp};
use crate::gateway::attempts::entry::{Counted, Entry, Known};
use crate::store::{AttemptCounts, Reserved, SlotId, Taken};

/// Parts that are locked apart.
const SHARDS: usize = 16;
/// How often a full part is looked through for accounts that need not be remembered.
const SWEEP: Duration = Duration::from_secs(1);

/// What became of two identifiers that are one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// There is no room to remember one more alias: this node counts them apart.
    Full,
    /// They were counted together already.
    Known,
    /// They are from now on.
    New,
}

/// Every account that this node remembers.
pub(crate) struct Memory {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Identifiers that are known to be another's.
    aliases: RwLock<HashMap<AccountId, AccountId>>,
    /// What the store counted before this node began: an account's own entry begins with it.
    earlier: RwLock<AttemptCounts>,
    has_begun: AtomicBool,
    accounts: usize,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<AccountId, Entry>,
    swept: Option<Timestamp>,
}

impl Shard {
    /// Makes room among `most` accounts. Who was never let in goes first. Who was let in has something to lose, and keeps
    /// half of the room against strangers, however many there are: beyond that those go who were not let in for longest.
    fn sweep(&mut self, most: usize, now: Timestamp) {
        self.swept = Some(now);
        self.entries.retain(|_, entry| entry.is_live(now) || entry.guesses.accepted_at().is_some());
        if self.entries.len() < most {
            return;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.is_live(now));
        let mut accepted: Vec<Timestamp> = idle.filter_map(|(_, entry)| entry.guesses.accepted_at()).collect();
        accepted.sort_unstable();
        let gone = accepted.len().saturating_sub(most / 2).min(most.div_ceil(8));
        let Some(last) = gone.checked_sub(1).and_then(|at| accepted.get(at)).copied() else { return };
        let is_gone = |entry: &Entry| !entry.is_live(now) && entry.guesses.accepted_at().is_some_and(|at| at <= last);
        self.entries.retain(|_, entry| !is_gone(entry));
    }
}

impl Memory {
    /// Room for `accounts`.
    pub(crate) fn new(accounts: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            aliases: RwLock::default(),
            earlier: RwLock::default(),
            has_begun: AtomicBool::new(true),
            accounts,
        }
    }

    /// How many accounts there is room for.
    pub(crate) fn room(&self) -> usize {
        self.accounts
    }

    /// Takes over what the store counted before: accounts begin with it from now on, and whoever was met already stands
    /// for their other identifiers.
    pub(crate) fn begin_with(&self, counts: AttemptCounts, is_all: bool) {
        *self.earlier.write().unwrap_or_else(PoisonError::into_inner) = counts;
        self.has_begun.store(is_all, Ordering::SeqCst);
        for shard in &self.shards {
            let met: Vec<_> = shard.lock().unwrap_or_else(PoisonError::into_inner).entries.keys().cloned().collect();
            for person in &met {
                self.join_before(person);
            }
        }
    }

    /// Whether the store has answered to the end what it counted before.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// What the store counted before, to be read afresh.
    pub(crate) fn unread(&self) -> AttemptCounts {
        self.earlier.read().unwrap_or_else(PoisonError::into_inner).afresh()
    }

    /// Under which account an identifier is counted.
    pub(crate) fn person(&self, account: &AccountId) -> AccountId {
        root(&self.aliases.read().unwrap_or_else(PoisonError::into_inner), account).clone()
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
        if shard.entries.contains_key(person) {
            return true;
        }
        if shard.entries.len() >= most && shard.swept.is_none_or(|swept| now.since(swept) >= SWEEP) {
            shard.sweep(most, now);
        }
        if shard.entries.len() >= most {
            return false;
        }
        shard.entries.insert(person.clone(), self.beginning(person));
        drop(shard);
        self.join_before(person);
        true
    }

    /// The store knows which identifiers are one person's, and not by name: the first one here stands for the others.
    fn join_before(&self, person: &AccountId) {
        let before = self.earlier.write().unwrap_or_else(PoisonError::into_inner).name_before(person);
        if let Some(before) = before {
            self.join(person, &before);
        }
    }

    /// Counts a slot while the store is asked for it.
    pub(crate) fn ask(&self, person: &AccountId, taken: Taken) {
        self.with(person, |entry| entry.ask(taken));
    }

    /// Ends that, as the store has answered.
    pub(crate) fn answered(&self, person: &AccountId, id: &SlotId, gate: Gate) {
        self.with(person, |entry| entry.answered(id, gate));
    }

    /// Judges and takes a slot without the store.
    pub(crate) fn reserve_alone(&self, person: &AccountId, taken: Taken, known: Known, rule: &AttemptRule) -> Gate {
        // Who was given room a moment ago and is gone made room for another: nothing is known of their slots.
        let gate = self.with(person, |entry| entry.reserve_alone(taken, known, rule));
        gate.unwrap_or(Gate::Closed { unknown: true })
    }

    /// What the store is to be told of an account. It goes on counting here until [`Memory::told`].
    pub(crate) fn untold(&self, person: &AccountId) -> Vec<Taken> {
        self.with(person, |entry| entry.untold().collect()).unwrap_or_default()
    }

    /// What the store is to be told of all accounts.
    pub(crate) fn all_untold(&self) -> Vec<(AccountId, Taken)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            for (person, entry) in &mut shard.lock().unwrap_or_else(PoisonError::into_inner).entries {
                all.extend(entry.untold().map(|taken| (person.clone(), taken)));
            }
        }
        all
    }

    /// Notes that the store counts what it was told.
    pub(crate) fn told<'a>(&self, told: impl Iterator<Item = (&'a AccountId, &'a Taken)>) {
        for (person, taken) in told {
            self.with(person, |entry| entry.told(&taken.id));
        }
    }

    /// Notes what the store counts for `person`; of an identifier that has become another's meanwhile it counted a part.
    pub(crate) fn see(&self, person: &AccountId, reserved: Reserved) {
        if let Some(entry) = self.shard(person).entries.get_mut(person) {
            entry.see(reserved.slots, reserved.last_success);
        }
    }

    /// Notes what became of an attempt; gives what the store knows of its slot.
    pub(crate) fn settle(&self, person: &AccountId, id: &SlotId, counted: Counted, now: Timestamp) -> Known {
        // Of whom nothing is remembered the store may know more.
        self.with(person, |entry| entry.settle(id, counted, now)).unwrap_or(Known::Yes)
    }

    /// How often it was forgotten by now which guesses were refused.
    pub(crate) fn forgotten(&self, person: &AccountId) -> u64 {
        self.with(person, |entry| entry.guesses.forgotten()).unwrap_or_default()
    }

    /// Notes what was said to a guess that was asked when the others had been `forgotten` so often; gives how often the
    /// caller was refused with it, unless this was the first time.
    pub(crate) fn note(
        &self,
        person: &AccountId,
        (tag, said): (GuessTag, Said),
        forgotten: u64,
        caller: &Caller,
        rule: &AttemptRule,
        now: Timestamp,
    ) -> Option<Repeat> {
        self.with(person, |entry| {
            let guesses = &mut entry.guesses;
            if guesses.is_outdated(said, forgotten) { None } else { guesses.note(tag, said, caller, rule, now) }
        })
        .flatten()
    }

    /// Notes whether the budget is closed to a caller; true when that is new.
    pub(crate) fn turned(&self, person: &AccountId, caller: &Caller, is_closed: bool) -> bool {
        self.with(person, |entry| entry.turned(caller, is_closed)).unwrap_or(false)
    }

    /// Counts `alias` under `person` from now on.
    pub(crate) fn join(&self, alias: &AccountId, person: &AccountId) -> Joined {
        let person = {
            let mut aliases = self.aliases.write().unwrap_or_else(PoisonError::into_inner);
            let person = root(&aliases, person).clone();
            if *alias == person || *root(&aliases, alias) == person {
                return Joined::Known;
            }
            if aliases.len() >= self.accounts {
                return Joined::Full;
            }
            aliases.insert(alias.clone(), person.clone());
            person
        };
        let own = self.shard(alias).entries.remove(alias);
        let own = own.or_else(|| Some(self.beginning(alias)).filter(|entry| !entry.is_nothing()));
        if let Some(own) = own {
            let mut shard = self.shard(&person);
            shard.entries.entry(person.clone()).or_insert_with(|| self.beginning(&person)).join(own);
        }
        Joined::New
    }

    /// Forgets slots and refusals of an account, as somebody unlocked it.
    pub(crate) fn clear(&self, account: &AccountId) {
        let person = self.person(account);
        let mut earlier = self.earlier.write().unwrap_or_else(PoisonError::into_inner);
        earlier.forget(account);
        earlier.forget(&person);
        drop(earlier);
        self.with(&person, Entry::unlock);
    }

    /// Forgets which guesses at an account were refused, as somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.with(&self.person(account), |entry| entry.guesses.forget());
    }

    /// Forgets what may be stale of every account: refusals.
    pub(crate) fn forget_all(&self) {
        for shard in &self.shards {
            for entry in shard.lock().unwrap_or_else(PoisonError::into_inner).entries.values_mut() {
                entry.guesses.forget();
            }
        }
    }

    /// What an account's entry begins with.
    fn beginning(&self, account: &AccountId) -> Entry {
        let earlier = self.earlier.read().unwrap_or_else(PoisonError::into_inner);
        Entry::beginning(earlier.of(account).cloned().unwrap_or_default(), earlier.knows(account))
    }

    fn shard(&self, person: &AccountId) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(person) % SHARDS as u64).unwrap_or_default();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is remembered under an identifier, which may have become another's meanwhile.
    fn with<T>(&self, person: &AccountId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let person = self.person(person);
        self.shard(&person).entries.get_mut(&person).map(change)
    }
}

/// Whom an identifier leads to, through however many others. There is no way round in a circle: an alias is only ever
/// led to somebody who is nobody's, and is not itself.
fn root<'a>(aliases: &'a HashMap<AccountId, AccountId>, account: &'a AccountId) -> &'a AccountId {
    let mut person = account;
    while let Some(next) = aliases.get(person) {
        person = next;
    }
    person
}

#[cfg(test)]
mod tests;
