//! The port that every identity service's adapter implements.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use tokio::time::Instant;

use crate::domain::{Answer, Credentials, NoAnswer};

/// A future behind a `dyn` port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One question: is this the account's password?
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The account and the password presented.
    pub credentials: &'a Credentials,
    /// The address that the call came from.
    pub source: IpAddr,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// Why there is no answer, with the cause for the log. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct IdentityError {
    /// The kind of outage.
    pub no_answer: NoAnswer,
    /// What happened, as a lower-case fragment.
    pub detail: String,
}

/// Whoever knows whether a password is right.
pub trait IdentityService: Send + Sync {
    /// The name of this service in the configuration.
    fn name(&self) -> &str;

    /// Asks once, within the deadline.
    ///
    /// # Errors
    /// When there is no answer; that is never a rejection.
    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answer, IdentityError>>;
}
