//! A question, who asks it, and who is asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::domain::{AccountId, AttemptRule, Caller, Credentials, GuessTag, IntegrationName, NoAnswer, SignIn};
use crate::gateway::route::MustChangeRule;
use crate::gateway::table::Fingerprint;
use crate::identity::{Answered, Ask, IdentityError, IdentityService, IntegrationRegistry};

/// How far the clocks of nodes and services may be apart.
const CLOCKS: Duration = Duration::from_secs(5);

/// What stands for a question.
pub(crate) type Digest = [u8; 32];

/// What separates one question's digest from another's beside the credentials: the fingerprints of the route and of
/// the institution, so that one that was changed starts with nothing remembered, and who is signing in.
pub(crate) struct Scope<'a> {
    pub(crate) route: &'a Fingerprint,
    pub(crate) institution: &'a Fingerprint,
    pub(crate) sign_in: SignIn,
    /// What becomes of "must change" here: one that is refused is never remembered, or it would be refused faster
    /// than a wrong password.
    pub(crate) must_change: MustChangeRule,
}

/// Where a question comes from.
pub(crate) struct Origin {
    /// The address that the call came from.
    pub(crate) source: IpAddr,
    /// The integration that signed in with it.
    pub(crate) integration: Option<IntegrationName>,
}

impl Origin {
    /// As budgets tell callers apart.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.integration.as_ref())
    }
}

/// One question on its way.
pub(crate) struct Question {
    /// What a yes is remembered under.
    pub(crate) digest: Digest,
    /// What a refusal is remembered under.
    pub(crate) tag: GuessTag,
    pub(crate) must_change: MustChangeRule,
    pub(crate) credentials: Credentials,
    pub(crate) origin: Origin,
    pub(crate) deadline: Instant,
}

impl Question {
    /// Whether its route refuses a right password that must be changed.
    pub(crate) fn refuses_must_change(&self) -> bool {
        self.must_change == MustChangeRule::Refuse
    }
}

/// An identity service as an institution uses it.
#[derive(Clone)]
pub struct IdentityUse {
    /// Whom to ask.
    pub service: Arc<dyn IdentityService>,
    /// The time that one question may take.
    pub timeout: Duration,
    /// What is allowed of wrong guesses.
    pub attempts: AttemptRule,
}

impl IdentityUse {
    /// What is allowed, with how late a question may reach the service: it may wait for its turn and for a connection.
    pub(crate) fn rule(&self) -> AttemptRule {
        AttemptRule { on_the_way: self.timeout + CLOCKS, ..self.attempts }
    }

    /// Under which identifier the service itself knows an account, if it says so in half of the time that a question
    /// has: the other half is the question's own, as both have to fit into a call.
    pub(crate) async fn person(&self, account: &AccountId) -> Option<AccountId> {
        let deadline = Instant::now() + self.timeout / 2;
        timeout_at(deadline, self.service.person(account, deadline)).await.ok()?.ok()?
    }
}

/// Whom a question goes to.
#[derive(Clone)]
pub(crate) enum Asked {
    /// The gateway's own registry of integrations, about one that bears this name.
    Registry(Arc<IntegrationRegistry>, IntegrationName),
    /// An identity service.
    Service(IdentityUse),
}

impl Asked {
    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Registry(..) => "registry",
            Self::Service(used) => used.service.name(),
        }
    }

    /// Asks once, counted under `person`, until `deadline`. An identity service has its own time, since others may join
    /// the question whose time is not over when the first caller's is.
    pub(crate) async fn verify(
        &self,
        credentials: &Credentials,
        person: &AccountId,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Answered, IdentityError> {
        match self {
            Self::Registry(registry, name) => registry
                .verify(Some(name), credentials.password(), origin.source, deadline)
                .await
                .map(|said| said.answer().into()),
            Self::Service(_) if deadline <= Instant::now() => {
                Err(IdentityError::unsent(NoAnswer::TimedOut, "its time was over before it was asked"))
            }
            Self::Service(IdentityUse { service, .. }) => {
                let (source, integration) = (origin.source, origin.integration.as_ref());
                timeout_at(deadline, service.verify(Ask { credentials, person, source, integration, deadline }))
                    .await
                    .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it took too long")))
            }
        }
    }
}
