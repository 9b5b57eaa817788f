//! The port that every identity service's adapter implements.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use tokio::time::Instant;

use crate::domain::{AccountId, Answer, Credentials, IntegrationName, NoAnswer, Rejection};
use crate::identity::rate::Rate;

/// A future behind a `dyn` port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One question: is this the account's password?
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The account and the password presented.
    pub credentials: &'a Credentials,
    /// The account under which it is counted: whoever is known to be one person is one, by whatever identifier.
    pub person: &'a AccountId,
    /// The address that the call came from.
    pub source: IpAddr,
    /// The integration that asks, where one signed in: budgets are shared out by it.
    pub integration: Option<&'a IntegrationName>,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// What an identity service said, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What it said. [`Rejection::Unacceptable`] says that nobody was asked.
    pub answer: Answer,
    /// The account under the identifier by which the service itself knows it, where it tells: all identifiers of one
    /// person share what is allowed to one.
    pub person: Option<AccountId>,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        Self { answer, person: None }
    }
}

/// What else an identity service knows of an account that it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondLook {
    /// Other identifiers of the same person.
    pub identifiers: Vec<AccountId>,
    /// The account's password lives elsewhere: nobody can update it here, so it is never flagged.
    pub kept_elsewhere: bool,
    /// Why it was refused, where that says more than the refusal did.
    pub rejection: Option<Rejection>,
    /// Whether the service could write a mail to it.
    pub has_mail: Option<bool>,
}

/// What a service is asked beside sign-ins, and sends no password for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asides {
    /// How fast it may be asked for second looks; `None` where it is never asked for one.
    pub looks: Option<Rate>,
    /// Whether it tells under which identifier it knows an account.
    pub tells_person: bool,
}

/// Whether a password may have reached the service, which may then have counted a failed sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Some of the request was written, or nobody knows.
    Maybe,
    /// Only the account's name was, to find out whose it is: what fails then may fail for this account alone.
    Name,
    /// Not a byte of it was.
    No,
}

/// Why there is no answer, with the cause for the log. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct IdentityError {
    /// The kind of outage.
    pub no_answer: NoAnswer,
    /// Whether the password may have reached the service.
    pub sent: Sent,
    /// What happened, as a lower-case fragment.
    pub detail: String,
}

impl IdentityError {
    /// No answer to a question of which some may have been sent.
    #[must_use]
    pub fn sent(no_answer: NoAnswer, detail: impl Into<String>) -> Self {
        Self { no_answer, sent: Sent::Maybe, detail: detail.into() }
    }

    /// No answer to a question that got no further than the account's name.
    #[must_use]
    pub fn named(no_answer: NoAnswer, detail: impl Into<String>) -> Self {
        Self { no_answer, sent: Sent::Name, detail: detail.into() }
    }

    /// No answer, and the service has seen no byte of the question.
    #[must_use]
    pub fn unsent(no_answer: NoAnswer, detail: impl Into<String>) -> Self {
        Self { no_answer, sent: Sent::No, detail: detail.into() }
    }
}

/// Whoever knows whether a password is right.
pub trait IdentityService: Send + Sync {
    /// The name of this service in the configuration.
    fn name(&self) -> &str;

    /// Asks once, within the deadline.
    ///
    /// # Errors
    /// When there is no answer; that is never a rejection.
    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>>;

    /// Why a question that is counted under `person` would not even be sent now, where that is known without asking.
    fn refuses(&self, _person: &AccountId) -> Option<IdentityError> {
        None
    }

    /// Why a question about these credentials is never sent, whenever it is asked: the way to the service cannot carry
    /// them as they are. Whoever is refused so costs it nothing, and nothing is learned of it.
    fn unsendable(&self, _credentials: &Credentials) -> Option<Rejection> {
        None
    }

    /// Whether a password could have been set at the service by its documented rules: one that could not was stored
    /// somewhere else before. Says nothing of what the rules are.
    fn could_be_set(&self, _credentials: &Credentials) -> bool {
        true
    }

    /// What it can be asked beside sign-ins.
    fn asides(&self) -> Asides {
        Asides::default()
    }

    /// How many questions it said last are left of this UTC day, where it said so.
    fn left_today(&self) -> Option<u64> {
        None
    }

    /// Under which identifier the service itself knows an account, where it tells without a password: asked before an
    /// attempt is counted, so that no further name of somebody has a budget of its own, not even once.
    ///
    /// # Errors
    /// When there is no answer.
    fn person<'a>(
        &'a self,
        _account: &'a AccountId,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What else the service knows of an account that it refused; `None` when it knows nobody of that name, or is never
    /// asked such things. Sends no password.
    ///
    /// # Errors
    /// When there is no answer, also because it may not be asked now: what the refusal means is in doubt then.
    fn look_again<'a>(
        &'a self,
        _account: &'a AccountId,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Tries everything that asking needs (address, key, rights, set-up) without touching anybody's account, and says
    /// in a few words what was found to work.
    ///
    /// # Errors
    /// What does not work, told so that an operator knows what to mend.
    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>>;
}
