//! What may flag an account on its way to the store: gathered account by account in bounded room, and the worker that
//! writes it. Neither ever delays or changes a reply.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Clock, Fact, GuessFacts, IntegrationName, Reason, Timestamp};
use crate::gateway::leftovers;
use crate::store::{FlagStore, Gathered, Recorded, Seen, StoreError};
use crate::telemetry::{Component, Metrics, Status, account_tag};

/// How long the worker waits before it tries a failing store again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long a write may still take once the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// Accounts written in one transaction at most.
const BATCH: usize = 256;
/// Different facts and places that are kept of one account between two writes; beyond that a fact that is known already
/// is counted with the first of its kind.
const APART: usize = 32;
/// And new ones are kept until there are so many.
const FACTS: usize = 64;

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
pub(crate) struct FlagQueue {
    waiting: Arc<Waiting>,
    metrics: Metrics,
}

/// What waits for the worker.
struct Waiting {
    accounts: Mutex<Accounts>,
    most: usize,
    dropped: AtomicU64,
    news: Notify,
}

/// What was gathered, in the order in which accounts came.
#[derive(Default)]
struct Accounts {
    gathered: HashMap<AccountId, Gathered>,
    order: VecDeque<AccountId>,
}

impl Waiting {
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, most: usize) -> Vec<Gathered> {
        let mut accounts = self.accounts();
        let count = accounts.order.len().min(most);
        let first: Vec<AccountId> = accounts.order.drain(..count).collect();
        first.iter().filter_map(|account| accounts.gathered.remove(account)).collect()
    }
}

/// The other end, for [`FlagWriter`].
pub struct FlagReceiver(Arc<Waiting>);

/// Integrations that an identity service accepted for the first time, to be written down off the calls' path.
pub struct AcceptedReceiver(pub(crate) mpsc::Receiver<IntegrationName>);

impl AcceptedReceiver {
    /// The next one; `None` when there will be none.
    pub async fn next(&mut self) -> Option<IntegrationName> {
        self.0.recv().await
    }
}

impl FlagQueue {
    /// Room for `most` accounts, and its end for the worker.
    pub(crate) fn new(most: usize, metrics: Metrics) -> (Self, FlagReceiver) {
        let waiting = Arc::new(Waiting {
            accounts: Mutex::default(),
            most: most.max(1),
            dropped: AtomicU64::new(0),
            news: Notify::new(),
        });
        (Self { waiting: Arc::clone(&waiting), metrics }, FlagReceiver(waiting))
    }

    /// Leaves a sighting for the worker. Where as many accounts wait as there is room for, one more is dropped, counted
    /// and logged, rather than delay a reply.
    pub(crate) fn put(&self, sighting: Sighting) {
        let mut accounts = self.waiting.accounts();
        let Accounts { gathered, order } = &mut *accounts;
        let is_full = gathered.len() >= self.waiting.most;
        match gathered.entry(sighting.account.clone()) {
            Entry::Occupied(mut known) => add(known.get_mut(), sighting),
            Entry::Vacant(_) if is_full => {
                drop(accounts);
                self.waiting.dropped.fetch_add(1, Ordering::Relaxed);
                self.metrics.flags_dropped.inc();
                tracing::error!(account.tag = account_tag(&sighting.account), "flag.dropped");
            }
            Entry::Vacant(free) => {
                order.push_back(sighting.account.clone());
                let new = Gathered { account: sighting.account.clone(), seen: Vec::new() };
                add(free.insert(new), sighting);
                drop(accounts);
                self.waiting.news.notify_one();
            }
        }
    }
}

/// Adds a sighting to what was gathered: a fact that was seen from the same place on the same day is counted up.
fn add(gathered: &mut Gathered, sighting: Sighting) {
    let Sighting { fact, integration, source, operation, at, .. } = sighting;
    let known = gathered.seen.len();
    let is_full = known >= APART;
    let same = gathered.seen.iter_mut().find(|seen| {
        let same_place = seen.integration == integration && seen.source == Some(source) && seen.operation == operation;
        is_alike(seen.fact, fact) && (same_place || is_full) && seen.last.day() == at.day()
    });
    match same {
        Some(seen) => {
            // What is known of a repeated password only grows.
            (seen.fact, seen.count) = (fact, seen.count.saturating_add(1));
            (seen.first, seen.last) = (seen.first.min(at), seen.last.max(at));
        }
        None if known >= FACTS => {
            tracing::warn!(account.tag = account_tag(&gathered.account), "flag.fact_dropped");
        }
        None => gathered.seen.push(Seen {
            fact,
            integration,
            source: Some(source),
            operation: Cow::Borrowed(operation),
            first: at,
            last: at,
            count: 1,
        }),
    }
}

/// Whether two facts say the same; of a repeated password, whether they say it of the same one.
fn is_alike(one: Fact, other: Fact) -> bool {
    match (one, other) {
        (Fact::Refused(a, one), Fact::Refused(b, other)) => {
            let since = |guess: GuessFacts| guess.repeat.map(|repeat| repeat.since);
            a == b && one.could_be_set == other.could_be_set && since(one) == since(other)
        }
        (one, other) => one == other,
    }
}

/// The worker that writes flags.
pub struct FlagWriter {
    /// Where they are written.
    pub store: Arc<dyn FlagStore>,
    /// Where what could not be written at the end is left for the next start.
    pub leftovers: PathBuf,
    /// Shows whether flags get written.
    pub health: Component,
    /// For the health.
    pub clock: Arc<dyn Clock>,
}

