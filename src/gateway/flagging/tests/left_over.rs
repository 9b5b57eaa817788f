//! What a stop left over: written piece by piece by the next start, beside whatever else is to be written.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::gateway::flagging::Sighting;
use crate::gateway::flagging::pace::MOST;
use crate::gateway::flagging::tests::house::{House, NO_PASSWORD, Picky, left, names, of, sighting};
use crate::gateway::leftovers;
use crate::store::suite::harness::{self, Fresh, account, at, new_account, on_every_database};
use crate::store::{Gathered, Seen};
use crate::telemetry::Status;

/// As many as the queue has room for, unless somebody gives it more.
const FULL: usize = 10_000;
/// A few pieces, and not whole ones.
pub(super) const SOME: usize = 1_000;

on_every_database!(a_full_queue_is_written_and_others_get_their_turn);

/// A folder with a file in which so many accounts are left over, each with two facts.
pub(super) fn folder_with(accounts: usize) -> TempDir {
    let seen = |place| {
        let one = sighting(NO_PASSWORD, place, 1);
        let (source, operation) = (Some(one.source), one.operation.into());
        Seen { fact: one.fact, integration: one.integration, source, operation, first: one.at, last: one.at, count: 1 }
    };
    let of = |n| Gathered { account: account(&format!("left{n}")), seen: vec![seen(1), seen(2)] };
    let all: Vec<Gathered> = (0..accounts).map(of).collect();
    let folder = tempfile::tempdir().expect("a folder");
    leftovers::change(&folder.path().join("left"), &HashSet::new(), &all).expect("written");
    folder
}

/// How many of the accounts are written once, and how many more than once.
pub(super) fn once_and_again(store: &Picky) -> (usize, usize) {
    let times: Vec<u64> = (0..SOME).map(|n| store.count(&format!("left{n}")) / 2).collect();
    (times.iter().filter(|times| **times == 1).count(), times.iter().filter(|times| **times > 1).count())
}

