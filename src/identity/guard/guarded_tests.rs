//! What the guard lets through, and when.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::{Answer, NoAnswer};
use crate::identity::guard::bench::Bench;
use crate::identity::guard::guarded::PATIENCE;
use crate::identity::guard::turns::BACK_OFF;
use crate::identity::{GuardSettings, IdentityError, Sent};
use crate::store::suite::harness::account;
use crate::telemetry::Status;

const STUCK: &str = "AlmaSDK-stuck-institutionCode-01DEMO_INST";
const OTHER: &str = "AlmaSDK-other-institutionCode-01DEMO_INST";

#[tokio::test(start_paused = true)]
async fn a_service_that_throttles_is_left_alone_for_as_long_as_it_says() {
    let throttled = |wait| Err(IdentityError::sent(NoAnswer::Throttled(wait), "HTTP 429"));
    let script = vec![throttled(Some(Duration::from_secs(7))), throttled(None), Ok(Answer::Accepted)];
    let bench = Bench::new(&GuardSettings::default(), script);
    assert!(bench.ask("a", None).await.is_err());
    tokio::time::advance(Duration::from_millis(6_900)).await;
    assert!(bench.ask("b", None).await.is_err());
    assert_eq!(bench.asked(), 1);
    tokio::time::advance(Duration::from_millis(100)).await;
    assert!(bench.ask("c", None).await.is_err());
    assert!(bench.ask("d", None).await.is_err());
    assert_eq!(bench.asked(), 2, "without a word of its own it is left alone as well");
    tokio::time::advance(BACK_OFF * 2).await;
    assert_eq!(bench.ask("e", None).await, Ok(Answer::Accepted));
}

#[tokio::test(start_paused = true)]
async fn questions_wait_for_their_turn_but_not_for_long() {
    let per_second = NonZeroU32::new(4);
    let settings =
        GuardSettings { requests_per_second: per_second, integration_share: 100, ..GuardSettings::default() };
    let bench = Arc::new(Bench::new(&settings, vec![Ok(Answer::Accepted)]));
    let started = tokio::time::Instant::now();
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let bench = Arc::clone(&bench);
        asks.spawn(async move { bench.ask("reader", None).await });
    }
    let said = asks.join_all().await;
    assert_eq!(said.iter().filter(|said| said.is_ok()).count(), 2 + 8, "a burst, and what fits into two seconds");
    assert!(started.elapsed() <= PATIENCE);
    let held = said.into_iter().find_map(Result::err).expect("some are held back");
    assert!(matches!(held.no_answer, NoAnswer::Throttled(Some(_))) && held.sent == Sent::No);
    assert_eq!(bench.health.view().0, Status::Ok, "our own doing is no outage");
}

