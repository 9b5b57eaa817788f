//! Following the table of changes from one point on.

use crate::store::changes::Since;
use crate::store::patience::in_time;
use crate::store::{Change, ChangeTable, Database, StoreError};

/// What happened since the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// These changes, oldest first; often none.
    Changes(Vec<Change>),
    /// More than the table still holds, or the database was replaced: everything kept in memory may be stale.
    Lost,
}

/// A place in the table of changes.
pub struct ChangeFeed {
    table: ChangeTable,
    seen: i64,
}

impl ChangeFeed {
    /// Begins after the newest change. What depends on the store is loaded after this, so that no change falls between.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn start(database: &Database) -> Result<Self, StoreError> {
        let table = database.changes();
        let seen = table.newest().await?;
        Ok(Self { table, seen })
    }

    /// What was changed since the last look. After an error the next look starts from the same place.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn poll(&mut self) -> Result<News, StoreError> {
        match in_time(self.table.since(self.seen)).await? {
            Since::Complete { changes, newest } => {
                self.seen = newest;
                Ok(News::Changes(changes))
            }
            Since::Lost { newest } => {
                self.seen = newest;
                Ok(News::Lost)
            }
        }
    }
}
