//! What the guard lets through, and when.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::domain::{AccountId, Answer, Credentials, IntegrationName, NoAnswer};
use crate::identity::fixture::{StillClock, password, source};
use crate::identity::guard::guarded::{Guarded, PATIENCE};
use crate::identity::guard::turns::BACK_OFF;
use crate::identity::{
    Answered, Asides, Ask, BoxFuture, GuardSettings, IdentityError, IdentityService, Rate, SecondLook, Sent,
};
use crate::store::suite::harness::account;
use crate::telemetry::{Health, Status};

const STUCK: &str = "AlmaSDK-stuck-institutionCode-01DEMO_INST";
const OTHER: &str = "AlmaSDK-other-institutionCode-01DEMO_INST";

/// Says what the script says next; the last line stands for the rest.
struct Scripted {
    script: Vec<Result<Answer, IdentityError>>,
    asked: AtomicUsize,
    /// How often it was asked for second looks and persons, and what the next one finds.
    aside: AtomicUsize,
    looks: Option<Rate>,
    tells_person: bool,
    throttles: bool,
    /// What it says is left of the day; `u64::MAX` when it says nothing.
    left: AtomicU64,
}

impl Scripted {
    fn aside<T>(&self, found: T) -> Result<T, IdentityError> {
        self.aside.fetch_add(1, Ordering::SeqCst);
        if self.throttles {
            return Err(IdentityError::sent(NoAnswer::Throttled(Some(Duration::from_secs(7))), "HTTP 429"));
        }
        Ok(found)
    }
}

impl IdentityService for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn verify<'a>(&'a self, _: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.script.len() - 1);
        Box::pin(std::future::ready(self.script[at].clone().map(Answered::from)))
    }

    fn asides(&self) -> Asides {
        Asides { looks: self.looks, tells_person: self.tells_person }
    }

    fn left_today(&self) -> Option<u64> {
        Some(self.left.load(Ordering::SeqCst)).filter(|left| *left != u64::MAX)
    }

    fn person<'a>(
        &'a self,
        account: &'a AccountId,
        _: tokio::time::Instant,
    ) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(std::future::ready(self.aside(Some(account.clone()))))
    }

    fn look_again<'a>(
        &'a self,
        _: &'a AccountId,
        _: tokio::time::Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        let elsewhere = SecondLook { kept_elsewhere: true, ..SecondLook::default() };
        Box::pin(std::future::ready(self.aside(Some(elsewhere))))
    }

    fn check(&self, _: tokio::time::Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(std::future::ready(Ok(String::from("scripted"))))
    }
}

struct Bench {
    script: Arc<Scripted>,
    guarded: Guarded,
    health: Health,
}

impl Bench {
    fn new(settings: &GuardSettings, script: Vec<Result<Answer, IdentityError>>) -> Self {
        Self::with(settings, script, |_| ())
    }

    fn with(
        settings: &GuardSettings,
        script: Vec<Result<Answer, IdentityError>>,
        set: impl FnOnce(&mut Scripted),
    ) -> Self {
        let mut scripted = Scripted {
            script,
            asked: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
            looks: Some(Rate::new(1, 10)),
            tells_person: true,
            throttles: false,
            left: AtomicU64::new(u64::MAX),
        };
        set(&mut scripted);
        let script = Arc::new(scripted);
        let health = Health::default();
        let guarded = Guarded::new(Arc::<Scripted>::clone(&script), settings, StillClock::at(1_000), &health);
        Self { script, guarded, health }
    }

    async fn ask(&self, identifier: &str, integration: Option<&str>) -> Result<Answer, IdentityError> {
        let credentials = Credentials::new(account(identifier), password("secret")).expect("acceptable");
        let integration = integration.map(|name| IntegrationName::parse(name).expect("a name"));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        let ask = Ask { credentials: &credentials, source: source(), integration: integration.as_ref(), deadline };
        self.guarded.verify(ask).await.map(|answered| answered.answer)
    }

    async fn look(&self, identifier: &str) -> Result<Option<SecondLook>, IdentityError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        self.guarded.look_again(&account(identifier), deadline).await
    }

    async fn person(&self, identifier: &str) -> Result<Option<AccountId>, IdentityError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        self.guarded.person(&account(identifier), deadline).await
    }

    fn asked(&self) -> usize {
        self.script.asked.load(Ordering::SeqCst)
    }

    fn asked_aside(&self) -> usize {
        self.script.aside.load(Ordering::SeqCst)
    }
}

fn outage() -> Result<Answer, IdentityError> {
    Err(IdentityError::unsent(NoAnswer::Unreachable, "connection refused"))
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_is_left_alone_and_found_again_by_a_probe() {
    let bench = Bench::new(&GuardSettings::default(), vec![outage(), outage(), outage(), Ok(Answer::Accepted)]);
    for _ in 0..3 {
        assert_eq!(bench.ask("reader", None).await.expect_err("away").no_answer, NoAnswer::Unreachable);
    }
    assert_eq!(bench.health.view().0, Status::Degraded);
    let started = tokio::time::Instant::now();
    for _ in 0..50 {
        let error = bench.ask("other", None).await.expect_err("left alone");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No));
    }
    assert_eq!((bench.asked(), started.elapsed()), (3, Duration::ZERO), "immediate, and nobody is asked");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(bench.ask("other", None).await, Ok(Answer::Accepted));
    assert_eq!(bench.health.view().0, Status::Ok);
}

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
