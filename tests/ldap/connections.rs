//! Connections that are kept, ended, replaced and counted.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{LdapSettings, Sent};
use tokio::task::JoinSet;

use crate::fake::{Asked, FakeDirectory, OWN_DN, Reaction};
use crate::faults::check;
use crate::{PLANTED, ask, ask_within, service};

#[tokio::test]
async fn connections_are_kept_and_none_is_searched_in_anothers_name() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    for turn in 0..20 {
        let password = if turn % 2 == 0 { PLANTED } else { "guess" };
        assert!(ask(&service, "reader", password).await.is_ok());
    }
    assert_eq!((directory.connections(), directory.own_binds()), (2, 1), "one for searching, one for binding");
    let mut searched = BTreeSet::new();
    let mut bound = BTreeSet::new();
    for asked in directory.asked() {
        match asked {
            Asked::Bind { connection, dn, .. } if dn != OWN_DN => drop(bound.insert(connection)),
            Asked::Search { connection, .. } => drop(searched.insert(connection)),
            Asked::Bind { .. } | Asked::StartTls => {}
        }
    }
    assert!(searched.is_disjoint(&bound), "{searched:?} {bound:?}");
}

#[tokio::test]
async fn connections_that_ended_are_replaced_before_a_password_is_sent() {
    let mut directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    for turn in 1..=5 {
        let said = ask(&service, "reader", PLANTED).await.expect("an answer");
        assert_eq!((said.answer, directory.binds().len()), (Answer::Accepted, turn), "one bind each");
        directory.restart().await;
    }
    assert_eq!(directory.connections(), 10);
}

#[tokio::test]
async fn a_search_on_a_connection_that_ends_under_it_is_made_again_once() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    assert!(ask(&service, "reader", PLANTED).await.is_ok());
    directory.on_search(Reaction::End);
    let error = ask(&service, "reader", PLANTED).await.expect_err("no answer");
    check(&error, NoAnswer::Unreachable, Sent::Name, "it ends every time");
    let searches = directory.asked().iter().filter(|asked| matches!(asked, Asked::Search { .. })).count();
    assert_eq!(searches, 3, "the first, and this one on the kept connection and on a new one");
}

#[tokio::test]
async fn connections_do_not_stand_idle_for_long() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    for _ in 0..3 {
        assert!(ask(&service, "reader", PLANTED).await.is_ok());
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
    }
    assert_eq!(directory.connections(), 6);
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let directory = FakeDirectory::start().await;
    directory.on_bind(Reaction::Slow(Duration::from_millis(50)));
    let two = NonZeroUsize::new(2).expect("some");
    let service = Arc::new(service(&LdapSettings { connections: two, ..directory.settings() }));
    let mut asks = JoinSet::new();
    for _ in 0..20 {
        let service = Arc::clone(&service);
        asks.spawn(async move { ask(&service, "reader", PLANTED).await.map(|said| said.answer) });
    }
    assert_eq!(asks.join_all().await, vec![Ok(Answer::Accepted); 20]);
    assert!(directory.most_open() <= 4, "two for searching and two for binding, not {}", directory.most_open());
}

#[tokio::test]
async fn waiting_for_a_connection_ends_with_the_deadline_and_costs_no_attempt() {
    let directory = FakeDirectory::start().await;
    directory.on_bind(Reaction::Silence);
    let one = NonZeroUsize::MIN;
    let service = Arc::new(service(&LdapSettings { connections: one, ..directory.settings() }));
    let first = {
        let service = Arc::clone(&service);
        tokio::spawn(async move { ask_within(&service, "reader", PLANTED, Duration::from_secs(2)).await })
    };
    while directory.binds().is_empty() {
        tokio::task::yield_now().await;
    }
    let error = ask_within(&service, "reader", PLANTED, Duration::from_millis(200)).await.expect_err("no room");
    check(&error, NoAnswer::TimedOut, Sent::No, "waiting");
    let error = first.await.expect("no panic").expect_err("silence");
    check(&error, NoAnswer::TimedOut, Sent::Maybe, "the one that was waited for");
    directory.on_bind(Reaction::Right);
    assert!(ask(&service, "reader", PLANTED).await.is_ok(), "its place is free again");
    assert_eq!(directory.binds().len(), 2);
}
