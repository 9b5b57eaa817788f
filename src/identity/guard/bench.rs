//! A guard around a service that says what a script says.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::{AccountId, Answer, Credentials, IntegrationName, NoAnswer, Rejection};
use crate::identity::fixture::{StillClock, password, source};
use crate::identity::guard::guarded::Guarded;
use crate::identity::{
    Answered, Asides, Ask, BoxFuture, GuardSettings, IdentityError, IdentityService, Rate, SecondLook,
};
use crate::store::suite::harness::account;
use crate::telemetry::Health;

/// How long one question has.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// A password that the service is never sent.
pub(crate) const UNSENDABLE: &str = "unsendable ";

/// Says what the script says next; the last line stands for the rest.
pub(crate) struct Scripted {
    pub(crate) script: Vec<Result<Answer, IdentityError>>,
    pub(crate) asked: AtomicUsize,
    /// Who never gets an answer, and in the place of it meets this.
    pub(crate) troubled: Option<(&'static str, IdentityError)>,
    /// What everybody meets but nobody.
    pub(crate) fails_all: Option<IdentityError>,
    /// Who was asked about last.
    pub(crate) last: Mutex<String>,
    /// How often it was asked for second looks and persons, and what the next one finds.
    pub(crate) aside: AtomicUsize,
    pub(crate) looks: Option<Rate>,
    pub(crate) tells_person: bool,
    pub(crate) throttles: bool,
    /// What it says is left of the day; `u64::MAX` when it says nothing.
    pub(crate) left: AtomicU64,
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

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        let identifier = ask.credentials.account().identifier();
        identifier.clone_into(&mut self.last.lock().expect("not poisoned"));
        if let Some((_, error)) = self.troubled.as_ref().filter(|(troubled, _)| *troubled == identifier) {
            return Box::pin(std::future::ready(Err(error.clone())));
        }
        if let Some(error) = self.fails_all.as_ref().filter(|_| !identifier.starts_with("probe-")) {
            return Box::pin(std::future::ready(Err(error.clone())));
        }
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.script.len() - 1);
        Box::pin(std::future::ready(self.script[at].clone().map(Answered::from)))
    }

    fn unsendable(&self, credentials: &Credentials) -> Option<Rejection> {
        (credentials.password().expose() == UNSENDABLE).then_some(Rejection::Unacceptable)
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

pub(crate) struct Bench {
    pub(crate) script: Arc<Scripted>,
    pub(crate) guarded: Guarded,
    pub(crate) health: Health,
}

impl Bench {
    pub(crate) fn new(settings: &GuardSettings, script: Vec<Result<Answer, IdentityError>>) -> Self {
        Self::with(settings, script, |_| ())
    }

    pub(crate) fn with(
        settings: &GuardSettings,
        script: Vec<Result<Answer, IdentityError>>,
        set: impl FnOnce(&mut Scripted),
    ) -> Self {
        let mut scripted = Scripted {
            script,
            asked: AtomicUsize::new(0),
            troubled: None,
            fails_all: None,
            last: Mutex::default(),
            aside: AtomicUsize::new(0),
            looks: Some(Rate::new(1, 10)),
            tells_person: true,
            throttles: false,
            left: AtomicU64::new(u64::MAX),
        };
        set(&mut scripted);
        let script = Arc::new(scripted);
        let health = Health::default();
        let guarded = Guarded::new(Arc::<Scripted>::clone(&script), settings, TIMEOUT, StillClock::at(1_000), &health);
        Self { script, guarded, health }
    }

    pub(crate) async fn ask(&self, identifier: &str, integration: Option<&str>) -> Result<Answer, IdentityError> {
        self.ask_with("secret", identifier, integration).await
    }

    pub(crate) async fn ask_with(
        &self,
        text: &str,
        identifier: &str,
        integration: Option<&str>,
    ) -> Result<Answer, IdentityError> {
        let integration = integration.map(|name| IntegrationName::parse(name).expect("a name"));
        self.put(text, (identifier, identifier), integration.as_ref()).await
    }

    /// Asks about a person by one of their identifiers.
    pub(crate) async fn ask_as(&self, person: &str, identifier: &str) -> Result<Answer, IdentityError> {
        self.put("secret", (person, identifier), None).await
    }

    async fn put(
        &self,
        text: &str,
        (person, identifier): (&str, &str),
        integration: Option<&IntegrationName>,
    ) -> Result<Answer, IdentityError> {
        let credentials = Credentials::new(account(identifier), password(text)).expect("acceptable");
        let (person, deadline) = (account(person), tokio::time::Instant::now() + TIMEOUT);
        let ask = Ask { credentials: &credentials, person: &person, source: source(), integration, deadline };
        self.guarded.verify(ask).await.map(|answered| answered.answer)
    }

    pub(crate) async fn look(&self, identifier: &str) -> Result<Option<SecondLook>, IdentityError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        self.guarded.look_again(&account(identifier), deadline).await
    }

    pub(crate) async fn person(&self, identifier: &str) -> Result<Option<AccountId>, IdentityError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        self.guarded.person(&account(identifier), deadline).await
    }

    pub(crate) fn asked(&self) -> usize {
        self.script.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn asked_aside(&self) -> usize {
        self.script.aside.load(Ordering::SeqCst)
    }
}

/// Nobody is there.
pub(crate) fn outage() -> Result<Answer, IdentityError> {
    Err(IdentityError::unsent(NoAnswer::Unreachable, "connection refused"))
}