async fn a_full_queue_is_written_and_others_get_their_turn(fresh: Fresh) {
    let house = House::at(folder_with(FULL), 10, Arc::new(fresh.database.flags()));
    house.queue.put(of("fresh", NO_PASSWORD));
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    while house.file.exists() {
        let asked = Instant::now();
        drop(fresh.database.write().await.expect("a turn"));
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(begun.elapsed() < Duration::from_mins(10), "{}", house.trouble());
    }
    let whole = begun.elapsed();
    assert!(slowest < whole / 4, "another write waited {slowest:?} of {whole:?}");
    let flags: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM flag").fetch_one(fresh.database.pool()).await.expect("counted");
    assert_eq!(flags, i64::try_from(FULL + 1).expect("not so many"));
    let before = "SELECT MIN(seq) FROM trail JOIN flag ON flag.id = trail.flag_id WHERE flag.identifier = 'fresh'";
    let place: i64 = sqlx::query_scalar(before).fetch_one(fresh.database.pool()).await.expect("it is flagged");
    assert!(usize::try_from(place).is_ok_and(|place| place < FULL / 4), "what comes waited for {place} accounts");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_late_for_many_is_handed_fewer_and_more_once_it_keeps_up() {
    let store = Arc::new(Picky::default());
    store.late_above(Some(40));
    let house = House::at(folder_with(SOME), 10, store.clone());
    house.until("all is written", |_| once_and_again(&store) == (SOME, 0)).await;
    let sizes = std::mem::take(&mut *store.sizes.lock().unwrap());
    assert!(sizes.iter().all(|size| (1..=40).contains(size)), "{sizes:?}");
    house.until("the file is gone", |house| !house.file.exists()).await;
    assert_eq!(house.trouble(), "");
    let (folder, _) = house.stop().await;

    // One account is too much, until it is not.
    let stopped = folder_with(SOME);
    std::fs::rename(stopped.path().join("left"), folder.path().join("left")).expect("moved");
    store.written.lock().unwrap().clear();
    store.late_above(Some(0));
    let house = House::at(folder, 10, store.clone());
    house.until("it is late", |house| house.trouble().contains("1000 accounts wait")).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(once_and_again(&store), (0, 0));
    store.late_above(None);
    house.until("all is written", |_| once_and_again(&store) == (SOME, 0)).await;
    let sizes = std::mem::take(&mut *store.sizes.lock().unwrap());
    assert!(sizes[0] == 1 && sizes.iter().any(|size| *size > 64), "{sizes:?}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_in_the_middle_loses_nothing_and_repeats_a_piece_at_most() {
    let store = Arc::new(Picky::default());
    store.late_above(Some(100));
    store.hangs_after(Some(SOME / 2));
    let house = House::at(folder_with(SOME), 10, store.clone());
    house.until("it hangs", |_| store.written.lock().unwrap().len() > SOME / 3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.worker.abort();
    let written = store.written.lock().unwrap().len();
    let still = left(&house.file).len();
    assert!(still < SOME && still + written >= SOME, "{still} in the file, {written} written");
    store.hangs_after(None);
    let next = House::at(house.folder, 10, store.clone());
    next.until("the file is gone", |next| !next.file.exists()).await;
    let (once, again) = once_and_again(&store);
    assert!(once + again == SOME && again <= MOST, "{once} once, {again} again");
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_loses_nothing_and_repeats_nothing() {
    let store = Arc::new(Picky::default());
    store.late_above(Some(100));
    store.hangs_after(Some(SOME / 2));
    let house = House::at(folder_with(SOME), 10, store.clone());
    house.until("it hangs", |_| store.written.lock().unwrap().len() > SOME / 3).await;
    house.queue.put(of("fresh", NO_PASSWORD));
    let (folder, file) = house.stop().await;
    let written = store.written.lock().unwrap().len();
    assert_eq!(left(&file).len(), SOME + 1 - written);
    store.hangs_after(None);
    let house = House::at(folder, 10, store.clone());
    house.until("the file is gone", |house| !house.file.exists()).await;
    assert_eq!((once_and_again(&store), store.count("fresh")), ((SOME, 0), 1));
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_an_account_that_is_left_over_is_written_with_what_is_left_of_it() {
    let store = Arc::new(Picky::default());
    let house = House::at(folder_with(SOME), 10, store.clone());
    let last = format!("left{}", SOME - 1);
    house.queue.put(of(&last, NO_PASSWORD));
    house.queue.put(of("fresh", NO_PASSWORD));
    house.until("the file is gone", |house| !house.file.exists()).await;
    let written = store.written.lock().unwrap().clone();
    let places: Vec<usize> = (0..written.len()).filter(|place| names(&written)[*place] == last).collect();
    assert_eq!((places, store.count(&last)), (vec![SOME], 3), "the last of all, once");
    assert_eq!(names(&written)[MOST], "fresh", "after one piece");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_shown_until_somebody_removes_it() {
    let folder = folder_with(1);
    let file = folder.path().join("left");
    let there = std::fs::read(&file).expect("it is there");
    std::fs::write(&file, [&b"\xff\n"[..], &there].concat()).expect("written");
    let store = Arc::new(Picky::default());
    let house = House::at(folder, 10, store.clone());
    house.until("the rest is written", |house| store.count("left0") == 2 && !house.file.exists()).await;
    let text = "what could not be read of the flags left over is in left.unreadable";
    house.until("it is shown", |house| house.trouble() == text).await;
    assert_eq!(house.health.view().status, Status::Degraded);
    let (folder, _) = house.stop().await;
    let beside: &Path = &folder.path().join("left.unreadable");
    assert_eq!(std::fs::read(beside).expect("it is there"), b"\xff\n");
    let house = House::at(folder, 10, store.clone());
    house.until("it is shown after a start", |house| house.trouble() == text).await;
    std::fs::remove_file(house.folder.path().join("left.unreadable")).expect("removed");
    house.until("it is over", |house| house.trouble().is_empty()).await;
    house.stop().await;
}

#[tokio::test]
async fn who_is_forgotten_while_they_wait_or_are_left_over_is_not_flagged_again() {
    let fresh = harness::sqlite().await;
    let number = async |query| {
        let counted = sqlx::query_scalar(query);
        let number: i64 = counted.fetch_one(fresh.database.pool()).await.expect("counted");
        number
    };
    for gone in ["left0", "waiting"] {
        fresh.database.accounts().insert(&new_account(gone), at(1)).await.expect("added");
        let forgotten = fresh.database.erasure().forget(&account(gone), "ben", at(10)).await;
        forgotten.expect("the store answers").expect("it was known");
    }
    let house = House::at(folder_with(1), 10, Arc::new(fresh.database.flags()));
    house.queue.put(of("waiting", NO_PASSWORD));
    house.queue.put(Sighting { at: at(11), ..of("new", NO_PASSWORD) });
    while number("SELECT COUNT(*) FROM flag").await == 0 || house.file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.stop().await;
    assert_eq!(number("SELECT COUNT(*) FROM flag").await, 1);
    assert_eq!(number("SELECT COUNT(*) FROM subject WHERE identifier <> 'new'").await, 0, "named nowhere");
}