impl FlagWriter {
    /// Writes flags until `stop` is cancelled and nothing waits. While the store fails it waits and tries again; at the
    /// end what could not be written is left in a file, which the next start reads first.
    pub async fn run(self, receiver: FlagReceiver, stop: CancellationToken) {
        let waiting = receiver.0;
        let mut batch = leftovers::read(&self.leftovers);
        let mut from_file = !batch.is_empty();
        loop {
            let is_last = stop.is_cancelled();
            if batch.is_empty() {
                batch = waiting.take(BATCH);
            }
            if batch.is_empty() {
                if is_last {
                    return;
                }
                tokio::select! {
                    () = waiting.news.notified() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            match self.record(&batch, &stop).await {
                Ok(recorded) => {
                    tell(recorded);
                    batch.clear();
                    if std::mem::take(&mut from_file) {
                        leftovers::remove(&self.leftovers);
                    }
                    self.show(&waiting, None, 0);
                }
                Err(error) => {
                    self.show(&waiting, Some(&error), batch.len());
                    if is_last {
                        batch.extend(waiting.take(usize::MAX));
                        return leftovers::write(&self.leftovers, &batch);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(STORE_RETRY) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
    }

    /// A store that hangs is given up a moment after the stop, so that there is time left for the file.
    async fn record(&self, batch: &[Gathered], stop: &CancellationToken) -> Result<Vec<Option<Recorded>>, StoreError> {
        tokio::select! {
            recorded = self.store.record(batch) => recorded,
            () = async { stop.cancelled().await; tokio::time::sleep(STOP_PATIENCE).await } => Err(StoreError::away()),
        }
    }

    /// A failing store and dropped flags are for somebody to see, and for nobody to wait for.
    fn show(&self, waiting: &Waiting, error: Option<&StoreError>, held: usize) {
        let (now, dropped) = (self.clock.now(), waiting.dropped.load(Ordering::Relaxed));
        let count = held + waiting.accounts().gathered.len();
        if let Some(error) = error {
            let text = format!("{count} accounts wait to be written, {dropped} were dropped: {}", error.report());
            if self.health.fails(Status::Degraded, &text, now) {
                tracing::warn!(error = %error, waiting = count, "flag.store_failed");
            }
        } else if waiting.dropped.swap(0, Ordering::Relaxed) > 0 {
            self.health.fails(Status::Degraded, &format!("{dropped} flags were dropped, as too many waited"), now);
        } else {
            self.health.works(now);
        }
    }
}

/// After the commit: whoever reads these lines finds the flags, also after a SIGKILL.
fn tell(recorded: Vec<Option<Recorded>>) {
    for recorded in recorded.into_iter().flatten() {
        let reasons: Vec<&str> = recorded.reasons.iter().map(|reason| Reason::code(*reason)).collect();
        let (tag, state) = (account_tag(&recorded.account), recorded.state.label());
        if reasons.is_empty() {
            tracing::info!(flag.id = %recorded.flag, flag.state = state, account.tag = tag, "flag.cleared");
        } else {
            tracing::info!(
                flag.id = %recorded.flag, flag.reason = reasons.join(","), flag.state = state,
                account.tag = tag, "flag.recorded"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Rejection, Repeat};
    use crate::store::suite::harness::{account, at, integration};

    fn sighting(fact: Fact, place: u8, moment: i64) -> Sighting {
        Sighting {
            account: account("reader"),
            fact,
            integration: Some(integration("proxy")),
            source: IpAddr::from([192, 0, 2, place]),
            operation: "authenticateUser",
            at: at(moment),
        }
    }

    fn repeated(since: i64, refusals: u32) -> Fact {
        let repeat = Some(Repeat { since: at(since), refusals, days: 1 });
        Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat, could_be_set: true })
    }

    fn gathered(sightings: Vec<Sighting>) -> Vec<(Fact, u64)> {
        let (queue, receiver) = FlagQueue::new(10, Metrics::new());
        for sighting in sightings {
            queue.put(sighting);
        }
        let all = receiver.0.take(10).remove(0);
        all.seen.into_iter().map(|seen| (seen.fact, seen.count)).collect()
    }

    #[test]
    fn a_repeated_password_is_gathered_with_what_is_known_of_it_last_and_apart_from_others() {
        let seen = vec![
            sighting(repeated(1, 2), 1, 2),
            sighting(repeated(1, 3), 1, 3),
            sighting(repeated(2, 2), 1, 4),
            sighting(repeated(1, 4), 1, 5),
        ];
        assert_eq!(gathered(seen), [(repeated(1, 4), 3), (repeated(2, 2), 1)]);
    }

    #[test]
    fn what_is_gathered_of_one_account_has_a_bound_and_counts_on() {
        let mut seen: Vec<Sighting> = (0..100).map(|place| sighting(Fact::MustChange, place, 1)).collect();
        seen.push(sighting(Fact::Accepted, 1, 2));
        let all = gathered(seen);
        assert_eq!(all.len(), APART + 1, "places are lost, what was said is not");
        assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 101);
        let many = (0..100).map(|since| sighting(repeated(since, 2), 1, 1)).collect();
        assert_eq!(gathered(many).len(), FACTS);
    }
}
