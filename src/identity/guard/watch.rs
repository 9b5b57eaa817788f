//! A service under guard, and what its answers teach: shared by those who ask and by the probes beside them.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout_at};

use crate::domain::{Clock, NoAnswer, Timestamp};
use crate::identity::guard::breaker::{About, Who};
use crate::identity::guard::turns::Turns;
use crate::identity::{GuardSettings, IdentityError, IdentityService, Sent};
use crate::telemetry::{Component, Health, Status};

/// A service, when it may be asked, and how it is doing.
pub(crate) struct Watch {
    pub(crate) inner: Arc<dyn IdentityService>,
    turns: Mutex<Turns>,
    clock: Arc<dyn Clock>,
    health: Component,
}

impl Watch {
    pub(crate) fn new(
        inner: Arc<dyn IdentityService>,
        settings: &GuardSettings,
        clock: Arc<dyn Clock>,
        health: &Health,
    ) -> Self {
        let health = health.component("identity", inner.name(), clock.now());
        Self { inner, turns: Mutex::new(Turns::new(settings)), clock, health }
    }

    pub(crate) fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn today(&self) -> Timestamp {
        self.clock.now()
    }

    /// Has a question about `who` go out now, if it may: in its place, where the service is on trial.
    pub(crate) fn enter(&self, who: Who) -> Result<Option<Place<'_>>, IdentityError> {
        let took_a_place = self.turns().enters(who, now())?;
        Ok(took_a_place.then_some(Place { watch: self, who }))
    }

    /// Notes what became of a question about `who`. How it is doing is shown as the breaker takes it.
    pub(crate) fn learn(&self, said: Result<About, &IdentityError>, who: Who) {
        let (mut turns, today) = (self.turns(), self.today());
        match said {
            Ok(about) => {
                if turns.answered(about, who, now()) && self.health.works(today) {
                    tracing::info!(identity.name = self.inner.name(), "identity.back");
                }
            }
            Err(error) => {
                let opens = turns.failed(error, who, now());
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

/// A question's place on trial. It is over with its value, whatever becomes of the question.
pub(crate) struct Place<'a> {
    watch: &'a Watch,
    who: Who,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.watch.turns().leaves(self.who);
    }
}

/// The clock that tests can stop.
pub(crate) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// What is said by `deadline`.
pub(crate) async fn within<T>(
    deadline: Instant,
    question: impl Future<Output = Result<T, IdentityError>>,
) -> Result<T, IdentityError> {
    timeout_at(deadline, question)
        .await
        .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")))
}
