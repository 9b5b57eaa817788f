//! One question for many callers, each with a deadline of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{
    AccountId, Answer, AttemptRule, Clock, Credentials, Institution, NoAnswer, Password, SignIn, Timestamp, Verdict,
};
use crate::gateway::attempts::{CallerRates, Shield};
use crate::gateway::question::{Asked, IdentityUse, Origin};
use crate::gateway::route::MustChangeRule;
use crate::gateway::settings::{CacheSettings, RateSettings, ShieldSettings};
use crate::gateway::verify::{Scope, Verifier};
use crate::identity::{Answered, Ask, BoxFuture, IdentityError, IdentityService};
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
    let institution = Institution::parse("01TEST_INST").expect("a code");
    let account = AccountId::parse(&institution, "reader").expect("an identifier");
    let credentials = Credentials::new(account, Password::new("right".to_owned())).expect("acceptable");
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
