//! One question for many callers, each with a deadline of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{
    AccountId, Answer, AttemptRule, Clock, Credentials, Institution, IntegrationName, NoAnswer, Password, Rejection,
    SignIn, Timestamp, Verdict,
};
use crate::gateway::attempts::{CallerRates, Shield};
use crate::gateway::heard::Verified;
use crate::gateway::question::{Asked, IdentityUse, Origin, Scope};
use crate::gateway::route::MustChangeRule;
use crate::gateway::settings::{CacheSettings, RateSettings, ShieldSettings};
use crate::gateway::verify::Verifier;
use crate::identity::{Answered, Ask, BoxFuture, IdentityError, IdentityService, Sent};
use crate::telemetry::Metrics;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Knows a person after a while and says yes after another, or nothing at all once its deadline is over.
struct Slow {
    person: Duration,
    answer: Duration,
}

impl IdentityService for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            tokio::time::timeout_at(ask.deadline, tokio::time::sleep(self.answer))
                .await
                .map_err(|_| IdentityError::sent(NoAnswer::TimedOut, "its deadline is over"))?;
            Ok(Answer::Accepted.into())
        })
    }

    fn person<'a>(
        &'a self,
        account: &'a AccountId,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(async move {
            tokio::time::sleep(self.person).await;
            Ok(Some(account.clone()))
        })
    }

    fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(std::future::ready(Ok(String::from("slow"))))
    }
}

fn verifier() -> Arc<Verifier> {
    let metrics = Metrics::new();
    let (shield, _) = Shield::new(&ShieldSettings::default(), &[1; 32], metrics.clone());
    let shield = (shield, CallerRates::new(&RateSettings::default()));
    let (asks, clock) = (TaskTracker::new(), Arc::new(Still));
    Arc::new(Verifier::new(&CacheSettings::default(), [1; 32], shield, asks, clock, metrics))
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1)
    }
}

/// Asks a service that takes `takes` and may take `timeout`, and waits for it as long as `patience`.
async fn ask(verifier: &Arc<Verifier>, takes: u64, timeout: u64, patience: u64) -> Verdict {
    ask_slow(verifier, (0, takes), timeout, patience).await
}

/// The same where it takes a while to say whose account it is.
async fn ask_slow(verifier: &Arc<Verifier>, (person, takes): (u64, u64), timeout: u64, patience: u64) -> Verdict {
    let credentials = Credentials::new(reader(), Password::new("right".to_owned())).expect("acceptable");
    let scope =
        Scope { route: &[0; 16], institution: &[0; 16], sign_in: SignIn::Account, must_change: MustChangeRule::Accept };
    let service = Arc::new(Slow { person: Duration::from_secs(person), answer: Duration::from_secs(takes) });
    let (timeout, attempts) = (Duration::from_secs(timeout), AttemptRule::default());
    let asked =
        || (Asked::Service(IdentityUse { service, timeout, attempts }), Origin { source: SOURCE, integration: None });
    let deadline = Instant::now() + Duration::from_secs(patience);
    verifier.verify(&scope, asked, credentials, deadline).await.verdict
}

#[tokio::test(start_paused = true)]
async fn one_question_takes_no_longer_than_its_identity_service_may() {
    let started = Instant::now();
    assert_eq!(ask(&verifier(), 60, 2, 8).await, Verdict::Undecided(NoAnswer::TimedOut));
    assert_eq!(started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_before_a_question_is_taken_off_its_time() {
    for (person, takes) in [(60, 60), (1, 60)] {
        let started = Instant::now();
        assert_eq!(ask_slow(&verifier(), (person, takes), 4, 8).await, Verdict::Undecided(NoAnswer::TimedOut));
        assert_eq!(started.elapsed().as_secs(), 4, "{person}");
    }
    assert_eq!(ask_slow(&verifier(), (60, 1), 4, 8).await, Verdict::Accept { must_change: false });
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_joined_outlives_the_patience_of_whoever_asked_first() {
    let verifier = verifier();
    let (first, second) = tokio::join!(ask(&verifier, 3, 5, 1), ask(&verifier, 3, 5, 8));
    assert_eq!(first, Verdict::Undecided(NoAnswer::TimedOut));
    assert_eq!(second, Verdict::Accept { must_change: false });
}

/// Knows one password, and counts the questions. It says who is meant, and what, a moment later.
#[derive(Default)]
struct Knows(AtomicUsize);

const MOMENT: Duration = Duration::from_millis(5);

impl IdentityService for Knows {
    fn name(&self) -> &'static str {
        "knows"
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(MOMENT).await;
            let throttled = ask.integration.is_some_and(|name| name.to_string().contains("greedy"));
            if throttled {
                return Err(IdentityError::unsent(NoAnswer::Throttled(None), "its share is spent"));
            }
            let is_right = ask.credentials.password().expose() == "right";
            Ok(if is_right { Answer::Accepted } else { Answer::Rejected(Rejection::WrongPassword) }.into())
        })
    }

    fn person<'a>(&'a self, _: &'a AccountId, _: Instant) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(async {
            tokio::time::sleep(MOMENT).await;
            Ok(None)
        })
    }

    fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(std::future::ready(Ok(String::new())))
    }
}

fn reader() -> AccountId {
    let institution = Institution::parse("01TEST_INST").expect("a code");
    AccountId::parse(&institution, "reader").expect("an identifier")
}

async fn ask_as(verifier: &Arc<Verifier>, service: &Arc<Knows>, integration: &str, password: &str) -> Verified {
    ask_at(0, verifier, service, integration, password).await
}

