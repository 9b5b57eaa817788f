//! The queue in bounded room, and the worker with a store that is away or cannot take something.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Clock, Fact, GuessFacts, Rejection, Repeat, Timestamp};
use crate::gateway::flagging::gathering::{APART, FACTS, join};
use crate::gateway::flagging::queue::ALARM;
use crate::gateway::flagging::writer::{ASIDE, ASIDE_RETRY};
use crate::gateway::flagging::{FlagQueue, FlagReceiver, FlagWriter, Sighting};
use crate::gateway::leftovers;
use crate::store::suite::harness::{self, account, at, integration};
use crate::store::{FlagStore, Gathered, RecordFuture, StoreError};
use crate::telemetry::{Component, Health, Metrics, Status};

const NO_PASSWORD: Fact = Fact::Refused(Rejection::NoPassword, GuessFacts { repeat: None, could_be_set: true });

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

fn of(identifier: &str, fact: Fact) -> Sighting {
    Sighting { account: account(identifier), ..sighting(fact, 1, 1) }
}

fn repeated(since: i64, refusals: u32) -> Fact {
    let repeat = Some(Repeat { since: at(since), refusals, days: 1 });
    Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat, could_be_set: true })
}

fn take(receiver: &FlagReceiver) -> Vec<Gathered> {
    receiver.0.take(10, &std::collections::HashSet::new())
}

fn gathered(sightings: Vec<Sighting>) -> Vec<(Fact, u64)> {
    let (queue, receiver) = FlagQueue::new(10, Metrics::new());
    for sighting in sightings {
        queue.put(sighting);
    }
    take(&receiver).remove(0).seen.into_iter().map(|seen| (seen.fact, seen.count)).collect()
}

fn names(gathered: &[Gathered]) -> Vec<&str> {
    gathered.iter().map(|one| one.account.identifier()).collect()
}

fn dropped(metrics: &Metrics, what: &str) -> u64 {
    series(metrics, &format!("soapgate_flags_dropped_total{{what=\"{what}\"}}"))
}

fn series(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.encode().expect("encodes");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the series is there");
    line.trim().parse().expect("a count")
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

#[test]
fn a_fact_that_there_is_no_room_for_is_counted() {
    let metrics = Metrics::new();
    let (queue, _receiver) = FlagQueue::new(10, metrics.clone());
    for since in 0..100 {
        queue.put(sighting(repeated(since, 2), 1, 1));
    }
    assert_eq!(dropped(&metrics, "fact"), 100 - FACTS as u64);
    assert_eq!(dropped(&metrics, "flag"), 0);
}

#[test]
fn in_a_full_queue_whoever_was_only_let_in_makes_room() {
    let metrics = Metrics::new();
    let (queue, receiver) = FlagQueue::new(3, metrics.clone());
    for plain in ["a", "b", "c", "d"] {
        queue.put(of(plain, if plain == "b" { Fact::IntegrationAccepted } else { Fact::Accepted }));
    }
    assert_eq!(dropped(&metrics, "accepted"), 1, "the last one, quietly");
    // What nothing was wrong with may be flagged now, and stays.
    queue.put(of("a", NO_PASSWORD));
    queue.put(of("x", NO_PASSWORD));
    queue.put(of("y", Fact::MustChange));
    assert_eq!((dropped(&metrics, "accepted"), dropped(&metrics, "flag")), (3, 0));
    assert_eq!(receiver.0.dropped_lately(at(1)), 0, "nobody is alarmed");
    queue.put(of("z", NO_PASSWORD));
    queue.put(of("e", Fact::Accepted));
    assert_eq!((dropped(&metrics, "accepted"), dropped(&metrics, "flag")), (4, 1));
    assert_eq!(receiver.0.dropped_lately(at(1)), 1);
    assert_eq!(names(&take(&receiver)), ["a", "x", "y"], "in the order in which they came");
    queue.put(of("e", Fact::Accepted));
    assert_eq!(names(&take(&receiver)), ["e"]);
}

#[test]
fn what_is_gathered_twice_is_joined() {
    let (queue, receiver) = FlagQueue::new(10, Metrics::new());
    let mut all = Vec::new();
    for _ in 0..2 {
        queue.put(of("a", NO_PASSWORD));
        queue.put(of("b", NO_PASSWORD));
        all.extend(take(&receiver));
    }
    let (joined, dropped) = join(all);
    assert_eq!((names(&joined), dropped), (vec!["a", "b"], 0));
    assert_eq!(joined[0].seen.iter().map(|seen| seen.count).collect::<Vec<_>>(), [2]);
}

/// A clock that moves when it is told to.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }
}

impl HandClock {
    fn move_on(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("not so long"), Ordering::SeqCst);
    }
}

