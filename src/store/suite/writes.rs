//! Writing at once, giving up in the middle, closing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::domain::Rejection;
use crate::store::suite::flags::{all, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, new_account, on_every_database};
use crate::store::{AccountChange, Database, FlagStore, Gathered};

async fn two_pools_write_at_once_and_nothing_is_lost(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second pool opens");
    let mut writers = Vec::new();
    for number in 0..8 {
        let database = if number % 2 == 0 { fresh.database.clone() } else { other.clone() };
        writers.push(tokio::spawn(async move {
            for _ in 0..20 {
                let one = vec![seen(refused(Rejection::NoPassword), at(1))];
                record(&database, "legacy", one).await.expect("no write fails because of another");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("the writer ends well");
    }
    assert_eq!(all(&fresh.database).await[0].count, 160);
}

async fn writes_that_want_the_same_rows_in_another_order_do_not_harm_each_other(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second pool opens");
    let flagged = |identifier: &str| Gathered {
        account: account(identifier),
        seen: vec![seen(refused(Rejection::NoPassword), at(1))],
    };
    let forth: Vec<Gathered> = ["a", "b", "c", "d"].map(flagged).into();
    let back: Vec<Gathered> = ["d", "c", "b", "a"].map(flagged).into();
    let mut writers = Vec::new();
    for (database, changes) in [(&fresh.database, forth), (&other, back)] {
        let flags = database.flags();
        writers.push(tokio::spawn(async move {
            for _ in 0..40 {
                flags.record(&changes).await.expect("no write fails because of another");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("the writer ends well");
    }
    let counts: Vec<u64> = all(&fresh.database).await.iter().map(|flag| flag.count).collect();
    assert_eq!(counts, [80; 4]);
    other.close().await;
}

async fn several_statements_read_what_was_there_at_one_moment(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second pool opens");
    let counted = "SELECT COUNT(*) FROM flag";
    let mut read = fresh.database.read("be read").await.expect("a read begins");
    let before: i64 = sqlx::query_scalar(counted).fetch_one(&mut *read).await.expect("counted");
    record(&other, "late", vec![seen(refused(Rejection::NoPassword), at(1))]).await.expect("recorded");
    let after: i64 = sqlx::query_scalar(counted).fetch_one(&mut *read).await.expect("counted");
    drop(read);
    assert_eq!((before, after, all(&other).await.len()), (0, 0, 1));
    other.close().await;
}

async fn a_write_that_is_given_up_at_any_point_stops_no_other(fresh: Fresh) {
    let accounts = fresh.database.accounts();
    accounts.insert(&new_account("reader"), at(0)).await.expect("added");
    for steps in 0..40 {
        let reader = account("reader");
        let mut write = pin!(accounts.change(&reader, &AccountChange::Lock, at(1)));
        for _ in 0..steps {
            let ended = poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_ready())).await;
            if ended {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    accounts.change(&account("reader"), &AccountChange::Unlock, at(2)).await.expect("the next write goes through");
    let after = accounts.find(&account("reader")).await.expect("the store answers").expect("it is there");
    assert_eq!((after.locked, after.changed_at), (false, at(2)));
}

async fn a_closed_store_says_so(fresh: Fresh) {
    fresh.database.close().await;
    let error = fresh.database.accounts().find(&account("reader")).await.expect_err("it is closed");
    assert_eq!(
        error.report(),
        "the database cannot look an account up: attempted to acquire a connection on a closed pool"
    );
    assert!(fresh.database.ping().await.is_err());
}

on_every_database![
    two_pools_write_at_once_and_nothing_is_lost,
    writes_that_want_the_same_rows_in_another_order_do_not_harm_each_other,
    several_statements_read_what_was_there_at_one_moment,
    a_write_that_is_given_up_at_any_point_stops_no_other,
    a_closed_store_says_so,
];
