//! An adapter with its guard around it.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use crate::domain::{AccountId, Caller, Clock, Credentials, NoAnswer, Timestamp};
use crate::identity::guard::breaker::{Admission, Breaker, Who};
use crate::identity::guard::budget::{DayBudget, Spent, rest_of_day};
use crate::identity::{
    Answered, Ask, BoxFuture, Bucket, GuardSettings, IdentityError, IdentityService, Rate, SecondLook, Sent,
};
use crate::telemetry::{Component, Health, Status};

/// The longest that a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a service that throttles is left alone when it does not say; each time twice as long, up to a minute.
const BACK_OFF: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// A service that asks to be left alone for longer than a day means something else.
const PAUSE_MAX: Duration = Duration::from_hours(24);

/// An identity service that is protected from the gateway.
pub struct Guarded {
    inner: Arc<dyn IdentityService>,
    rate: Option<Rate>,
    state: Mutex<GuardState>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    health: Component,
}

struct GuardState {
    breaker: Breaker,
    bucket: Bucket,
    day: Option<DayBudget>,
    paused_until: Option<Instant>,
    back_off: Duration,
}

impl Guarded {
    /// Puts a guard around `inner`. Its health is shown under its name.
    #[must_use]
    pub fn new(
        inner: Arc<dyn IdentityService>,
        settings: &GuardSettings,
        clock: Arc<dyn Clock>,
        health: &Health,
    ) -> Self {
        let health = health.component("identity", inner.name(), clock.now());
        let state = GuardState {
            breaker: Breaker::new(settings.outages, settings.probe_after),
            bucket: Bucket::default(),
            day: settings.requests_per_day.map(|most| DayBudget::new(most, settings.integration_share)),
            paused_until: None,
            back_off: BACK_OFF,
        };
        // A quarter of a second's worth may come at once.
        let rate = settings.requests_per_second.map(|most| Rate::new(most.get(), most.get() / 4));
        Self { inner, rate, state: Mutex::new(state), hasher: RandomState::new(), clock, health }
    }

    fn state(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self, account: &AccountId) -> Who {
        self.hasher.hash_one(account)
    }

    /// Asks within the deadline, if the service may be asked now.
    async fn ask<T>(
        &self,
        account: &AccountId,
        caller: &Caller,
        deadline: tokio::time::Instant,
        question: impl Future<Output = Result<T, IdentityError>>,
    ) -> Result<T, IdentityError> {
        let who = self.who(account);
        let wait = {
            let now = now();
            let patience = PATIENCE.min(deadline.into_std().saturating_duration_since(now));
            self.state().turn(self.rate, who, caller, now, self.clock.now(), patience)?
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        if let Admission::Refused(wait) = self.state().breaker.admit(who, now()) {
            return Err(left_alone(wait));
        }
        let said = timeout_at(deadline, question)
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")));
        self.learn(&said, who);
        said
    }

    fn learn<T>(&self, said: &Result<T, IdentityError>, who: Who) {
        let today = self.clock.now();
        match said {
            Ok(_) => {
                let closes = {
                    let mut state = self.state();
                    state.back_off = BACK_OFF;
                    state.breaker.answered()
                };
                if self.health.works(today) || closes {
                    tracing::info!(identity.name = self.inner.name(), "identity.back");
                }
            }
            Err(error) => {
                let opens = self.state().learn(error, who, now());
                // What was too much for our own queues says nothing about the service.
                let own =
                    error.sent == Sent::No && matches!(error.no_answer, NoAnswer::TimedOut | NoAnswer::Throttled(_));
                if !own {
                    self.health.fails(Status::Degraded, &error.detail, today);
                }
                if opens {
                    tracing::error!(
                        identity.name = self.inner.name(), reason = error.no_answer.label(), error = %error,
                        "identity.left_alone"
                    );
                }
            }
        }
    }
}

impl GuardState {
    /// How long a question waits for its turn.
    fn turn(
        &mut self,
        rate: Option<Rate>,
        who: Who,
        caller: &Caller,
        now: Instant,
        today: Timestamp,
        patience: Duration,
    ) -> Result<Duration, IdentityError> {
        if let Some(error) = self.refuses(who, now) {
            return Err(error);
        }
        let wait = match rate {
            Some(rate) => self
                .bucket
                .take(rate, now, patience)
                .map_err(|wait| held_back(wait, "more questions than requests_per_second allows are waiting"))?,
            None => Duration::ZERO,
        };
        match self.day.as_mut().map_or(Ok(()), |day| day.take(caller, today)) {
            Ok(()) => Ok(wait),
            Err(Spent::Day) => Err(held_back(rest_of_day(today), "requests_per_day are spent")),
            Err(Spent::Share) => {
                Err(held_back(rest_of_day(today), "the integration's share of requests_per_day is spent"))
            }
        }
    }