/// The same at another route.
async fn ask_at(
    route: u8,
    verifier: &Arc<Verifier>,
    service: &Arc<Knows>,
    integration: &str,
    password: &str,
) -> Verified {
    let credentials = Credentials::new(reader(), Password::new(password.to_owned())).expect("acceptable");
    let (route, sign_in) = ([route; 16], SignIn::Account);
    let scope = Scope { route: &route, institution: &[0; 16], sign_in, must_change: MustChangeRule::Accept };
    let name = format!("AlmaSDK-{integration}-institutionCode-01TEST_INST");
    let integration = Some(IntegrationName::parse(&name).expect("a name"));
    let attempts = AttemptRule { recheck: Duration::ZERO, ..AttemptRule::default() };
    let used = IdentityUse { service: Arc::<Knows>::clone(service), timeout: Duration::from_secs(5), attempts };
    let asked = || (Asked::Service(used), Origin { source: SOURCE, integration });
    verifier.verify(&scope, asked, credentials, Instant::now() + Duration::from_secs(8)).await
}

#[tokio::test(start_paused = true)]
async fn a_budget_or_share_that_one_integration_has_spent_is_told_to_no_other() {
    let (verifier, service) = (verifier(), Arc::new(Knows::default()));
    for guess in 0..4 {
        let said = ask_as(&verifier, &service, "stuck", &format!("guess {guess}")).await;
        assert_eq!(said.verdict, Verdict::Reject(Rejection::WrongPassword));
    }
    let (stuck, greedy, other) = tokio::join!(
        ask_as(&verifier, &service, "stuck", "right"),
        ask_as(&verifier, &service, "greedy", "right"),
        ask_as(&verifier, &service, "other", "right")
    );
    assert_eq!(stuck.verdict, Verdict::Reject(Rejection::Shielded));
    assert_eq!(greedy.verdict, Verdict::Undecided(NoAnswer::Throttled(None)));
    assert_eq!(other.verdict, Verdict::Accept { must_change: false });
}

#[tokio::test(start_paused = true)]
async fn how_often_a_password_was_refused_is_told_to_who_presented_it_only() {
    let (verifier, service) = (verifier(), Arc::new(Knows::default()));
    assert_eq!(ask_as(&verifier, &service, "stuck", "stale").await.guess.repeat, None);
    let (stuck, other) =
        tokio::join!(ask_as(&verifier, &service, "stuck", "stale"), ask_as(&verifier, &service, "other", "stale"));
    assert_eq!(service.0.load(Ordering::SeqCst), 2, "they were one question");
    assert_eq!(stuck.guess.repeat.map(|repeat| repeat.refusals), Some(2));
    assert_eq!(other.guess.repeat, None, "it presented it for the first time");
}

#[tokio::test(start_paused = true)]
async fn first_calls_of_many_integrations_at_once_are_one_question() {
    let (verifier, service) = (verifier(), Arc::new(Knows::default()));
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let (verifier, service) = (Arc::clone(&verifier), Arc::clone(&service));
            tokio::spawn(async move {
                tokio::time::sleep(MOMENT / 25 * (n / 2)).await;
                ask_as(&verifier, &service, &format!("old{}", n % 7), "right").await.verdict
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Verdict::Accept { must_change: false });
    }
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
}

/// Asks at some routes one after the other, so fast that each later one could join the first; the account is changed
/// before the second. Gives how many questions there were.
async fn ask_around_a_change(routes: [u8; 2], integration: &str) -> usize {
    let (verifier, service) = (verifier(), Arc::new(Knows::default()));
    let first = ask_at(routes[0], &verifier, &service, "first", "right");
    let changed = async {
        tokio::time::sleep(MOMENT + MOMENT / 5).await;
        verifier.forget(&reader());
        ask_at(routes[1], &verifier, &service, integration, "right").await
    };
    let (before, after) = tokio::join!(first, changed);
    assert!([before, after].iter().all(|said| said.verdict == Verdict::Accept { must_change: false }));
    let asked = service.0.load(Ordering::SeqCst);
    for route in routes {
        ask_at(route, &verifier, &service, "third", "right").await;
    }
    assert_eq!(service.0.load(Ordering::SeqCst) - asked, usize::from(routes[0] != routes[1]), "only the newer is kept");
    asked
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_a_change_is_neither_joined_nor_remembered_after_it() {
    for (routes, integration) in [([0, 0], "first"), ([0, 0], "second"), ([0, 1], "second")] {
        assert_eq!(ask_around_a_change(routes, integration).await, 2, "{routes:?} {integration}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_joined_from_another_route_is_remembered_for_both() {
    let (verifier, service) = (verifier(), Arc::new(Knows::default()));
    tokio::join!(ask_at(0, &verifier, &service, "one", "right"), ask_at(1, &verifier, &service, "two", "right"));
    for route in [0, 1] {
        ask_at(route, &verifier, &service, "three", "right").await;
    }
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_time_left_is_not_asked_and_is_no_attempt() {
    let service = Arc::new(Knows::default());
    let (timeout, attempts) = (Duration::from_secs(5), AttemptRule::default());
    let asked = Asked::Service(IdentityUse { service: Arc::<Knows>::clone(&service), timeout, attempts });
    let credentials = Credentials::new(reader(), Password::new("right".to_owned())).expect("acceptable");
    let origin = Origin { source: SOURCE, integration: None };
    let said =
        asked.verify(&credentials, credentials.account(), &origin, Instant::now()).await.expect_err("there is no time");
    assert_eq!((said.no_answer, said.sent, service.0.load(Ordering::SeqCst)), (NoAnswer::TimedOut, Sent::No, 0));
}
