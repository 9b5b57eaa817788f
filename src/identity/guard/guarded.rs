//! An adapter with its guard around it.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::{Instant, timeout_at};

use crate::domain::{AccountId, Answer, Caller, Clock, Credentials, NoAnswer, Rejection};
use crate::identity::guard::breaker::Who;
use crate::identity::guard::budget::rest_of_day;
use crate::identity::guard::looks::{Looks, Seen};
use crate::identity::guard::turns::{Turns, Wish, held_back};
use crate::identity::{
    Answered, Asides, Ask, BoxFuture, GuardSettings, IdentityError, IdentityService, SecondLook, Sent,
};
use crate::telemetry::{Component, Health, Status};

/// The longest that a question waits for its turn.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is remembered under which identifier an account is counted, and of how many.
const PERSONS_TTL: Duration = Duration::from_mins(10);
const PERSONS: u64 = 100_000;
/// Under this name the gateway counts what it asks of its own accord: no integration is called so.
const ASIDE: &str = "aside";

/// An identity service that is protected from the gateway.
pub struct Guarded {
    inner: Arc<dyn IdentityService>,
    turns: Mutex<Turns>,
    looks: Looks,
    persons: Cache<AccountId, Option<AccountId>>,
    aside: Caller,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    health: Component,
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
        Self {
            inner,
            turns: Mutex::new(Turns::new(settings)),
            looks: Looks::new(),
            persons: Cache::builder().max_capacity(PERSONS).time_to_live(PERSONS_TTL).build(),
            aside: Caller::stored(ASIDE),
            hasher: RandomState::new(),
            clock,
            health,
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self, account: &AccountId) -> Who {
        self.hasher.hash_one(account)
    }

    /// Asks about a sign-in, if the service may be asked now.
    async fn ask<T>(
        &self,
        account: &AccountId,
        caller: &Caller,
        deadline: Instant,
        question: impl Future<Output = Result<T, IdentityError>>,
    ) -> Result<T, IdentityError> {
        let who = self.who(account);
        self.wait_for_turn(who, caller, deadline).await?;
        self.turns().admit(who, now())?;
        let said = within(deadline, question).await;
        self.learn(&said, who);
        said
    }

    /// Asks something else. It counts like any question and keeps to the same pauses; but that it fails says little
    /// about sign-ins, so it moves no breaker.
    async fn ask_aside<T>(
        &self,
        account: &AccountId,
        deadline: Instant,
        question: impl Future<Output = Result<T, IdentityError>>,
    ) -> Result<T, IdentityError> {
        self.wait_for_turn(self.who(account), &self.aside, deadline).await?;
        let said = within(deadline, question).await;
        if let Err(error) = &said {
            self.turns().pause(error, now());
        }
        said
    }

    /// Waits first for the caller's own share, then for a turn of all; both together no longer than anybody waits.
    async fn wait_for_turn(&self, who: Who, caller: &Caller, deadline: Instant) -> Result<(), IdentityError> {
        let until = deadline.min(Instant::now() + PATIENCE);
        let wish = || Wish {
            who,
            caller,
            now: now(),
            today: self.clock.now(),
            left: self.inner.left_today(),
            patience: until.saturating_duration_since(Instant::now()),
        };
        let wait = self.turns().own_turn(&wish())?;
        sleep(wait).await;
        let wait = self.turns().turn(&wish())?;
        sleep(wait).await;
        Ok(())
    }

    fn learn<T>(&self, said: &Result<T, IdentityError>, who: Who) {
        let today = self.clock.now();
        match said {
            Ok(_) => {
                let closes = self.turns().answered();
                if self.health.works(today) || closes {
                    tracing::info!(identity.name = self.inner.name(), "identity.back");
                }
            }
            Err(error) => {
                let opens = self.turns().failed(error, who, now());
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

    async fn look(&self, account: &AccountId, deadline: Instant) -> Result<Option<SecondLook>, IdentityError> {
        let Some(rate) = self.inner.asides().looks else { return Ok(None) };
        if let Some(Seen(seen)) = self.looks.remembered(account) {
            return Ok(seen);
        }
        if self.turns().is_short(self.inner.left_today()) {
            let wait = rest_of_day(self.clock.now());
            return Err(held_back(wait, "what is left of the day's questions is kept for sign-ins"));
        }
        if !self.looks.takes_a_turn(rate, now()) {
            return Err(held_back(Duration::from_secs(1), "others were looked at just now"));
        }
        let seen = self.ask_aside(account, deadline, async { self.inner.look_again(account, deadline).await }).await?;
        self.looks.remember(account, Seen(seen.clone()));
        Ok(seen)
    }

    async fn known(&self, account: &AccountId, deadline: Instant) -> Result<Option<AccountId>, IdentityError> {
        if !self.inner.asides().tells_person {
            return Ok(None);
        }
        if let Some(known) = self.persons.get(account) {
            return Ok(known);
        }
        let person = self.ask_aside(account, deadline, async { self.inner.person(account, deadline).await }).await?;
        self.persons.insert(account.clone(), person.clone());
        Ok(person)
    }
}

/// The clock that tests can stop.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

async fn within<T>(
    deadline: Instant,
    question: impl Future<Output = Result<T, IdentityError>>,
) -> Result<T, IdentityError> {
    timeout_at(deadline, question)
        .await
        .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")))
}

impl IdentityService for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            if let Some(rejection) = self.inner.unsendable(ask.credentials) {
                return Ok(Answer::Rejected(rejection).into());
            }
            let caller = Caller::new(ask.integration);
            let question = async { self.inner.verify(ask).await };
            self.ask(ask.credentials.account(), &caller, ask.deadline, question).await
        })
    }

    fn refuses(&self, account: &AccountId) -> Option<IdentityError> {
        self.turns().refuses(self.who(account), now())
    }

    fn unsendable(&self, credentials: &Credentials) -> Option<Rejection> {
        self.inner.unsendable(credentials)
    }

    fn could_be_set(&self, credentials: &Credentials) -> bool {
        self.inner.could_be_set(credentials)
    }

    fn asides(&self) -> Asides {
        self.inner.asides()
    }

    fn left_today(&self) -> Option<u64> {
        self.inner.left_today()
    }

    fn person<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(self.known(account, deadline))
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(self.look(account, deadline))
    }

    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        self.inner.check(deadline)
    }
}
