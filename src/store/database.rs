//! The way to the database: opening it, reading from it, one write at a time.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::engine::{self, Engine};
use crate::store::{
    AccountTable, Archive, AttemptTable, ChangeTable, DatabaseUrl, Erasure, FlagTable, IntegrationTable, StoreError,
    UsageTable,
};

/// How often a write is done that the database gives up for another one.
const TRIES: usize = 5;

/// An open database whose tables are those of this version. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
    pool: AnyPool,
    writer: AnyPool,
    writes: Arc<Semaphore>,
}

impl Database {
    /// Opens the database that `url` names and brings its tables to this version. The file of an SQLite is made when it
    /// is missing (mode 0600); the database of a PostgreSQL must be there.
    ///
    /// # Errors
    /// When the folder is missing, the file or the server cannot be reached, or the tables were written by a newer
    /// version.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let (pool, writer) = engine::open(url).await?;
        let database = Self { engine: Engine::of(url), pool, writer, writes: Arc::new(Semaphore::new(1)) };
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

    /// What takes things out of the database for good.
    #[must_use]
    pub fn erasure(&self) -> Erasure {
        Erasure::new(self.clone())
    }

    /// What copies the whole database to a file and back.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::new(self.clone())
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
        self.writer.close().await;
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// Begins reading what was there at one moment, in several statements.
    pub(crate) async fn read(&self, action: &'static str) -> Result<Transaction<'static, Any>, StoreError> {
        self.pool.begin_with(self.engine.begin_read()).await.map_err(StoreError::during(action))
    }

    /// The same on a connection that somebody has already.
    pub(crate) async fn read_on<'c>(
        &self,
        connection: &'c mut AnyConnection,
        action: &'static str,
    ) -> Result<Transaction<'c, Any>, StoreError> {
        connection.begin_with(self.engine.begin_read()).await.map_err(StoreError::during(action))
    }

    /// Begins a write. Writes of this process queue up here, in order; SQLite's own waiting for a lock is a loop of
    /// naps in which the newest may win, and is left for other processes' writes. On PostgreSQL, writes of other nodes
    /// go on at the same time: see [`again`] for what that asks of a write.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let turn = Arc::clone(&self.writes).acquire_owned().await.map_err(|_| StoreError::away())?;
        let begin = self.engine.begin_write();
        let transaction = self.writer.begin_with(begin).await.map_err(StoreError::during("begin a write"))?;
        Ok(Write { transaction, _turn: turn })
    }

    /// Begins a write of as many rows as somebody brings, which takes as long as it takes.
    pub(crate) async fn write_long(&self) -> Result<Write, StoreError> {
        let mut write = self.write().await?;
        if let Some(statement) = self.engine.long_write() {
            write.execute(statement).await.map_err(StoreError::during("begin a write"))?;
        }
        Ok(write)
    }

    /// All migrations in one write: two processes that start together do it one after the other, and a failing one
    /// leaves everything as it was.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        if let Some(statements) = self.engine.only_migrator() {
            write.execute(statements).await.map_err(StoreError::during("be locked for migrations"))?;
        }
        let migrator = self.engine.migrator();
        migrator.run_direct(None, &mut *write, false).await.map_err(StoreError::migration)?;
        write.commit().await
    }
}

/// Does a write that changes several rows, and does it again when the database gave it up for another node's.
///
/// Writes of two nodes must not wait for each other in a circle. So a write takes rows in one order, whatever order
/// they were asked for in: flags by account, attempts by subject, and a change is told of last. What is left over, the
/// database notices and undoes one of the two.
pub(crate) async fn again<T, W>(mut write: impl FnMut() -> W) -> Result<T, StoreError>
where
    W: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..TRIES {
        match write().await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    write().await
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
