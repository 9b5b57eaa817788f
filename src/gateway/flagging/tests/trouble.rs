//! The worker with a store that is away or cannot take something.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Clock, Fact};
use crate::gateway::flagging::Sighting;
use crate::gateway::flagging::filed::{ASIDE, ASIDE_RETRY};
use crate::gateway::flagging::queue::ALARM;
use crate::gateway::flagging::tests::house::{House, NO_PASSWORD, Picky, dropped, left, names, of, series};
use crate::gateway::flagging::writer::STOP_PATIENCE;
use crate::store::suite::harness;

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
    assert_eq!(names(&left(&house.file)), ["b"]);
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
    assert_eq!(names(&left(&file)), ["b"]);
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
    assert_eq!(names(&left(&file)), ["b", "c"]);
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
    assert_eq!(left(&house.file).len(), ASIDE);
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
    assert_eq!(names(&left(&house.file)), ["bad"]);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_when_the_server_stops_is_waited_for_once() {
    let store = Arc::new(Picky::default());
    store.hangs_after(Some(0));
    let house = House::new(10, store.clone());
    house.queue.put(of("a", NO_PASSWORD));
    house.until("it is handed over", |_| store.writes.load(Ordering::SeqCst) == 1).await;
    house.queue.put(of("b", NO_PASSWORD));
    let stopped = Instant::now();
    let (_folder, file) = house.stop().await;
    assert_eq!(names(&left(&file)), ["a", "b"]);
    assert!(stopped.elapsed() < STOP_PATIENCE * 2, "the server waits no longer for its writers");
}

/// A locked database can still be read: those of whom there is nothing to write are no sign that it is back.
#[tokio::test(start_paused = true)]
async fn who_needs_no_write_ends_no_trouble_of_those_who_do() {
    let store = Arc::new(Picky::default());
    store.late_for(Some("c"));
    let house = House::new(10, store.clone());
    for account in ["a", "b"] {
        house.queue.put(of(account, Fact::Accepted));
    }
    house.queue.put(of("c", NO_PASSWORD));
    house.until("it is late", |house| house.trouble().contains("3 accounts wait to be written")).await;
    for second in 0..120 {
        assert!(house.trouble().contains("accounts wait to be written"), "after {second} s");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((store.count("a"), store.count("b"), store.count("c")), (1, 1, 0));
    store.late_for(None);
    house.until("it is over", |house| house.trouble().is_empty() && store.count("c") == 1).await;
    house.stop().await;
}
