//! The queue of what may flag: account by account, in the order in which they came, in bounded room.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::{AccountId, Fact, IntegrationName, Timestamp};
use crate::gateway::flagging::gathering::{Added, add, may_flag};
use crate::store::{Gathered, Seen};
use crate::telemetry::{DroppedFlag, Metrics, account_tag};

/// How long after the last flag that was dropped somebody is still told.
pub(super) const ALARM: Duration = Duration::from_mins(15);

/// One fact about an account, from somebody who was asked just now.
pub(crate) struct Sighting {
    pub(crate) account: AccountId,
    pub(crate) fact: Fact,
    pub(crate) integration: Option<IntegrationName>,
    pub(crate) source: IpAddr,
    pub(crate) operation: &'static str,
    pub(crate) at: Timestamp,
}

/// Where the gateway leaves what may flag.
#[derive(Clone)]
pub(crate) struct FlagQueue(Arc<Waiting>);

/// The other end, for [`crate::gateway::FlagWriter`].
pub struct FlagReceiver(pub(super) Arc<Waiting>);

/// What waits for the worker.
pub(super) struct Waiting {
    accounts: Mutex<Accounts>,
    most: usize,
    pub(super) news: Notify,
    pub(super) metrics: Metrics,
}

#[derive(Default)]
struct Accounts {
    gathered: HashMap<AccountId, (u64, Gathered)>,
    /// The turn of each of them.
    order: BTreeMap<u64, AccountId>,
    /// The turns of those that only say that somebody was let in.
    harmless: BTreeSet<u64>,
    next_turn: u64,
    dropped: u64,
    last_dropped: Option<Timestamp>,
}

/// What became of a sighting.
enum Put {
    Added(Added),
    Dropped(DroppedFlag),
    New,
    /// An account of which nothing but sign-ins was seen made room.
    NewInPlaceOfAnother,
}

impl FlagQueue {
    /// Room for `most` accounts, and its end for the worker.
    pub(crate) fn new(most: usize, metrics: Metrics) -> (Self, FlagReceiver) {
        let most = most.max(1);
        let waiting = Arc::new(Waiting { accounts: Mutex::default(), most, news: Notify::new(), metrics });
        (Self(Arc::clone(&waiting)), FlagReceiver(waiting))
    }

    /// Leaves a sighting for the worker. Where as many accounts wait as there is room for, one that nothing is wrong with
    /// makes room for one that may be flagged; when there is none, the new one is dropped, counted and logged, rather than
    /// delay a reply. A sign-in that was let in is dropped quietly: the next one says the same.
    pub(crate) fn put(&self, sighting: Sighting) {
        let Sighting { account, fact, integration, source, operation, at } = sighting;
        let (source, operation) = (Some(source), Cow::Borrowed(operation));
        let seen = Seen { fact, integration, source, operation, first: at, last: at, count: 1 };
        let metrics = &self.0.metrics;
        let put = self.0.accounts().put(&account, seen, self.0.most);
        match put {
            Put::Added(Added::Kept) => {}
            Put::Added(Added::Dropped) => metrics.flags.dropped(DroppedFlag::Fact),
            Put::Dropped(what) => {
                metrics.flags.dropped(what);
                if what == DroppedFlag::Flag {
                    tracing::error!(account.tag = account_tag(&account), "flag.dropped");
                }
            }
            Put::New => self.0.news.notify_one(),
            Put::NewInPlaceOfAnother => {
                metrics.flags.dropped(DroppedFlag::Accepted);
                self.0.news.notify_one();
            }
        }
    }
}

impl Waiting {
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many accounts wait.
    pub(super) fn count(&self) -> usize {
        self.accounts().gathered.len()
    }

    /// Those that came first, but for those that are held.
    pub(super) fn take(&self, most: usize, is_held: impl Fn(&AccountId) -> bool) -> Vec<Gathered> {
        let mut accounts = self.accounts();
        let free = accounts.order.iter().filter(|(_, account)| !is_held(account));
        let turns: Vec<u64> = free.take(most).map(|(turn, _)| *turn).collect();
        turns.into_iter().filter_map(|turn| accounts.take(turn)).collect()
    }

    /// What waits of these accounts.
    pub(super) fn take_of(&self, wanted: &HashSet<AccountId>) -> Vec<Gathered> {
        let mut accounts = self.accounts();
        let turns = wanted.iter().filter_map(|account| accounts.gathered.get(account).map(|(turn, _)| *turn));
        let turns: BTreeSet<u64> = turns.collect();
        turns.into_iter().filter_map(|turn| accounts.take(turn)).collect()
    }

    /// Flags are lost elsewhere for want of room: counted, and for somebody to see.
    pub(super) fn lose(&self, count: usize, now: Timestamp) {
        let mut accounts = self.accounts();
        for _ in 0..count {
            accounts.note_dropped(now);
            self.metrics.flags.dropped(DroppedFlag::Flag);
        }
    }

    /// How many flags were dropped, until a while after the last one; then it begins anew.
    pub(super) fn dropped_lately(&self, now: Timestamp) -> u64 {
        let mut accounts = self.accounts();
        if accounts.last_dropped.is_some_and(|last| now.since(last) >= ALARM) {
            (accounts.dropped, accounts.last_dropped) = (0, None);
        }
        accounts.dropped
    }
}

impl Accounts {
    fn put(&mut self, account: &AccountId, seen: Seen, most: usize) -> Put {
        let may_flag = may_flag(seen.fact);
        if let Some((turn, known)) = self.gathered.get_mut(account) {
            if may_flag {
                self.harmless.remove(turn);
            }
            return Put::Added(add(known, seen));
        }
        let mut put = Put::New;
        if self.gathered.len() >= most {
            match (may_flag, self.harmless.first().copied()) {
                (false, _) => return Put::Dropped(DroppedFlag::Accepted),
                (true, None) => {
                    self.note_dropped(seen.last);
                    return Put::Dropped(DroppedFlag::Flag);
                }
                (true, Some(turn)) => {
                    self.take(turn);
                    put = Put::NewInPlaceOfAnother;
                }
            }
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.order.insert(turn, account.clone());
        if !may_flag {
            self.harmless.insert(turn);
        }
        self.gathered.insert(account.clone(), (turn, Gathered { account: account.clone(), seen: vec![seen] }));
        put
    }

    fn take(&mut self, turn: u64) -> Option<Gathered> {
        self.harmless.remove(&turn);
        let account = self.order.remove(&turn)?;
        self.gathered.remove(&account).map(|(_, gathered)| gathered)
    }

    fn note_dropped(&mut self, at: Timestamp) {
        self.dropped = self.dropped.saturating_add(1);
        self.last_dropped = self.last_dropped.max(Some(at));
    }
}
