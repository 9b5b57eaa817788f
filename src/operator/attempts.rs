//! The attempts of accounts, whichever identity service knows them.

use std::sync::Arc;

use crate::domain::{AccountId, Clock};
use crate::operator::OperatorError;
use crate::store::{AttemptTable, Database};

/// What an operator can do about attempts.
pub struct Attempts {
    table: AttemptTable,
    clock: Arc<dyn Clock>,
}

impl Attempts {
    /// Over the attempts in `database`.
    #[must_use]
    pub fn new(database: &Database, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.attempts(), clock }
    }

    /// Forgets an account's attempts and has every server forget which guesses at it were refused, so that whatever it
    /// presents next is asked. The identity service's own lock, if there is one, is not touched.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear(&self, account: &AccountId) -> Result<(), OperatorError> {
        Ok(self.table.clear_and_announce(account, self.clock.now()).await?)
    }
}
