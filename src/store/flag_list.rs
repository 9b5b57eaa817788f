//! Reading the queue of flags.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use crate::domain::{AccountId, Reason, Severity, Timestamp};
use crate::store::flags::rank;
use crate::store::{Database, FlagId, StoreError, row};

/// Where a flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagState {
    /// Somebody must act.
    Open,
}

impl FlagState {
    const ALL: [Self; 1] = [Self::Open];

    /// The public name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
        }
    }
}

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagRecord {
    /// Its id.
    pub id: FlagId,
    /// Who must be looked after.
    pub account: AccountId,
    /// Where it stands.
    pub state: FlagState,
    /// Why, by code.
    pub reasons: Vec<Reason>,
    /// The highest severity of its reasons.
    pub severity: Severity,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// The names of the integrations that called, in order.
    pub integrations: Vec<String>,
}

pub(crate) async fn list(database: &Database) -> Result<Vec<FlagRecord>, StoreError> {
    const ACTION: &str = "list flags";
    // The three answers belong together.
    let mut read = database.read(ACTION).await?;
    let flags = sqlx::query("SELECT * FROM flag ORDER BY severity DESC, last_seen DESC, id")
        .fetch_all(&mut *read)
        .await
        .map_err(StoreError::during(ACTION))?;
    let reasons = sqlx::query("SELECT flag_id, reason FROM flag_reason ORDER BY flag_id, reason")
        .fetch_all(&mut *read)
        .await
        .map_err(StoreError::during(ACTION))?;
    let integrations = sqlx::query("SELECT flag_id, name FROM flag_integration ORDER BY flag_id, name")
        .fetch_all(&mut *read)
        .await
        .map_err(StoreError::during(ACTION))?;
    drop(read);
    let mut reasons = by_flag(&reasons, |row| {
        let code = row::text(row, "reason")?;
        Reason::ALL.into_iter().find(|reason| reason.code() == code).ok_or(StoreError::unreadable("reason"))
    })?;
    let mut integrations = by_flag(&integrations, |row| row::text(row, "name"))?;
    flags.iter().map(|row| record(row, &mut reasons, &mut integrations)).collect()
}

fn by_flag<T>(
    rows: &[AnyRow],
    read: impl Fn(&AnyRow) -> Result<T, StoreError>,
) -> Result<HashMap<String, Vec<T>>, StoreError> {
    let mut found: HashMap<String, Vec<T>> = HashMap::new();
    for row in rows {
        found.entry(row::text(row, "flag_id")?).or_default().push(read(row)?);
    }
    Ok(found)
}

fn record(
    row: &AnyRow,
    reasons: &mut HashMap<String, Vec<Reason>>,
    integrations: &mut HashMap<String, Vec<String>>,
) -> Result<FlagRecord, StoreError> {
    let id = row::text(row, "id")?;
    let state = row::text(row, "state")?;
    let severity = row::number(row, "severity")?;
    Ok(FlagRecord {
        account: row::account(row, "identifier")?,
        state: FlagState::ALL
            .into_iter()
            .find(|known| known.label() == state)
            .ok_or(StoreError::unreadable("state"))?,
        reasons: reasons.remove(&id).unwrap_or_default(),
        severity: [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
            .into_iter()
            .find(|known| rank(*known) == severity)
            .ok_or(StoreError::unreadable("severity"))?,
        first_seen: row::time(row, "first_seen")?,
        last_seen: row::time(row, "last_seen")?,
        count: row::count(row, "count")?,
        integrations: integrations.remove(&id).unwrap_or_default(),
        id: FlagId::stored(id),
    })
}