#[tokio::test(start_paused = true)]
async fn the_days_budget_is_shared_out() {
    let settings = GuardSettings { requests_per_day: NonZeroU64::new(4), ..GuardSettings::default() };
    let bench = Bench::new(&settings, vec![Ok(Answer::Accepted)]);
    for expected in [true, true, false, false] {
        assert_eq!(bench.ask("reader", Some(STUCK)).await.is_ok(), expected);
    }
    assert!(bench.ask("reader", None).await.is_ok());
    assert_eq!(bench.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_the_shares_are_of_what_the_service_says_is_left() {
    let bench = Bench::with(&GuardSettings::default(), vec![Ok(Answer::Accepted)], |script| {
        script.left = AtomicU64::new(10);
    });
    let (mut taken, mut left) = (0, 10);
    while bench.ask("reader", Some(STUCK)).await.is_ok() {
        (taken, left) = (taken + 1, left - 1);
        bench.script.left.store(left, Ordering::SeqCst);
    }
    assert_eq!(taken, 5);
    assert_eq!(bench.ask("reader", Some(OTHER)).await, Ok(Answer::Accepted));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_ask_takes_no_turn_from_others() {
    let settings = GuardSettings {
        requests_per_second: NonZeroU32::new(4),
        requests_per_day: NonZeroU64::new(1_000),
        integration_share: 1,
        ..GuardSettings::default()
    };
    let bench = Bench::new(&settings, vec![Ok(Answer::Accepted)]);
    while bench.ask("reader", Some(STUCK)).await.is_ok() {}
    let spent = bench.ask("reader", Some(STUCK)).await.expect_err("its share is spent");
    assert!(spent.detail.contains("share of the day"), "{spent}");
    tokio::time::advance(Duration::from_secs(10)).await;
    for _ in 0..1_000 {
        assert!(bench.ask("reader", Some(STUCK)).await.is_err());
    }
    let started = tokio::time::Instant::now();
    assert_eq!(bench.ask("reader", Some(OTHER)).await, Ok(Answer::Accepted));
    assert_eq!(started.elapsed(), Duration::ZERO, "nobody was in the way");
}

#[tokio::test(start_paused = true)]
async fn one_integration_that_is_too_fast_waits_for_itself() {
    let settings = GuardSettings { requests_per_second: NonZeroU32::new(20), ..GuardSettings::default() };
    let bench = Arc::new(Bench::new(&settings, vec![Ok(Answer::Accepted)]));
    let mut stuck = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let bench = Arc::clone(&bench);
        stuck.spawn(async move { bench.ask("reader", Some(STUCK)).await.is_ok() });
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = tokio::time::Instant::now();
        assert_eq!(bench.ask("reader", Some(OTHER)).await, Ok(Answer::Accepted));
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest <= Duration::from_millis(100), "{slowest:?}");
    let through = stuck.join_all().await.into_iter().filter(|let_through| *let_through).count();
    assert!((20..=24).contains(&through), "half of the rate for two seconds, not {through}");
}

#[tokio::test(start_paused = true)]
async fn looks_and_persons_count_and_are_remembered() {
    let settings = GuardSettings {
        requests_per_second: NonZeroU32::new(1),
        requests_per_day: NonZeroU64::new(1_000),
        integration_share: 100,
        ..GuardSettings::default()
    };
    let bench = Bench::new(&settings, vec![Ok(Answer::Accepted)]);
    let started = tokio::time::Instant::now();
    assert!(bench.look("a").await.is_ok_and(|seen| seen.is_some_and(|seen| seen.kept_elsewhere)));
    assert_eq!(bench.person("a").await, Ok(Some(account("a"))));
    assert_eq!(bench.ask("a", None).await, Ok(Answer::Accepted));
    assert_eq!(started.elapsed(), Duration::from_secs(2), "each has its turn");
    for _ in 0..100 {
        assert!(bench.look("a").await.is_ok() && bench.person("a").await.is_ok());
    }
    assert_eq!((started.elapsed(), bench.asked_aside()), (Duration::from_secs(2), 2), "what is known costs nothing");

    let spent =
        GuardSettings { requests_per_day: NonZeroU64::new(20), integration_share: 100, ..GuardSettings::default() };
    let bench = Bench::new(&spent, vec![Ok(Answer::Accepted)]);
    for n in 0..20 {
        assert!(bench.person(&format!("user{n}")).await.is_ok());
    }
    assert!(bench.ask("a", None).await.is_err(), "the day is spent by them as well");
    assert!(bench.person("a").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_look_obeys_a_pause_and_brings_one_about() {
    let throttled = || vec![Err(IdentityError::sent(NoAnswer::Throttled(Some(Duration::from_secs(7))), "HTTP 429"))];
    let bench = Bench::new(&GuardSettings::default(), throttled());
    assert!(bench.ask("a", None).await.is_err());
    assert!(bench.look("a").await.is_err() && bench.person("a").await.is_err());
    assert_eq!(bench.asked_aside(), 0);

    let bench = Bench::with(&GuardSettings::default(), vec![Ok(Answer::Accepted)], |script| script.throttles = true);
    assert!(bench.look("a").await.is_err());
    assert!(bench.ask("b", None).await.is_err(), "it said so to somebody else");
    assert_eq!((bench.asked(), bench.health.view().0), (0, Status::Ok));
    tokio::time::advance(Duration::from_secs(7)).await;
    assert_eq!(bench.ask("b", None).await, Ok(Answer::Accepted));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_be_looked_at_is_in_doubt_and_not_nobody() {
    let bench = Bench::new(&GuardSettings::default(), vec![Ok(Answer::Accepted)]);
    let mut looked = 0;
    for n in 0..100 {
        match bench.look(&format!("user{n}")).await {
            Ok(seen) => looked += usize::from(seen.is_some()),
            Err(error) => assert_eq!(error.sent, Sent::No, "{error}"),
        }
    }
    assert_eq!((looked, bench.asked_aside()), (11, 11), "few in a second");
    assert!(bench.look("user99").await.is_err(), "and that is not remembered");

    let short = Bench::with(&GuardSettings::default(), vec![Ok(Answer::Accepted)], |script| {
        script.left = AtomicU64::new(60);
    });
    let error = short.look("a").await.expect_err("kept for sign-ins");
    assert!((error.sent, short.asked_aside()) == (Sent::No, 0), "{error}");

    let never = Bench::with(&GuardSettings::default(), vec![Ok(Answer::Accepted)], |script| script.looks = None);
    assert_eq!((never.look("a").await, never.asked_aside()), (Ok(None), 0), "it is never asked such things");
}

#[tokio::test(start_paused = true)]
async fn no_word_of_a_service_keeps_it_from_being_tried_for_longer_than_an_hour() {
    let for_a_day = Err(IdentityError::sent(NoAnswer::Throttled(Some(Duration::from_hours(24))), "HTTP 429"));
    let bench = Bench::new(&GuardSettings::default(), vec![for_a_day, Ok(Answer::Accepted)]);
    assert!(bench.ask("a", None).await.is_err());
    tokio::time::advance(Duration::from_mins(59)).await;
    assert!(bench.ask("a", None).await.is_err());
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(bench.ask("a", None).await, Ok(Answer::Accepted));
}

#[tokio::test(start_paused = true)]
async fn nodes_share_the_rate_of_second_looks() {
    for (nodes, at_once) in [(1, 11), (2, 6), (64, 1)] {
        let bench = Bench::new(&GuardSettings { nodes, ..GuardSettings::default() }, vec![Ok(Answer::Accepted)]);
        let mut seen = 0;
        for n in 0..30 {
            seen += usize::from(bench.look(&format!("user{n}")).await.is_ok());
        }
        assert_eq!(seen, at_once, "{nodes} nodes");
    }
}
