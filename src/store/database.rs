//! The way to the database: opening it, reading from it, one write at a time.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::{
    AccountTable, AttemptTable, ChangeTable, FlagTable, IntegrationTable, StoreError, UsageTable, sqlite,
};

/// An open database whose tables are those of this version. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    writes: Arc<Semaphore>,
}

impl Database {
    /// Opens the database that `url` names, creates the file when it is missing (mode 0600) and brings its tables to
    /// this version. Only `sqlite:` urls for now.
    ///
    /// # Errors
    /// When the url is not understood, the folder is missing, the file cannot be opened, or its tables were written by
    /// a newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let path = sqlite::path_of(url)?;
        let pool = sqlite::open(&path).await?;
        let database = Self { pool, writes: Arc::new(Semaphore::new(1)) };
        database.migrate().await?;
        Ok(database)
    }

    /// The accounts of the embedded identity service.
    #[must_use]
    pub fn accounts(&self) -> AccountTable {
        AccountTable::new(self.clone())
    }

    /// The registered integrations.
    #[must_use]
    pub fn integrations(&self) -> IntegrationTable {
        IntegrationTable::new(self.clone())
    }

    /// The flags.
    #[must_use]
    pub fn flags(&self) -> FlagTable {
        FlagTable::new(self.clone())
    }

    /// Attempts at identity services.
    #[must_use]
    pub fn attempts(&self) -> AttemptTable {
        AttemptTable::new(self.clone())
    }

    /// Counters of who calls.
    #[must_use]
    pub fn usage(&self) -> UsageTable {
        UsageTable::new(self.clone())
    }

    /// What was changed lately.
    #[must_use]
    pub fn changes(&self) -> ChangeTable {
        ChangeTable::new(self.clone())
    }

    /// Asks the database for nothing, to see that it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.pool).await.map(drop).map_err(StoreError::during("be asked"))
    }

    /// Closes every connection; what is under way ends first.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a write. Writes of this process queue up here, in order; SQLite's own waiting for a lock is a loop of
    /// naps in which the newest may win, and is left for other processes' writes.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let turn = Arc::clone(&self.writes).acquire_owned().await.map_err(|_| StoreError::away())?;
        let transaction =
            self.pool.begin_with(sqlite::BEGIN_WRITE).await.map_err(StoreError::during("begin a write"))?;
        Ok(Write { transaction, _turn: turn })
    }

    /// All migrations in one write: two processes that start together do it one after the other, and a failing one
    /// leaves everything as it was.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlite::migrator().run_direct(None, &mut *write, false).await.map_err(StoreError::migration)?;
        write.commit().await
    }
}

/// A write under way; it is rolled back unless it is committed.
pub(crate) struct Write {
    transaction: Transaction<'static, Any>,
    _turn: OwnedSemaphorePermit,
}

impl Write {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(StoreError::during("commit a write"))
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}