/// A store that cannot take some accounts, or nothing at all.
#[derive(Default)]
struct Picky {
    bad: Mutex<Vec<AccountId>>,
    away: Mutex<bool>,
    written: Mutex<Vec<Gathered>>,
    writes: AtomicI64,
}

impl FlagStore for Picky {
    fn record<'a>(&'a self, gathered: &'a [Gathered]) -> RecordFuture<'a> {
        Box::pin(async move {
            self.writes.fetch_add(1, Ordering::SeqCst);
            if *self.away.lock().unwrap() {
                return Err(StoreError::away());
            }
            let bad = self.bad.lock().unwrap();
            if gathered.iter().any(|one| bad.contains(&one.account)) {
                return Err(StoreError::unreadable("state"));
            }
            self.written.lock().unwrap().extend_from_slice(gathered);
            Ok(vec![None; gathered.len()])
        })
    }
}

impl Picky {
    fn refuse(&self, identifiers: &[&str]) {
        *self.bad.lock().unwrap() = identifiers.iter().copied().map(account).collect();
    }

    fn away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }

    /// How often something was seen of an account, in what is written.
    fn count(&self, identifier: &str) -> u64 {
        let written = self.written.lock().unwrap();
        let of_account = written.iter().filter(|one| one.account.identifier() == identifier);
        of_account.flat_map(|one| &one.seen).map(|seen| seen.count).sum()
    }
}

/// A worker at work.
struct House {
    queue: FlagQueue,
    metrics: Metrics,
    health: Component,
    clock: Arc<HandClock>,
    stop: CancellationToken,
    worker: JoinHandle<()>,
    file: PathBuf,
    folder: TempDir,
}

impl House {
    fn new(most: usize, store: Arc<dyn FlagStore>) -> Self {
        Self::at(tempfile::tempdir().expect("a folder"), most, store)
    }

    fn at(folder: TempDir, most: usize, store: Arc<dyn FlagStore>) -> Self {
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let (queue, receiver) = FlagQueue::new(most, metrics.clone());
        let clock = Arc::new(HandClock(AtomicI64::new(1)));
        let health = Health::default().component("queue", "flags", at(0));
        let file = folder.path().join("left");
        let writer = FlagWriter { store, leftovers: file.clone(), health: health.clone(), clock: clock.clone() };
        let worker = tokio::spawn(writer.run(receiver, stop.clone()));
        Self { queue, metrics, health, clock, stop, worker, file, folder }
    }

