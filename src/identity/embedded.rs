//! The embedded identity service: accounts in the gateway's own database.

use std::sync::Arc;

use tokio::time::timeout_at;
use tracing::warn;

use crate::domain::{Answer, Clock, NoAnswer, Password, Rejection, Timestamp};
use crate::identity::argon::Match;
use crate::identity::{Ask, BoxFuture, HashingError, HashingPool, IdentityError, IdentityService, Lane, Turn};
use crate::store::{AccountRecord, AccountTable, StoreError, StoredHash};

/// The embedded identity service.
pub struct Embedded {
    name: String,
    accounts: AccountTable,
    pool: Arc<HashingPool>,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    /// An identity service over a table of accounts.
    pub fn new(name: impl Into<String>, accounts: AccountTable, pool: Arc<HashingPool>, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into(), accounts, pool, clock }
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, IdentityError> {
        let found = timeout_at(ask.deadline, self.accounts.find(ask.credentials.account()))
            .await
            .map_err(|_| store_too_slow())?
            .map_err(|error| store_away(&error))?;
        let turn = Turn { lane: Lane::Accounts, source: ask.source, deadline: ask.deadline };
        let password = ask.credentials.password();
        let stored = found.as_ref().and_then(|record| record.hash.as_ref());
        // Whatever there is to be said about the account, one check is made first, so that all take the same time.
        let checked = self.pool.verify(turn, password, stored).await?;
        let answer = conclude(found.as_ref(), checked, self.clock.now());
        if let (Answer::Accepted | Answer::MustChange, Match::Matched { rehash_needed: true }, Some(record)) =
            (answer, checked, &found)
            && let Some(old) = &record.hash
        {
            self.renew(turn, record, old, password).await;
        }
        Ok(answer)
    }

    /// Puts a hash with today's parameters in the place of an old one. The answer is known already and does not change
    /// when this fails; the next sign-in tries again.
    async fn renew(&self, turn: Turn, record: &AccountRecord, old: &StoredHash, password: &Password) {
        let new = match self.pool.hash_in(turn, password).await {
            Ok(new) => new,
            Err(error) => return warn!(error = %error, "hash.not_renewed"),
        };
        match timeout_at(turn.deadline, self.accounts.replace_hash(&record.account, old, &new)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(error = %error.report(), "hash.not_renewed"),
            Err(_) => warn!(error = "the store did not answer in time", "hash.not_renewed"),
        }
    }
}

impl IdentityService for Embedded {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answer, IdentityError>> {
        Box::pin(self.ask(ask))
    }
}

/// Locked and without a password are told for any password, as nobody could present a right one; everything else that
/// is wrong with an account only to somebody who knows its password.
fn conclude(found: Option<&AccountRecord>, checked: Match, now: Timestamp) -> Answer {
    let Some(record) = found else {
        return Answer::Rejected(Rejection::UnknownAccount);
    };
    if record.locked {
        return Answer::Rejected(Rejection::Locked);
    }
    if record.hash.is_none() {
        return Answer::Rejected(Rejection::NoPassword);
    }
    match checked {
        Match::Mismatched => Answer::Rejected(Rejection::WrongPassword),
        Match::Matched { .. } if record.disabled => Answer::Rejected(Rejection::Disabled),
        Match::Matched { .. } if record.expires_at.is_some_and(|end| end <= now) => {
            Answer::Rejected(Rejection::Expired)
        }
        Match::Matched { .. } if record.must_change => Answer::MustChange,
        Match::Matched { .. } => Answer::Accepted,
    }
}

fn store_away(error: &StoreError) -> IdentityError {
    IdentityError { no_answer: NoAnswer::Unreachable, detail: error.report() }
}

fn store_too_slow() -> IdentityError {
    IdentityError { no_answer: NoAnswer::TimedOut, detail: String::from("the store did not answer in time") }
}

impl From<HashingError> for IdentityError {
    fn from(error: HashingError) -> Self {
        Self { no_answer: error.no_answer(), detail: error.to_string() }
    }
}
