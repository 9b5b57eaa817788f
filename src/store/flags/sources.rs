//! Where the sign-ins behind a flag came from: integrations, addresses, operations. A flag keeps so many of each and
//! counts the rest together.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::Timestamp;
use crate::store::flags::gathered::{FlagId, Seen};
use crate::store::{StoreError, row};

/// Different values of one kind that a flag keeps.
const APART: i64 = 32;
/// The value under which the rest is counted.
const OTHERS: &str = "";

/// What kind of place a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// An address that calls came from.
    Address,
    /// An integration that called.
    Integration,
    /// An operation that was called.
    Operation,
}

impl SourceKind {
    const ALL: [Self; 3] = [Self::Address, Self::Integration, Self::Operation];

    /// The public name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Integration => "integration",
            Self::Operation => "operation",
        }
    }
}

/// One source of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// What kind.
    pub kind: SourceKind,
    /// Which; `None` for all that are not told apart.
    pub value: Option<String>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How often.
    pub count: u64,
}

/// Adds the places of what was seen, which counts so often.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    flag: &FlagId,
    seen: &Seen,
    count: u64,
) -> Result<(), StoreError> {
    if let Some(integration) = &seen.integration {
        note_one(connection, flag, SourceKind::Integration, integration.as_str(), (seen, count)).await?;
    }
    if let Some(address) = &seen.source {
        note_one(connection, flag, SourceKind::Address, &address.to_string(), (seen, count)).await?;
    }
    if !seen.operation.is_empty() {
        note_one(connection, flag, SourceKind::Operation, &seen.operation, (seen, count)).await?;
    }
    Ok(())
}

// There is no scalar MAX that both databases know (SQLite's MAX is PostgreSQL's GREATEST), hence the CASEs.
const NOTE: &str = "INSERT INTO flag_source (flag_id, kind, value, first_seen, last_seen, count) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (flag_id, kind, value) DO UPDATE SET \
     first_seen = CASE WHEN excluded.first_seen < flag_source.first_seen \
     THEN excluded.first_seen ELSE flag_source.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > flag_source.last_seen \
     THEN excluded.last_seen ELSE flag_source.last_seen END, \
     count = flag_source.count + excluded.count";

async fn note_one(
    connection: &mut AnyConnection,
    flag: &FlagId,
    kind: SourceKind,
    value: &str,
    (seen, count): (&Seen, u64),
) -> Result<(), StoreError> {
    let failed = || StoreError::during("record where a flag comes from");
    let counted = sqlx::query(
        "SELECT COALESCE(MAX(CASE WHEN value = $3 THEN 1 ELSE 0 END), 0) AS known, COUNT(*) AS total \
         FROM flag_source WHERE flag_id = $1 AND kind = $2",
    )
    .bind(flag.as_str())
    .bind(kind.label())
    .bind(value)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed())?;
    let is_apart = row::yes(&counted, "known")? || row::number(&counted, "total")? < APART;
    sqlx::query(NOTE)
        .bind(flag.as_str())
        .bind(kind.label())
        .bind(if is_apart { value } else { OTHERS })
        .bind(seen.first.as_millis())
        .bind(seen.last.as_millis())
        .bind(row::stored(count))
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed())
}

/// The sources of a flag, by kind and value.
pub(crate) async fn of(connection: &mut AnyConnection, flag: &FlagId) -> Result<Vec<SourceRecord>, StoreError> {
    sqlx::query("SELECT * FROM flag_source WHERE flag_id = $1 ORDER BY kind, count DESC, value")
        .bind(flag.as_str())
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("look up where a flag comes from"))?
        .iter()
        .map(record)
        .collect()
}

fn record(found: &AnyRow) -> Result<SourceRecord, StoreError> {
    let kind = row::text(found, "kind")?;
    Ok(SourceRecord {
        kind: SourceKind::ALL.into_iter().find(|known| known.label() == kind).ok_or(StoreError::unreadable("kind"))?,
        value: Some(row::text(found, "value")?).filter(|value| value != OTHERS),
        first_seen: row::time(found, "first_seen")?,
        last_seen: row::time(found, "last_seen")?,
        count: row::count(found, "count")?,
    })
}
