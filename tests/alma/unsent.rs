//! Passwords that no header can carry unchanged: nobody is asked about them, and whoever keeps the records learns of them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;

use crate::config;
use crate::fake::{FakeAlma, User, faults};
use crate::report::{flag, flag_becomes, import};
use crate::support::clock::TestClock;
use crate::support::gateway::{Population, TestGateway};
use crate::support::signin::{Told, sign_in};
use crate::support::until::until;

/// How many accounts the store counts attempts of.
async fn counted(gateway: &TestGateway) -> i64 {
    let url = format!("sqlite:{}", gateway.database_file().display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.expect("a database");
    sqlx::query_scalar("SELECT COUNT(*) FROM attempt_account").fetch_one(&mut database).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_never_sent_asks_nobody_takes_no_slot_and_is_evidence() {
    let alma = FakeAlma::start().await;
    for user in ["JDOE", "other", "once"] {
        alma.add(User::new(&[user], Some("a right one")));
    }
    let clock = Arc::new(TestClock::default());
    let text = config(&alma, "second_look = false");
    let gateway = TestGateway::start_at(&text, &[Population::demo()], clock.clone(), |_| {}).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    let operator = gateway.beside().await;
    import(&operator).await;
    assert_eq!(sign_in(&gateway, "demo", "once", "a right one ").await, Told::No, "Alma would have let it in");
    assert_eq!(sign_in(&gateway, "demo", "jdoe", " a right one").await, Told::No);
    flag_becomes(&operator, "jdoe", ("open", "high", &["reported", "unacceptable-password"])).await;
    for day in 1..=3 {
        assert_eq!(flag(&operator, "other").await, None, "not before the third day, but on day {day}");
        assert_eq!(sign_in(&gateway, "demo", "other", "a\tright one").await, Told::No);
        clock.advance(Duration::from_hours(24));
    }
    until("it is flagged", async || flag(&operator, "other").await.is_some()).await;
    flag_becomes(&operator, "other", ("open", "medium", &["unacceptable-password"])).await;
    assert_eq!(flag(&operator, "once").await, None, "never alone");
    for name in ["rejected", "held-back"] {
        assert_eq!(gateway.metric("soapgate_identity_calls_total", name).await, 0, "{name}");
    }
    assert_eq!((alma.requests(), counted(&gateway).await), (1, 0), "nobody was asked, and no slot taken");
    // The budget is whole: four of one integration.
    for guess in 0..4 {
        assert_eq!(sign_in(&gateway, "demo", "jdoe", &format!("guess {guess}")).await, Told::No);
    }
    assert_eq!(alma.requests(), 1 + 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_never_sent_brings_no_service_back() {
    let alma = FakeAlma::start().await;
    let gateway = TestGateway::start(&config(&alma, "second_look = false")).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    alma.fault(faults::failing());
    for n in 0..30 {
        assert_eq!(sign_in(&gateway, "demo", &format!("user{n}"), "right").await, Told::Outage);
        assert_eq!(sign_in(&gateway, "demo", &format!("user{n}"), "right ").await, Told::No);
    }
    assert_eq!(alma.requests(), 1 + 3, "it is left alone after three outages");
}
