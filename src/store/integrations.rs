//! Registered integrations with the hashes of their secrets, and which integrations were ever let in.

use sqlx::any::AnyRow;

use crate::domain::{IntegrationName, Timestamp};
use crate::store::changes::{self, Change};
use crate::store::flags::trail;
use crate::store::patience::in_time;
use crate::store::{Database, StoreError, StoredHash, row};

/// One registered integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationRecord {
    /// The full Basic name, as it was registered.
    pub name: IntegrationName,
    /// The hash of its secret.
    pub hash: StoredHash,
    /// The secret before, while it is still let in.
    pub previous: Option<PreviousSecret>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub changed_at: Timestamp,
    /// When it was first let in.
    pub first_accepted: Option<Timestamp>,
    /// When it was last noted to be let in.
    pub last_accepted: Option<Timestamp>,
}

/// A secret that a newer one has taken the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its hash.
    pub hash: StoredHash,
    /// The first moment at which it is not let in any more.
    pub valid_until: Timestamp,
}

/// The table of registered integrations.
#[derive(Clone)]
pub struct IntegrationTable {
    database: Database,
}

const SELECT: &str = "SELECT integration.*, first_at, last_at FROM integration \
     LEFT JOIN integration_accepted ON integration_accepted.institution = integration.institution \
     AND integration_accepted.identifier = integration.identifier \
     ORDER BY integration.institution, integration.identifier";

impl IntegrationTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Every registered integration, by institution and name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<IntegrationRecord>, StoreError> {
        let listing = sqlx::query(SELECT).fetch_all(self.database.pool());
        in_time(async { listing.await.map_err(StoreError::during("list integrations")) })
            .await?
            .iter()
            .map(record)
            .collect()
    }

    /// Registers an integration; `false` when it is registered already, in whatever case, and stays as it is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert(&self, name: &IntegrationName, hash: &StoredHash, now: Timestamp) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let done = sqlx::query(
            "INSERT INTO integration (institution, identifier, name, hash, disabled, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, 0, $5, $5) ON CONFLICT (institution, identifier) DO NOTHING",
        )
        .bind(name.institution().as_str())
        .bind(name.account().identifier())
        .bind(name.as_str())
        .bind(hash.as_str())
        .bind(now.as_millis())
        .execute(&mut *write)
        .await
        .map_err(StoreError::during("register an integration"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        changes::append(&mut write, &Change::Integration(name.clone()), now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Gives an integration another secret; the one it had is let in until `overlap_until`, or not at all any more.
    /// `false` when there is no such integration.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rotate(
        &self,
        name: &IntegrationName,
        hash: &StoredHash,
        overlap_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = match overlap_until {
            Some(_) => {
                "UPDATE integration SET previous_hash = hash, previous_until = $5, hash = $4, changed_at = $3 \
                 WHERE institution = $1 AND identifier = $2"
            }
            None => {
                "UPDATE integration SET previous_hash = NULL, previous_until = NULL, hash = $4, changed_at = $3 \
                 WHERE institution = $1 AND identifier = $2"
            }
        };
        let mut query = sqlx::query(statement)
            .bind(name.institution().as_str())
            .bind(name.account().identifier())
            .bind(now.as_millis())
            .bind(hash.as_str());
        if let Some(until) = overlap_until {
            query = query.bind(until.as_millis());
        }
        let mut write = self.database.write().await?;
        let done = query.execute(&mut *write).await.map_err(StoreError::during("change an integration's secret"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        changes::append(&mut write, &Change::Integration(name.clone()), now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Switches an integration off; `false` when there is no such integration.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn disable(&self, name: &IntegrationName, now: Timestamp) -> Result<bool, StoreError> {
        self.switch(
            name,
            "UPDATE integration SET disabled = 1, changed_at = $3 WHERE institution = $1 AND identifier = $2",
            now,
        )
        .await
    }

    /// Switches an integration on again; `false` when there is no such integration.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn enable(&self, name: &IntegrationName, now: Timestamp) -> Result<bool, StoreError> {
        self.switch(
            name,
            "UPDATE integration SET disabled = 0, changed_at = $3 WHERE institution = $1 AND identifier = $2",
            now,
        )
        .await
    }

    /// Puts a new hash of the same secret in the place of `old`; `false` when the secret was changed meanwhile. Not a
    /// change to tell of: whoever still holds the old hash in memory is right with it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replace_hash(
        &self,
        name: &IntegrationName,
        old: &StoredHash,
        new: &StoredHash,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let done =
            sqlx::query("UPDATE integration SET hash = $4 WHERE institution = $1 AND identifier = $2 AND hash = $3")
                .bind(name.institution().as_str())
                .bind(name.account().identifier())
                .bind(old.as_str())
                .bind(new.as_str())
                .execute(&mut *write)
                .await
                .map_err(StoreError::during("renew an integration's hash"))?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that an integration, registered or not, was let in at `at`; not if anybody was forgotten since: it may be
    /// they, and whoever is let in again is noted then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_accepted(&self, name: &IntegrationName, at: Timestamp) -> Result<(), StoreError> {
        in_time(self.note_accepted_once(name, at)).await
    }

    async fn note_accepted_once(&self, name: &IntegrationName, at: Timestamp) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        trail::take_turn(&mut write).await?;
        if changes::last_forgetting(&mut write).await?.is_some_and(|forgotten| at <= forgotten) {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO integration_accepted (institution, identifier, name, first_at, last_at) \
             VALUES ($1, $2, $3, $4, $4) ON CONFLICT (institution, identifier) DO UPDATE SET \
             last_at = CASE WHEN excluded.last_at > integration_accepted.last_at \
             THEN excluded.last_at ELSE integration_accepted.last_at END",
        )
        .bind(name.institution().as_str())
        .bind(name.account().identifier())
        .bind(name.as_str())
        .bind(at.as_millis())
        .execute(&mut *write)
        .await
        .map_err(StoreError::during("note an integration"))?;
        write.commit().await
    }

    /// The integrations that were let in at some time, registered or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accepted_before(&self) -> Result<Vec<IntegrationName>, StoreError> {
        sqlx::query("SELECT name FROM integration_accepted ORDER BY institution, identifier")
            .fetch_all(self.database.pool())
            .await
            .map_err(StoreError::during("list integrations"))?
            .iter()
            .map(|row| row::integration(row, "name"))
            .collect()
    }

    async fn switch(
        &self,
        name: &IntegrationName,
        statement: &'static str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let done = sqlx::query(statement)
            .bind(name.institution().as_str())
            .bind(name.account().identifier())
            .bind(now.as_millis())
            .execute(&mut *write)
            .await
            .map_err(StoreError::during("change an integration"))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        changes::append(&mut write, &Change::Integration(name.clone()), now).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn record(row: &AnyRow) -> Result<IntegrationRecord, StoreError> {
    let previous_hash = row::optional_hash(row, "previous_hash")?;
    let previous_until = row::optional_time(row, "previous_until")?;
    Ok(IntegrationRecord {
        name: row::integration(row, "name")?,
        hash: row::hash(row, "hash")?,
        previous: previous_hash.zip(previous_until).map(|(hash, valid_until)| PreviousSecret { hash, valid_until }),
        disabled: row::yes(row, "disabled")?,
        created_at: row::time(row, "created_at")?,
        changed_at: row::time(row, "changed_at")?,
        first_accepted: row::optional_time(row, "first_at")?,
        last_accepted: row::optional_time(row, "last_at")?,
    })
}
