//! An adapter with its guard around it.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::domain::{AccountId, Answer, Caller, Clock, Credentials, Rejection};
use crate::identity::guard::breaker::{About, Who};
use crate::identity::guard::budget::rest_of_day;
use crate::identity::guard::looks::{Looks, Seen};
use crate::identity::guard::probe::Prober;
use crate::identity::guard::turns::{Wish, held_back};
use crate::identity::guard::watch::{Watch, now, within};
use crate::identity::{Answered, Asides, Ask, BoxFuture, GuardSettings, IdentityError, IdentityService, SecondLook};
use crate::telemetry::Health;

/// The longest that a question waits for its turn; never more than half of its time, so that it can be asked as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is remembered under which identifier an account is counted, and of how many.
const PERSONS_TTL: Duration = Duration::from_mins(10);
const PERSONS: u64 = 100_000;
/// Under this name the gateway counts what it asks of its own accord: no integration is called so.
const ASIDE: &str = "aside";

/// An identity service that is protected from the gateway.
pub struct Guarded {
    watch: Arc<Watch>,
    prober: Prober,
    looks: Looks,
    persons: Cache<AccountId, Option<AccountId>>,
    aside: Caller,
    nodes: u32,
    hasher: RandomState,
}

impl Guarded {
    /// Puts a guard around `inner`; one question there has `timeout`. Its health is shown under its name.
    #[must_use]
    pub fn new(
        inner: Arc<dyn IdentityService>,
        settings: &GuardSettings,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        health: &Health,
    ) -> Self {
        let watch = Arc::new(Watch::new(inner, settings, clock, health));
        Self {
            prober: Prober::new(Arc::clone(&watch), timeout),
            watch,
            looks: Looks::new(),
            persons: Cache::builder().max_capacity(PERSONS).time_to_live(PERSONS_TTL).build(),
            aside: Caller::stored(ASIDE),
            nodes: settings.nodes,
            hasher: RandomState::new(),
        }
    }

    fn who(&self, account: &AccountId) -> Who {
        self.hasher.hash_one(account)
    }

    /// Why a question about `account` is not asked now.
    fn refusal(&self, account: &AccountId) -> Option<IdentityError> {
        let refusal = self.watch.turns().refuses(self.who(account), now());
        if refusal.is_some() {
            self.prober.wake(account.institution());
        }
        refusal
    }

    /// Asks about a sign-in, if the service may be asked now.
    async fn ask(&self, ask: Ask<'_>) -> Result<Answered, IdentityError> {
        let (who, deadline) = (self.who(ask.person), ask.deadline);
        self.wait_for_turn(ask.person, &Caller::new(ask.integration), deadline).await?;
        // At the very last, so that no place is taken by who is held back by something else.
        let place = self.watch.enter(who)?;
        let said = within(deadline, self.watch.inner.verify(ask)).await;
        self.watch.learn(said.as_ref().map(|said| about(said.answer)), who);
        drop(place);
        if said.is_err() {
            self.prober.wake(ask.person.institution());
        }
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
        self.wait_for_turn(account, &self.aside, deadline).await?;
        self.refusal(account).map_or(Ok(()), Err)?;
        let said = within(deadline, question).await;
        if let Err(error) = &said {
            self.watch.turns().obey(error, now());
        }
        said
    }

    /// Waits first for the caller's own share, then for a turn of all; both together no longer than anybody waits.
    async fn wait_for_turn(
        &self,
        account: &AccountId,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<(), IdentityError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let until = Instant::now() + PATIENCE.min(left / 2);
        let wish = || Wish {
            who: self.who(account),
            caller,
            now: now(),
            today: self.watch.today(),
            left: self.watch.inner.left_today(),
            patience: until.saturating_duration_since(Instant::now()),
        };
        self.refusal(account).map_or(Ok(()), Err)?;
        let wait = self.watch.turns().own_turn(&wish())?;
        sleep(wait).await;
        let wait = self.watch.turns().turn(&wish())?;
        sleep(wait).await;
        Ok(())
    }

    async fn look(&self, account: &AccountId, deadline: Instant) -> Result<Option<SecondLook>, IdentityError> {
        let Some(rate) = self.watch.inner.asides().looks else { return Ok(None) };
        if let Some(Seen(seen)) = self.looks.remembered(account) {
            return Ok(seen);
        }
        if self.watch.turns().is_short(self.watch.inner.left_today()) {
            let wait = rest_of_day(self.watch.today());
            return Err(held_back(wait, "what is left of the day's questions is kept for sign-ins"));
        }
        if !self.looks.takes_a_turn(rate.among(self.nodes), now()) {
            return Err(held_back(Duration::from_secs(1), "others were looked at just now"));
        }
        let seen =
            self.ask_aside(account, deadline, async { self.watch.inner.look_again(account, deadline).await }).await?;
        self.looks.remember(account, Seen(seen.clone()));
        Ok(seen)
    }

    async fn known(&self, account: &AccountId, deadline: Instant) -> Result<Option<AccountId>, IdentityError> {
        if !self.watch.inner.asides().tells_person {
            return Ok(None);
        }
        if let Some(known) = self.persons.get(account) {
            return Ok(known);
        }
        let person =
            self.ask_aside(account, deadline, async { self.watch.inner.person(account, deadline).await }).await?;
        self.persons.insert(account.clone(), person.clone());
        Ok(person)
    }
}

fn about(answer: Answer) -> About {
    match answer {
        // About what it was not even asked it tells no more.
        Answer::Rejected(Rejection::Unacceptable | Rejection::UnknownAccount) => About::Stranger,
        Answer::Accepted | Answer::MustChange | Answer::Rejected(_) => About::Account,
    }
}

async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

impl IdentityService for Guarded {
    fn name(&self) -> &str {
        self.watch.inner.name()
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            if let Some(rejection) = self.watch.inner.unsendable(ask.credentials) {
                return Ok(Answer::Rejected(rejection).into());
            }
            self.ask(ask).await
        })
    }

    fn refuses(&self, account: &AccountId) -> Option<IdentityError> {
        self.refusal(account)
    }

    fn unsendable(&self, credentials: &Credentials) -> Option<Rejection> {
        self.watch.inner.unsendable(credentials)
    }

    fn could_be_set(&self, credentials: &Credentials) -> bool {
        self.watch.inner.could_be_set(credentials)
    }

    fn asides(&self) -> Asides {
        self.watch.inner.asides()
    }

    fn left_today(&self) -> Option<u64> {
        self.watch.inner.left_today()
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
        self.watch.inner.check(deadline)
    }
}