    async fn until(&self, what: &str, ask: impl Fn(&Self) -> bool) {
        let asking = async {
            while !ask(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let long = Duration::from_hours(1);
        tokio::time::timeout(long, asking).await.unwrap_or_else(|_| panic!("not seen: {what}"));
    }

    fn trouble(&self) -> String {
        let view = self.health.view();
        assert_eq!(view.status == Status::Ok, view.error.is_none());
        view.error.unwrap_or_default()
    }

    async fn stop(self) -> (TempDir, PathBuf) {
        self.stop.cancel();
        self.worker.await.expect("it ends in order");
        (self.folder, self.file)
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_flags_are_shown_for_a_quarter_of_an_hour_after_the_last() {
    let store = Arc::new(Picky::default());
    store.away(true);
    let house = House::new(2, store.clone());
    house.queue.put(of("held", NO_PASSWORD));
    house.until("the store is away", |house| house.trouble().contains("1 accounts wait to be written")).await;
    for account in ["a", "b", "c", "d"] {
        house.queue.put(Sighting { at: house.clock.now(), ..of(account, NO_PASSWORD) });
    }
    assert_eq!(dropped(&house.metrics, "flag"), 2);
    store.away(false);
    house.until("what was kept is written", |_| store.count("b") == 1).await;
    house.until("the drop", |house| house.trouble() == "2 flags were dropped, as too many waited").await;
    house.clock.move_on(ALARM.checked_sub(Duration::from_secs(1)).expect("longer"));
    house.queue.put(of("e", NO_PASSWORD));
    house.until("another batch is written", |_| store.count("e") == 1).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(house.trouble(), "2 flags were dropped, as too many waited", "the next batch ends no alarm");
    house.clock.move_on(Duration::from_secs(1));
    house.until("it is over, with no call", |house| house.trouble().is_empty()).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_the_store_cannot_take_holds_nobody_up_and_is_tried_again() {
    let store = Arc::new(Picky::default());
    store.refuse(&["b"]);
    let house = House::new(10, store.clone());
    for account in ["a", "b", "c"] {
        house.queue.put(of(account, NO_PASSWORD));
    }
    house.until("the others are written", |_| store.count("a") + store.count("c") == 2).await;
    let text = "1 accounts cannot be written and were set aside: the database holds an unreadable state";
    house.until("it is shown", |house| house.trouble() == text).await;
    assert_eq!(series(&house.metrics, "soapgate_flags_unwritable_total"), 1);
    assert_eq!(names(&leftovers::read(&house.file)), ["b"]);
    // Nothing is tried in vain meanwhile, and what is seen of it waits.
    house.queue.put(of("b", NO_PASSWORD));
    house.queue.put(of("d", NO_PASSWORD));
    house.until("who comes is written", |_| store.count("d") == 1).await;
    let writes = store.writes.load(Ordering::SeqCst);
    tokio::time::sleep(ASIDE_RETRY / 2).await;
    assert_eq!(store.writes.load(Ordering::SeqCst), writes);
    tokio::time::sleep(ASIDE_RETRY).await;
    assert!(store.writes.load(Ordering::SeqCst) > writes, "it is tried again");
    assert_eq!(house.trouble(), text);
    assert_eq!(series(&house.metrics, "soapgate_flags_unwritable_total"), 1, "it is the same one");
    store.refuse(&[]);
    house.until("it is mended", |_| store.count("b") == 2).await;
    house.until("nothing is wrong", |house| house.trouble().is_empty()).await;
    assert!(!house.file.exists());
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_is_there_after_a_stop_with_what_came_since() {
    let store = Arc::new(Picky::default());
    store.refuse(&["b"]);
    let house = House::new(10, store.clone());
    house.queue.put(of("b", NO_PASSWORD));
    house.until("it is set aside", |house| house.file.exists()).await;
    house.queue.put(of("b", NO_PASSWORD));
    house.queue.put(of("c", NO_PASSWORD));
    let (folder, file) = house.stop().await;
    assert_eq!((store.count("b"), store.count("c")), (0, 1));
    // Still not, and nobody has to wait for it after the start either.
    let house = House::at(folder, 10, store.clone());
    house.queue.put(of("d", NO_PASSWORD));
    house.until("who comes is written", |_| store.count("d") == 1).await;
    assert_eq!(names(&leftovers::read(&file)), ["b"]);
    store.refuse(&[]);
    house.until("it is mended", |_| store.count("b") == 2).await;
    house.until("the file is gone", |house| !house.file.exists()).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_away_among_single_accounts_loses_none() {
    let store = Arc::new(Picky::default());
    store.refuse(&["b"]);
    let house = House::new(10, store.clone());
    house.queue.put(of("b", NO_PASSWORD));
    house.until("it is set aside", |house| house.file.exists()).await;
    store.away(true);
    house.queue.put(of("c", NO_PASSWORD));
    tokio::time::sleep(ASIDE_RETRY * 2).await;
    assert!(house.trouble().contains("1 accounts wait to be written"), "{}", house.trouble());
    let (folder, file) = house.stop().await;
    assert_eq!(names(&leftovers::read(&file)), ["b", "c"]);
    store.away(false);
    store.refuse(&[]);
    let house = House::at(folder, 10, store.clone());
    house.until("both are written", |_| store.count("b") + store.count("c") == 2).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_set_aside_has_a_bound() {
    let store = Arc::new(Picky::default());
    let identifiers: Vec<String> = (0..ASIDE + 20).map(|n| format!("bad{n}")).collect();
    store.refuse(&identifiers.iter().map(String::as_str).collect::<Vec<_>>());
    let house = House::new(ASIDE * 2, store.clone());
    for identifier in &identifiers {
        house.queue.put(of(identifier, NO_PASSWORD));
    }
    house.until("the rest is dropped", |house| dropped(&house.metrics, "flag") == 20).await;
    house.until("both are shown", |house| house.trouble().starts_with("20 flags were dropped")).await;
    assert_eq!(leftovers::read(&house.file).len(), ASIDE);
    house.stop().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_no_other_account_from_its_flag() {
    let fresh = harness::sqlite().await;
    let house = House::new(10, Arc::new(fresh.database.flags()));
    let flags = async || {
        let counted = sqlx::query_scalar("SELECT COUNT(*) FROM flag");
        let flags: i64 = counted.fetch_one(fresh.database.pool()).await.expect("counted");
        flags
    };
    let until = async |number: i64| {
        while flags().await != number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    house.queue.put(of("bad", NO_PASSWORD));
    until(1).await;
    let mut connection = fresh.database.pool().acquire().await.expect("a connection");
    sqlx::query("UPDATE flag SET state = 'nonsense'").execute(&mut *connection).await.expect("spoilt");
    drop(connection);
    for account in ["a", "bad", "c"] {
        house.queue.put(of(account, NO_PASSWORD));
    }
    until(3).await;
    house.until("it is shown", |house| house.trouble().contains("set aside")).await;
    assert_eq!(names(&leftovers::read(&house.file)), ["bad"]);
    house.stop().await;
}
