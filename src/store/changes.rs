//! What was changed, in order: the rows by which every process learns that something it keeps in memory is stale.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{AccountId, IntegrationName, Timestamp};
use crate::store::database::Write;
use crate::store::{Database, StoreError, row};

/// Rows that are kept. A process that is further behind starts afresh.
pub(crate) const KEPT: i64 = 10_000;

/// Something that was changed, by a command or by a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something about the account: cached verdicts are stale.
    Account(AccountId),
    /// The account got a new password or was unlocked: its attempts and remembered guesses are void as well.
    AccountCleared(AccountId),
    /// Something that must not be named: everything kept in memory is stale.
    Everything,
    /// Something about the integration, under the spelling it is registered with. Compare by
    /// [`IntegrationName::account`]: a caller may spell the name in another case.
    Integration(IntegrationName),
}

impl Change {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::AccountCleared(_) => "account-cleared",
            Self::Everything => "everything",
            Self::Integration(_) => "integration",
        }
    }
}

/// Changes after a certain one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// All of them, oldest first, and the number of the newest.
    Complete { changes: Vec<Change>, newest: i64 },
    /// Not all of them are there any more, or the database is an older one than before.
    Lost { newest: i64 },
}

/// The table of changes.
#[derive(Clone)]
pub struct ChangeTable {
    database: Database,
}

impl ChangeTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Tells every process of a change for which there is no row in this database, such as the unlocking of an account
    /// that another identity service holds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn announce(&self, change: &Change, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        append(&mut write, change, now).await?;
        write.commit().await
    }

    /// The number of the newest change; zero when there was none.
    pub(crate) async fn newest(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) AS newest FROM change")
            .fetch_one(self.database.pool())
            .await
            .map_err(StoreError::during("look for changes"))?;
        row::number(&row, "newest")
    }

    /// What was changed after the change with the number `after`.
    pub(crate) async fn since(&self, after: i64) -> Result<Since, StoreError> {
        // The row `after` itself is read too: while it or the next one is there, nothing behind it has been removed.
        let rows = sqlx::query("SELECT seq, kind, institution, subject FROM change WHERE seq >= $1 ORDER BY seq")
            .bind(after)
            .fetch_all(self.database.pool())
            .await
            .map_err(StoreError::during("look for changes"))?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return self.since_nothing(after).await;
        };
        let (oldest, newest) = (row::number(first, "seq")?, row::number(last, "seq")?);
        if oldest > after.saturating_add(1) {
            return Ok(Since::Lost { newest });
        }
        let unseen = rows.iter().skip(usize::from(oldest == after));
        match unseen.map(read).collect::<Result<Option<Vec<Change>>, StoreError>>()? {
            Some(changes) => Ok(Since::Complete { changes, newest }),
            None => Ok(Since::Lost { newest }),
        }
    }

    /// No row is as new as `after`: nothing has ever been changed, or another database stands in this one's place.
    async fn since_nothing(&self, after: i64) -> Result<Since, StoreError> {
        let newest = self.newest().await?;
        if after == 0 && newest == 0 {
            return Ok(Since::Complete { changes: Vec::new(), newest });
        }
        Ok(Since::Lost { newest })
    }
}

/// The number of the newest change that names nobody; zero when there is none. Whoever writes down accounts that were
/// gathered before it may write down somebody who was forgotten.
pub(crate) async fn newest_forgetting(write: &mut Write) -> Result<i64, StoreError> {
    let connection: &mut AnyConnection = write;
    let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) AS newest FROM change WHERE kind = $1")
        .bind(Change::Everything.kind())
        .fetch_one(connection)
        .await
        .map_err(StoreError::during("look for changes"))?;
    row::number(&row, "newest")
}

/// When the newest change was told that names nobody, as far as changes are kept: what was seen before may be about
/// somebody who was forgotten.
pub(crate) async fn last_forgetting(connection: &mut AnyConnection) -> Result<Option<Timestamp>, StoreError> {
    let row = sqlx::query("SELECT at FROM change WHERE kind = $1 ORDER BY at DESC LIMIT 1")
        .bind(Change::Everything.kind())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look for changes"))?;
    row.as_ref().map(|row| row::time(row, "at")).transpose()
}

/// Adds a change to a write that makes it, and removes what is too old. The last thing that a write does: others that
/// tell of a change wait from here until it ends, so that numbers are seen in their order.
pub(crate) async fn append(write: &mut Write, change: &Change, now: Timestamp) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    let (institution, subject) = match change {
        Change::Account(account) | Change::AccountCleared(account) => {
            (account.institution().as_str(), account.identifier())
        }
        Change::Everything => ("", ""),
        Change::Integration(name) => (name.institution().as_str(), name.as_str()),
    };
    let row = sqlx::query("INSERT INTO change (at, kind, institution, subject) VALUES ($1, $2, $3, $4) RETURNING seq")
        .bind(now.as_millis())
        .bind(change.kind())
        .bind(institution)
        .bind(subject)
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::during("tell of a change"))?;
    let seq = row::number(&row, "seq")?;
    sqlx::query("DELETE FROM change WHERE seq <= $1")
        .bind(seq.saturating_sub(KEPT))
        .execute(&mut *connection)
        .await
        .map_err(StoreError::during("remove old changes"))?;
    Ok(())
}

/// Removes the rows that name an account: who is forgotten is named nowhere. Whoever has not read them yet learns of
/// them by [`Change::Everything`], which must follow in the same write.
pub(crate) async fn forget(connection: &mut AnyConnection, account: &AccountId) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM change WHERE kind IN ('account', 'account-cleared') AND institution = $1 AND subject = $2",
    )
    .bind(account.institution().as_str())
    .bind(account.identifier())
    .execute(connection)
    .await
    .map_err(StoreError::during("forget an account's changes"))?;
    Ok(done.rows_affected())
}

/// A row's change; `None` for a kind that a newer version wrote.
fn read(row: &AnyRow) -> Result<Option<Change>, StoreError> {
    Ok(match row::text(row, "kind")?.as_str() {
        "account" => Some(Change::Account(row::account(row, "subject")?)),
        "account-cleared" => Some(Change::AccountCleared(row::account(row, "subject")?)),
        "everything" => Some(Change::Everything),
        "integration" => Some(Change::Integration(row::integration(row, "subject")?)),
        _ => None,
    })
}
