//! Writing at once, giving up in the middle, opening again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::domain::Rejection;
use crate::store::suite::flags::{all, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, new_account, on_every_database};
use crate::store::{AccountChange, Database};

async fn what_was_written_is_there_when_the_database_is_opened_again(fresh: Fresh) {
    fresh.database.accounts().insert(&new_account("reader"), at(1)).await.expect("added");
    fresh.database.close().await;
    let again = Database::open(&fresh.url).await.expect("it opens again");
    assert!(again.accounts().find(&account("reader")).await.expect("the store answers").is_some());
}

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

async fn a_database_is_opened_by_many_at_once(fresh: Fresh) {
    let openers: Vec<_> = (0..12)
        .map(|_| {
            let url = fresh.url.replace("soapgate.db", "another.db");
            tokio::spawn(async move { Database::open(&url).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.expect("no panic").expect("it opens");
    }
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
    what_was_written_is_there_when_the_database_is_opened_again,
    two_pools_write_at_once_and_nothing_is_lost,
    a_database_is_opened_by_many_at_once,
    a_write_that_is_given_up_at_any_point_stops_no_other,
    a_closed_store_says_so,
];
