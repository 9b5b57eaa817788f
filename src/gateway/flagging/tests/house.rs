//! Sightings, a store that fails as it is told to, and a worker at work.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Clock, Fact, GuessFacts, Rejection, Timestamp};
use crate::gateway::flagging::{FlagQueue, FlagWriter, Sighting};
use crate::gateway::leftovers;
use crate::store::suite::harness::{account, at, integration};
use crate::store::{FlagStore, Gathered, RecordFuture, StoreError};
use crate::telemetry::{Component, Health, Metrics, Status};

pub(super) const NO_PASSWORD: Fact =
    Fact::Refused(Rejection::NoPassword, GuessFacts { repeat: None, could_be_set: true });

pub(super) fn sighting(fact: Fact, place: u8, moment: i64) -> Sighting {
    Sighting {
        account: account("reader"),
        fact,
        integration: Some(integration("proxy")),
        source: IpAddr::from([192, 0, 2, place]),
        operation: "authenticateUser",
        at: at(moment),
    }
}

pub(super) fn of(identifier: &str, fact: Fact) -> Sighting {
    Sighting { account: account(identifier), ..sighting(fact, 1, 1) }
}

/// What is in the file, as soon as the worker lets go of it.
pub(super) fn left(file: &Path) -> Vec<Gathered> {
    loop {
        match leftovers::read(file) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            read => return read.expect("it can be read"),
        }
    }
}

pub(super) fn names(gathered: &[Gathered]) -> Vec<&str> {
    gathered.iter().map(|one| one.account.identifier()).collect()
}

pub(super) fn dropped(metrics: &Metrics, what: &str) -> u64 {
    series(metrics, &format!("soapgate_flags_dropped_total{{what=\"{what}\"}}"))
}

pub(super) fn series(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.encode().expect("encodes");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the series is there");
    line.trim().parse().expect("a count")
}

/// A clock that moves when it is told to.
pub(super) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }
}

impl HandClock {
    pub(super) fn move_on(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("not so long"), Ordering::SeqCst);
    }
}

/// A store that cannot take some accounts, or too many at once, or nothing at all.
#[derive(Default)]
pub(super) struct Picky {
    bad: Mutex<Vec<AccountId>>,
    away: Mutex<bool>,
    late_above: Mutex<Option<usize>>,
    late_for: Mutex<Option<AccountId>>,
    hangs_after: Mutex<Option<usize>>,
    pub(super) written: Mutex<Vec<Gathered>>,
    /// How many accounts each write was of that was not late.
    pub(super) sizes: Mutex<Vec<usize>>,
    pub(super) writes: AtomicI64,
}

impl FlagStore for Picky {
    fn record<'a>(&'a self, gathered: &'a [Gathered]) -> RecordFuture<'a> {
        Box::pin(async move {
            self.writes.fetch_add(1, Ordering::SeqCst);
            if *self.away.lock().unwrap() {
                return Err(StoreError::away());
            }
            if self.late_above.lock().unwrap().is_some_and(|most| gathered.len() > most) {
                return Err(StoreError::late());
            }
            let late_for = self.late_for.lock().unwrap().clone();
            if gathered.iter().any(|one| Some(&one.account) == late_for.as_ref()) {
                tokio::time::sleep(Duration::from_secs(12)).await;
                return Err(StoreError::late());
            }
            let written = self.written.lock().unwrap().len();
            if self.hangs_after.lock().unwrap().is_some_and(|most| written + gathered.len() > most) {
                std::future::pending::<()>().await;
            }
            let bad = self.bad.lock().unwrap();
            if gathered.iter().any(|one| bad.contains(&one.account)) {
                return Err(StoreError::unreadable("state"));
            }
            self.written.lock().unwrap().extend_from_slice(gathered);
            self.sizes.lock().unwrap().push(gathered.len());
            Ok(vec![None; gathered.len()])
        })
    }
}

impl Picky {
    pub(super) fn refuse(&self, identifiers: &[&str]) {
        *self.bad.lock().unwrap() = identifiers.iter().copied().map(account).collect();
    }

    pub(super) fn away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }

    /// It does not answer in time when it is handed more accounts than these.
    pub(super) fn late_above(&self, most: Option<usize>) {
        *self.late_above.lock().unwrap() = most;
    }

    /// It lets whoever hands it this account wait, and takes it not.
    pub(super) fn late_for(&self, identifier: Option<&str>) {
        *self.late_for.lock().unwrap() = identifier.map(account);
    }

    /// It says nothing any more once so many accounts are written.
    pub(super) fn hangs_after(&self, most: Option<usize>) {
        *self.hangs_after.lock().unwrap() = most;
    }

    /// How often something was seen of an account, in what is written.
    pub(super) fn count(&self, identifier: &str) -> u64 {
        let written = self.written.lock().unwrap();
        let of_account = written.iter().filter(|one| one.account.identifier() == identifier);
        of_account.flat_map(|one| &one.seen).map(|seen| seen.count).sum()
    }
}

/// A worker at work.
pub(super) struct House {
    pub(super) queue: FlagQueue,
    pub(super) metrics: Metrics,
    pub(super) health: Component,
    pub(super) clock: Arc<HandClock>,
    stop: CancellationToken,
    pub(super) worker: JoinHandle<()>,
    pub(super) file: PathBuf,
    pub(super) folder: TempDir,
}

impl House {
    pub(super) fn new(most: usize, store: Arc<dyn FlagStore>) -> Self {
        Self::at(tempfile::tempdir().expect("a folder"), most, store)
    }

    pub(super) fn at(folder: TempDir, most: usize, store: Arc<dyn FlagStore>) -> Self {
        Self::with_file("left", folder, most, store)
    }

    pub(super) fn with_file(name: &str, folder: TempDir, most: usize, store: Arc<dyn FlagStore>) -> Self {
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let (queue, receiver) = FlagQueue::new(most, metrics.clone());
        let clock = Arc::new(HandClock(AtomicI64::new(1)));
        let health = Health::default().component("queue", "flags", at(0));
        let file = folder.path().join(name);
        let writer = FlagWriter { store, leftovers: file.clone(), health: health.clone(), clock: clock.clone() };
        let worker = tokio::spawn(writer.run(receiver, stop.clone()));
        Self { queue, metrics, health, clock, stop, worker, file, folder }
    }

    pub(super) async fn until(&self, what: &str, ask: impl Fn(&Self) -> bool) {
        let asking = async {
            while !ask(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let long = Duration::from_hours(1);
        tokio::time::timeout(long, asking).await.unwrap_or_else(|_| panic!("not seen: {what}"));
    }

    pub(super) fn trouble(&self) -> String {
        let view = self.health.view();
        assert_eq!(view.status == Status::Ok, view.error.is_none());
        view.error.unwrap_or_default()
    }

    pub(super) async fn stop(self) -> (TempDir, PathBuf) {
        self.stop.cancel();
        self.worker.await.expect("it ends in order");
        (self.folder, self.file)
    }
}
