//! Recording flags: one row per account, with its reasons and the integrations behind it.

use std::fmt;
use std::pin::Pin;

use sqlx::AnyConnection;

use crate::domain::{AccountId, IntegrationName, Reason, Severity, Timestamp};
use crate::store::database::{Write, again};
use crate::store::patience::in_time;
use crate::store::{Database, FlagRecord, FlagState, StoreError, flag_list, row};

/// A verdict that means somebody must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagChange {
    /// Who must be looked after.
    pub account: AccountId,
    /// Why.
    pub reason: Reason,
    /// The integration that called, when there was one.
    pub integration: Option<IntegrationName>,
    /// When.
    pub at: Timestamp,
}

/// The id of a flag: 16 hexadecimal digits, short enough to be typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagId(Box<str>);

impl FlagId {
    /// Spells eight random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(format!("{:016x}", u64::from_be_bytes(bytes)).into_boxed_str())
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text.into_boxed_str())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where flags are written.
pub trait FlagStore: Send + Sync {
    /// Writes all of them in one transaction, and gives each one's flag, in the same order. They are safe once this
    /// returns.
    ///
    /// # Errors
    /// When the store fails; then none of them is written.
    fn record<'a>(
        &'a self,
        changes: &'a [FlagChange],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<FlagId>, StoreError>> + Send + 'a>>;
}

/// The table of flags.
#[derive(Clone)]
pub struct FlagTable {
    database: Database,
}

impl FlagTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// All flags: the most severe first, among equals the one seen last.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<FlagRecord>, StoreError> {
        flag_list::list(&self.database).await
    }

    async fn record_all(&self, changes: &[FlagChange]) -> Result<Vec<FlagId>, StoreError> {
        let mut write = self.database.write().await?;
        let mut ordered: Vec<(usize, &FlagChange)> = changes.iter().enumerate().collect();
        ordered.sort_by_key(|(_, change)| &change.account);
        let mut ids = Vec::with_capacity(changes.len());
        for (at, change) in ordered {
            ids.push((at, record(&mut write, change).await?));
        }
        write.commit().await?;
        ids.sort_by_key(|(at, _)| *at);
        Ok(ids.into_iter().map(|(_, id)| id).collect())
    }
}

impl FlagStore for FlagTable {
    fn record<'a>(
        &'a self,
        changes: &'a [FlagChange],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<FlagId>, StoreError>> + Send + 'a>> {
        Box::pin(in_time(again(|| self.record_all(changes))))
    }
}

/// A severity as it is stored and sorted.
pub(crate) const fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

// Times and severity only ever widen: changes may arrive out of order. There is no scalar MAX that both databases
// know (SQLite's MAX is PostgreSQL's GREATEST), hence the CASEs.

const RECORD: &str = "INSERT INTO flag (id, institution, identifier, state, severity, first_seen, last_seen, count) \
     VALUES ($1, $2, $3, $4, $5, $6, $6, 1) ON CONFLICT (institution, identifier) DO UPDATE SET \
     severity = CASE WHEN excluded.severity > flag.severity THEN excluded.severity ELSE flag.severity END, \
     first_seen = CASE WHEN excluded.first_seen < flag.first_seen THEN excluded.first_seen ELSE flag.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > flag.last_seen THEN excluded.last_seen ELSE flag.last_seen END, \
     count = flag.count + 1 RETURNING id";

const RECORD_REASON: &str = "INSERT INTO flag_reason (flag_id, reason, first_seen, last_seen, count) \
     VALUES ($1, $2, $3, $3, 1) ON CONFLICT (flag_id, reason) DO UPDATE SET \
     first_seen = CASE WHEN excluded.first_seen < flag_reason.first_seen \
     THEN excluded.first_seen ELSE flag_reason.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > flag_reason.last_seen \
     THEN excluded.last_seen ELSE flag_reason.last_seen END, \
     count = flag_reason.count + 1";

const RECORD_INTEGRATION: &str = "INSERT INTO flag_integration (flag_id, name, first_seen, last_seen, count) \
     VALUES ($1, $2, $3, $3, 1) ON CONFLICT (flag_id, name) DO UPDATE SET \
     first_seen = CASE WHEN excluded.first_seen < flag_integration.first_seen \
     THEN excluded.first_seen ELSE flag_integration.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > flag_integration.last_seen \
     THEN excluded.last_seen ELSE flag_integration.last_seen END, \
     count = flag_integration.count + 1";

async fn record(write: &mut Write, change: &FlagChange) -> Result<FlagId, StoreError> {
    let connection: &mut AnyConnection = write;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(StoreError::random)?;
    let flag = sqlx::query(RECORD)
        .bind(FlagId::from_random(random).as_str())
        .bind(change.account.institution().as_str())
        .bind(change.account.identifier())
        .bind(FlagState::Open.label())
        .bind(rank(change.reason.severity()))
        .bind(change.at.as_millis())
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::during("record a flag"))?;
    let id = FlagId::stored(row::text(&flag, "id")?);
    sqlx::query(RECORD_REASON)
        .bind(id.as_str())
        .bind(change.reason.code())
        .bind(change.at.as_millis())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::during("record a flag's reason"))?;
    if let Some(integration) = &change.integration {
        sqlx::query(RECORD_INTEGRATION)
            .bind(id.as_str())
            .bind(integration.as_str())
            .bind(change.at.as_millis())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::during("record a flag's integration"))?;
    }
    Ok(id)
}
