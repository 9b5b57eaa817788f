//! The way to erasing, for the rest of the program.

use crate::domain::{AccountId, Timestamp};
use crate::store::database::again;
use crate::store::erasure::forget::{self, Forgotten};
use crate::store::erasure::purge::Purge;
use crate::store::erasure::retention::RetentionSettings;
use crate::store::{Database, StoreError};

/// What takes things out of the database for good.
#[derive(Clone)]
pub struct Erasure {
    database: Database,
}

impl Erasure {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Erases a person: everything that is known under this identifier and, where the imported list tells them, under
    /// their others. The trail keeps its rows, whose numbers lead to nobody any more. `None` when nothing was known.
    ///
    /// # Errors
    /// When the store fails; then nothing is erased.
    pub async fn forget(
        &self,
        account: &AccountId,
        actor: &str,
        at: Timestamp,
    ) -> Result<Option<Forgotten>, StoreError> {
        again(|| forget::forget(&self.database, account, actor, at)).await
    }

    /// Begins to remove what is older than it is kept.
    #[must_use]
    pub fn purge(&self, settings: &RetentionSettings, now: Timestamp) -> Purge {
        Purge::new(self.database.clone(), settings, now)
    }
}
