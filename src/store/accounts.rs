//! Accounts of the embedded identity service.

use sqlx::any::AnyRow;

use crate::domain::{AccountId, Institution, Timestamp};
use crate::store::attempt_table;
use crate::store::changes::{self, Change};
use crate::store::database::again;
use crate::store::{Database, StoreError, StoredHash, row};

/// One account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Whose it is.
    pub account: AccountId,
    /// The hash of its password; `None` is an account without a usable password.
    pub hash: Option<StoredHash>,
    /// Whether the password must be changed.
    pub must_change: bool,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether it is switched off.
    pub disabled: bool,
    /// When its time is over.
    pub expires_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub changed_at: Timestamp,
}

/// An account to be added.
#[derive(Clone, Debug)]
pub struct NewAccountRecord {
    /// Whose it is.
    pub account: AccountId,
    /// The hash of its password; `None` is an account without a usable password.
    pub hash: Option<StoredHash>,
    /// Whether the password must be changed.
    pub must_change: bool,
    /// When its time is over.
    pub expires_at: Option<Timestamp>,
}

/// A change that somebody makes to one account.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Switch it off.
    Disable,
    /// Switch it on again.
    Enable,
    /// Lock it.
    Lock,
    /// Give it this password.
    SetPassword {
        /// The new password's hash.
        hash: StoredHash,
        /// Whether that password must be changed.
        must_change: bool,
    },
    /// Unlock it.
    Unlock,
}

/// The table of embedded accounts.
#[derive(Clone)]
pub struct AccountTable {
    database: Database,
}

impl AccountTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Asks the database for nothing, to see that it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database.ping().await
    }

    /// The account, when there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, account: &AccountId) -> Result<Option<AccountRecord>, StoreError> {
        sqlx::query("SELECT * FROM account WHERE institution = $1 AND identifier = $2")
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .fetch_optional(self.database.pool())
            .await
            .map_err(StoreError::during("look an account up"))?
            .as_ref()
            .map(record)
            .transpose()
    }

    /// The accounts of one institution, by identifier.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, institution: &Institution) -> Result<Vec<AccountRecord>, StoreError> {
        sqlx::query("SELECT * FROM account WHERE institution = $1 ORDER BY identifier")
            .bind(institution.as_str())
            .fetch_all(self.database.pool())
            .await
            .map_err(StoreError::during("list accounts"))?
            .iter()
            .map(record)
            .collect()
    }

    /// Adds an account; `false` when there is one already, which stays as it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert(&self, new: &NewAccountRecord, now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let done = sqlx::query(
            "INSERT INTO account (institution, identifier, hash, must_change, locked, disabled, expires_at, \
             created_at, changed_at) VALUES ($1, $2, $3, $4, 0, 0, $5, $6, $6) \
             ON CONFLICT (institution, identifier) DO NOTHING",
        )
        .bind(new.account.institution().as_str())
        .bind(new.account.identifier())
        .bind(new.hash.as_ref().map(StoredHash::as_str))
        .bind(i64::from(new.must_change))
        .bind(new.expires_at.map(Timestamp::as_millis))
        .bind(now.as_millis())
        .execute(&mut *write)
        .await
        .map_err(StoreError::during("add an account"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        changes::append(&mut write, &Change::AccountCleared(new.account.clone()), now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Changes an account; `false` when there is no such account.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn change(
        &self,
        account: &AccountId,
        change: &AccountChange,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| self.change_once(account, change, now)).await
    }

    async fn change_once(
        &self,
        account: &AccountId,
        change: &AccountChange,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        // Every statement numbers the same three first: the key and the time.
        let statement = match change {
            AccountChange::Disable => {
                "UPDATE account SET disabled = 1, changed_at = $3 WHERE institution = $1 AND identifier = $2"
            }
            AccountChange::Enable => {
                "UPDATE account SET disabled = 0, changed_at = $3 WHERE institution = $1 AND identifier = $2"
            }
            AccountChange::Lock => {
                "UPDATE account SET locked = 1, changed_at = $3 WHERE institution = $1 AND identifier = $2"
            }
            AccountChange::SetPassword { .. } => {
                "UPDATE account SET hash = $4, must_change = $5, changed_at = $3 \
                 WHERE institution = $1 AND identifier = $2"
            }
            AccountChange::Unlock => {
                "UPDATE account SET locked = 0, changed_at = $3 WHERE institution = $1 AND identifier = $2"
            }
        };
        let mut query = sqlx::query(statement)
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .bind(now.as_millis());
        if let AccountChange::SetPassword { hash, must_change } = change {
            query = query.bind(hash.as_str()).bind(i64::from(*must_change));
        }
        let done = query.execute(&mut *write).await.map_err(StoreError::during("change an account"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let told = match change {
            AccountChange::Disable | AccountChange::Enable | AccountChange::Lock => Change::Account(account.clone()),
            AccountChange::SetPassword { .. } | AccountChange::Unlock => Change::AccountCleared(account.clone()),
        };
        if let Change::AccountCleared(account) = &told {
            attempt_table::clear(&mut write, account).await?;
        }
        changes::append(&mut write, &told, now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Puts a new hash of the same password in the place of `old`; `false` when the password was changed meanwhile.
    /// Nothing that anybody keeps in memory depends on which hash it is, so this is no change to tell of and
    /// `changed_at` stays.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replace_hash(
        &self,
        account: &AccountId,
        old: &StoredHash,
        new: &StoredHash,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let done = sqlx::query("UPDATE account SET hash = $4 WHERE institution = $1 AND identifier = $2 AND hash = $3")
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .bind(old.as_str())
            .bind(new.as_str())
            .execute(&mut *write)
            .await
            .map_err(StoreError::during("renew an account's hash"))?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

fn record(row: &AnyRow) -> Result<AccountRecord, StoreError> {
    Ok(AccountRecord {
        account: row::account(row, "identifier")?,
        hash: row::optional_hash(row, "hash")?,
        must_change: row::yes(row, "must_change")?,
        locked: row::yes(row, "locked")?,
        disabled: row::yes(row, "disabled")?,
        expires_at: row::optional_time(row, "expires_at")?,
        created_at: row::time(row, "created_at")?,
        changed_at: row::time(row, "changed_at")?,
    })
}