    fn refuses(&self, who: Who, now: Instant) -> Option<IdentityError> {
        if let Some(rest) = self.paused_until.map(|until| until.saturating_duration_since(now)).filter(|d| !d.is_zero())
        {
            return Some(held_back(rest, "it asked to be left alone"));
        }
        self.breaker.refuses(who, now).map(left_alone)
    }

    /// True when the service is left alone from now on.
    fn learn(&mut self, error: &IdentityError, who: Who, now: Instant) -> bool {
        if let (NoAnswer::Throttled(wait), Sent::Maybe) = (error.no_answer, error.sent) {
            let pause = wait.unwrap_or(self.back_off).min(PAUSE_MAX);
            self.back_off = (self.back_off * 2).min(BACK_OFF_MAX);
            self.paused_until = self.paused_until.max(Some(now + pause));
        }
        self.breaker.failed(error, who, now)
    }
}

/// The clock that tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn left_alone(wait: Duration) -> IdentityError {
    let seconds = wait.as_secs_f64().ceil();
    IdentityError::unsent(NoAnswer::Unreachable, format!("it is left alone for {seconds} s after outages in a row"))
}

fn held_back(wait: Duration, why: &str) -> IdentityError {
    IdentityError::unsent(NoAnswer::Throttled(Some(wait)), why)
}

impl IdentityService for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            let caller = Caller::new(ask.integration);
            let question = async { self.inner.verify(ask).await };
            self.ask(ask.credentials.account(), &caller, ask.deadline, question).await
        })
    }

    fn refuses(&self, account: &AccountId) -> Option<IdentityError> {
        self.state().refuses(self.who(account), now())
    }

    fn could_be_set(&self, credentials: &Credentials) -> bool {
        self.inner.could_be_set(credentials)
    }

    fn person<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: tokio::time::Instant,
    ) -> BoxFuture<'a, Option<AccountId>> {
        match self.refuses(account) {
            Some(_) => Box::pin(std::future::ready(None)),
            None => self.inner.person(account, deadline),
        }
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: tokio::time::Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        // Whoever looks keeps a budget of its own, and remembers: most looks ask nobody.
        match self.refuses(account) {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => self.inner.look_again(account, deadline),
        }
    }

    fn check(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        self.inner.check(deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::{Answer, IntegrationName};
    use crate::identity::fixture::{StillClock, password, source};
    use crate::store::suite::harness::account;

    /// Says what the script says next; the last line stands for the rest.
    struct Scripted {
        script: Vec<Result<Answer, IdentityError>>,
        asked: AtomicUsize,
    }

    impl IdentityService for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn verify<'a>(&'a self, _: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
            let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.script.len() - 1);
            Box::pin(std::future::ready(self.script[at].clone().map(Answered::from)))
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
            let script = Arc::new(Scripted { script, asked: AtomicUsize::new(0) });
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

        fn asked(&self) -> usize {
            self.script.asked.load(Ordering::SeqCst)
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
        let settings = GuardSettings { requests_per_second: per_second, ..GuardSettings::default() };
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
        let stuck = Some("AlmaSDK-stuck-institutionCode-01DEMO_INST");
        for expected in [true, true, false, false] {
            assert_eq!(bench.ask("reader", stuck).await.is_ok(), expected);
        }
        assert!(bench.ask("reader", None).await.is_ok());
        assert_eq!(bench.asked(), 3);
    }
}
