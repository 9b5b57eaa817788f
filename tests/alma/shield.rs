//! What the lock-out shield lets through to a service that locks, whatever the old integrations do.

use std::sync::Arc;
use std::time::Duration;

use crate::answers::account;
use crate::config;
use crate::fake::{FakeAlma, User};
use crate::store_away::Locked;
use crate::support::client::{Connection, exchange};
use crate::support::clock::TestClock;
use crate::support::fake::fault::Fault;
use crate::support::gateway::{Population, TestGateway};
use crate::support::log::Log;
use crate::support::signin::{Told, register, request, sign_in, told};
use crate::support::until::until;
use crate::without_store::Store as _;

/// The service's thirty minutes, the time that a question may take to reach it, and some for clocks.
const WINDOW: Duration = HALF_AN_HOUR.saturating_add(LATE);
const HALF_AN_HOUR: Duration = Duration::from_mins(30);
const LATE: Duration = Duration::from_secs(5 + 5);

async fn alma_with_reader() -> FakeAlma {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader", "2001"], Some("right")));
    alma
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_integration_costs_one_attempt_and_locks_nobody_out() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    register(&gateway, &["other"]).await;
    for _ in 0..2_000 {
        assert_eq!(sign_in(&gateway, "demo", "reader", "stale").await, Told::No);
    }
    assert_eq!(alma.sign_ins("reader"), 1, "one attempt until the recheck");
    assert_eq!(sign_in(&gateway, "other", "reader", "right").await, Told::Yes, "the owner signs in elsewhere");
    assert!(gateway.metric("soapgate_attempts_saved_total", "").await >= 1_999);
    assert_eq!(gateway.metric("soapgate_attempts_spent_total", "").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sequence_of_guesses_locks_the_account_at_the_service() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    let integrations = ["one", "two", "three", "four", "five"];
    register(&gateway, &integrations).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes);
    for guess in 0..20 {
        for integration in integrations {
            let told = sign_in(&gateway, integration, "Reader", &format!("guess {integration} {guess}")).await;
            assert_eq!(told, Told::No, "a spent budget is an ordinary refusal");
        }
    }
    assert_eq!(alma.failures("reader"), 10, "per_account");
    assert!(!alma.is_locked("reader"));
    // A recent yes answers whatever the budget; that it is asked as well, another test shows with the cache off.
    assert_eq!(sign_in(&gateway, "five", "reader", "right").await, Told::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_integration_spends_its_own_share_only() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    register(&gateway, &["other"]).await;
    for guess in 0..30 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
    }
    assert_eq!(alma.failures("reader"), 4, "per_integration");
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::No, "a right one that was never seen waits");
    assert_eq!(sign_in(&gateway, "other", "reader", "right").await, Told::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_last_accepted_is_asked_whatever_others_guess() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start_tuned(&config(&alma, ""), |settings| settings.cache.ttl = Duration::ZERO).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes);
    for guess in 0..30 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
        assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes, "guess {guess}");
    }
    assert_eq!(alma.sign_ins("reader"), 31 + 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_identifiers_are_counted_like_known_ones() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "second_look = false")).await;
    for guess in 0..10 {
        assert_eq!(sign_in(&gateway, "demo", "Nobody", &format!("guess {guess}")).await, Told::No);
    }
    let asked = alma.presented().iter().filter(|identifier| *identifier == "nobody").count();
    assert_eq!(asked, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_survive_a_restart() {
    let alma = alma_with_reader().await;
    let mut gateway = TestGateway::start(&config(&alma, "")).await;
    for guess in 0..10 {
        sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await;
    }
    assert_eq!(alma.failures("reader"), 4);
    gateway = gateway.restart().await;
    for guess in 10..20 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
    }
    assert_eq!(alma.failures("reader"), 4, "the window's slots were not forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_survive_a_restart_behind_which_the_store_does_not_answer() {
    let alma = alma_with_reader().await;
    let mut gateway = TestGateway::start(&config(&alma, "second_look = false")).await;
    let integrations = ["one", "two", "three", "four"];
    register(&gateway, &integrations).await;
    for (guess, integration) in integrations.iter().enumerate() {
        for n in 0..2 {
            sign_in(&gateway, integration, "reader", &format!("guess {guess} {n}")).await;
        }
    }
    assert_eq!(alma.failures("reader"), 8);
    gateway = gateway.restart().await;
    let mut store = Locked::new(&gateway);
    store.away(0).await;
    for guess in 0..5 {
        for integration in integrations {
            let told = sign_in(&gateway, integration, "reader", &format!("later {guess} {integration}")).await;
            assert_eq!(told, Told::No);
        }
    }
    assert_eq!(gateway.metric("soapgate_attempts_alone", "").await, 1);
    assert_eq!(alma.failures("reader"), 10, "per_account");
    store.back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_counts_alone_while_the_store_is_away_and_tells_it_afterwards() {
    use sqlx::{AnyConnection, Connection as _, Executor as _};
    let alma = alma_with_reader().await;
    let mut gateway = TestGateway::start(&config(&alma, "second_look = false")).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes);
    let url = format!("sqlite:{}", gateway.database_file().display());
    let mut blocker = AnyConnection::connect(&url).await.expect("the database's file");
    blocker.execute("BEGIN IMMEDIATE").await.expect("nobody else writes");
    for guess in 0..20 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
    }
    assert_eq!(alma.failures("reader"), 4, "per_integration");
    assert_eq!(gateway.metric("soapgate_attempts_alone", "").await, 1, "and it says so");
    blocker.execute("ROLLBACK").await.expect("ended");
    blocker.close().await.expect("closed");
    let mut guess = 20;
    until("the store counts again", async || {
        guess += 1;
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
        gateway.metric("soapgate_attempts_alone", "").await == 0
    })
    .await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "one more").await, Told::No);
    gateway = gateway.restart().await;
    for guess in 0..6 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("later {guess}")).await, Told::No);
    }
    assert_eq!(alma.failures("reader"), 4, "what was counted alone was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_password_that_becomes_right_is_let_in_at_its_recheck_or_after_an_unlock() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "[identity.attempts]\nrecheck = \"1s\"")).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "stale").await, Told::No);
    alma.set_password("reader", "stale");
    until("the recheck lets it in", async || sign_in(&gateway, "demo", "reader", "stale").await == Told::Yes).await;

    let gateway = TestGateway::start(&config(&alma, "")).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "the next").await, Told::No);
    alma.set_password("reader", "the next");
    assert_eq!(sign_in(&gateway, "demo", "reader", "the next").await, Told::No, "its recheck is ten minutes away");
    let operator = gateway.beside().await;
    operator.accounts().clear_attempts(&account("reader")).await.expect("cleared");
    until("the unlock lets it in", async || sign_in(&gateway, "demo", "reader", "the next").await == Told::Yes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_first_calls_at_once_are_one_question_whoever_hangs_up() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    let integrations = ["demo", "one", "two", "three", "four"];
    register(&gateway, &integrations[1..]).await;
    alma.fault(Fault::Slow(Duration::from_millis(500)));
    let mut first = Connection::open(gateway.soap).await;
    first.send(&request("demo", "reader", "right")).await;
    until("the service is asked about the first", async || alma.requests_about("reader") == 1).await;
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let (address, integration) = (gateway.soap, integrations[n % integrations.len()]);
            tokio::spawn(async move { told(&exchange(address, &request(integration, "reader", "right")).await) })
        })
        .collect();
    drop(first);
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Told::Yes);
    }
    assert_eq!((alma.sign_ins("reader"), alma.requests_about("reader")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_identifiers_of_one_person_share_a_budget_once_they_are_known() {
    let alma = alma_with_reader().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    assert_eq!(sign_in(&gateway, "demo", "2001", "guess").await, Told::No);
    until("the record was read", async || alma.requests() >= 3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    for guess in 0..10 {
        sign_in(&gateway, "demo", "2001", &format!("barcode {guess}")).await;
        sign_in(&gateway, "demo", "reader", &format!("primary {guess}")).await;
    }
    assert_eq!(alma.failures("reader"), 4, "one person, one integration");
}

#[tokio::test]
async fn every_closing_opening_and_unlocking_is_told_once_in_the_log() {
    let (log, clock, alma) = (Log::capture(), Arc::new(TestClock::default()), alma_with_reader().await);
    let gateway =
        TestGateway::start_at(&config(&alma, "second_look = false"), &[Population::demo()], clock.clone(), |_| {})
            .await;
    let told = |log: &Log| ["attempts.closed", "attempts.opened", "attempts.cleared"].map(|event| log.of(event).len());
    for guess in 0..10 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
        assert_eq!(told(&log), [usize::from(guess >= 4), 0, 0], "guess {guess}");
    }
    let closed = log.of("attempts.closed").remove(0);
    assert_eq!((&closed["level"], &closed["outcome_unknown"]), (&"WARN".into(), &false.into()), "{closed}");
    assert_eq!(closed["integration.id"], "01DEMO_INST/demo", "{closed}");
    clock.advance(WINDOW);
    for guess in 10..13 {
        assert_eq!(sign_in(&gateway, "demo", "reader", &format!("guess {guess}")).await, Told::No);
        assert_eq!(told(&log), [1, 1, 0]);
    }
    let opened = log.of("attempts.opened").remove(0);
    assert_eq!(opened["account.tag"], closed["account.tag"]);
    gateway.beside().await.accounts().clear_attempts(&account("reader")).await.expect("cleared");
    until("the unlock is told", async || told(&log) == [1, 1, 1]).await;
    assert_eq!(log.of("attempts.cleared")[0]["account.tag"], closed["account.tag"]);
    assert!(!log.text().contains("reader") && !log.text().contains("guess 1"), "{}", log.text());
}

#[tokio::test]
async fn a_full_table_gives_new_accounts_no_answer_while_known_ones_go_on() {
    let (log, alma) = (Log::capture(), alma_with_reader().await);
    let gateway = TestGateway::start_tuned(&config(&alma, "second_look = false"), |settings| {
        // One for each of the table's parts.
        settings.shield.accounts = 16;
        (settings.shield.rates.per_source, settings.shield.rates.per_integration) = (50_000, 50_000);
    })
    .await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "guess").await, Told::No);
    let mut new = [0, 0];
    for n in 0..200 {
        match sign_in(&gateway, "demo", &format!("stranger{n}"), "guess").await {
            Told::No => new[0] += 1,
            Told::Outage => new[1] += 1,
            Told::Yes => panic!("stranger{n} was let in"),
        }
    }
    assert!(new[0] <= 15 && new[1] >= 185, "{new:?}: as many as there was room for were asked");
    assert_eq!(log.of("attempts.table_full").len(), new[1]);
    assert_eq!(alma.presented().iter().filter(|one| one.starts_with("stranger")).count(), new[0]);
    assert_eq!(sign_in(&gateway, "demo", "reader", "guess").await, Told::No, "remembered");
    assert_eq!(sign_in(&gateway, "demo", "reader", "another guess").await, Told::No);
    assert_eq!(alma.failures("reader"), 2);
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_smallest_budget_a_time_out_is_no_refusal_and_a_password_set_right_is_asked() {
    let (clock, alma) = (Arc::new(TestClock::default()), alma_with_reader().await);
    let protection = "second_look = false\nlock_after = 3\ntimeout = \"1s\"\n[identity.attempts]\nper_account = 1";
    let gateway = TestGateway::start_at(&config(&alma, protection), &[Population::demo()], clock.clone(), |_| {}).await;
    alma.fault(Fault::Blackhole);
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Outage);
    alma.fault(Fault::None);
    assert_eq!(
        sign_in(&gateway, "demo", "reader", "right").await,
        Told::Outage,
        "nobody knows what became of the first"
    );
    clock.advance(WINDOW);
    assert_eq!(sign_in(&gateway, "demo", "reader", "right").await, Told::Yes);

    alma.add(User::new(&["other"], Some("new")));
    assert_eq!(sign_in(&gateway, "demo", "other", "stale").await, Told::No);
    alma.set_password("other", "stale");
    clock.advance(HALF_AN_HOUR);
    assert_eq!(sign_in(&gateway, "demo", "other", "stale").await, Told::No, "its one slot may have been used late");
    clock.advance(LATE);
    assert_eq!(sign_in(&gateway, "demo", "other", "stale").await, Told::Yes);
}
