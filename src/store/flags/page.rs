//! The queue of flags, page by page. A page is found by an index whatever the filter, and never by counting rows off.
//! How many fit is read from the totals where they know it, and else counted up to a thousand.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::{AccountId, Confidence, FlagState, Reason, Severity, Timestamp};
use crate::store::flags::filter::{FlagCursor, FlagFilter, FlagOrder, Key};
use crate::store::flags::flag_row;
use crate::store::flags::gathered::FlagId;
use crate::store::flags::sources::SourceKind;
use crate::store::flags::statement::Statement;
use crate::store::flags::tallies;
use crate::store::{StoreError, row};

/// Up to so many flags are counted exactly.
const COUNTED: i64 = 1_000;
const ACTION: &str = "list flags";

/// One flag, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagRecord {
    /// Its id.
    pub id: FlagId,
    /// Who must be looked after.
    pub account: AccountId,
    /// Where it stands.
    pub state: FlagState,
    /// Until when it is left alone.
    pub snoozed_until: Option<Timestamp>,
    /// Why, by code; of a flag that is over, why it was.
    pub reasons: Vec<Reason>,
    /// The highest severity of its reasons.
    pub severity: Severity,
    /// The highest confidence of its reasons.
    pub confidence: Confidence,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How many calls showed something of it.
    pub count: u64,
    /// When it was opened, or opened again.
    pub opened_at: Timestamp,
    /// The names of the integrations that called, in order.
    pub integrations: Vec<String>,
}

/// Some flags of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagPage {
    /// The flags.
    pub flags: Vec<FlagRecord>,
    /// Where to go on, unless this was the last page.
    pub next: Option<FlagCursor>,
    /// How many flags there are of this kind: exactly, or `None` for more than a thousand.
    pub total: Option<u64>,
}

/// One page of at most `most` flags behind `after`.
pub(crate) async fn page(
    connection: &mut AnyConnection,
    filter: &FlagFilter,
    wanted: FlagOrder,
    after: Option<&FlagCursor>,
    most: usize,
) -> Result<FlagPage, StoreError> {
    let order = filter.order(wanted);
    let total = total(connection, filter).await?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let found = Statement::keys(filter, order, after, limit).query().fetch_all(&mut *connection).await;
    let mut keys: Vec<(Key, String)> = Vec::new();
    for row in &found.map_err(StoreError::during(ACTION))? {
        keys.push((key(row, order)?, row::text(row, "id")?));
    }
    keys.sort_by(|(a, _), (b, _)| a.compare(b));
    let is_last = keys.len() <= most;
    keys.truncate(most);
    let next = keys.last().filter(|_| !is_last).map(|(key, _)| FlagCursor { key: key.clone() });
    let ids: Vec<String> = keys.into_iter().map(|(_, id)| id).collect();
    Ok(FlagPage { flags: records(connection, &ids).await?, next, total })
}

/// How many flags a filter leaves, where they are no more than are counted.
async fn total(connection: &mut AnyConnection, filter: &FlagFilter) -> Result<Option<u64>, StoreError> {
    let is_kept = filter.prefix.is_none() && (filter.reason.is_none() || filter.severity.is_none());
    let total = if is_kept {
        tallies::sum(connection, filter).await?
    } else {
        let counted = Statement::count(filter, COUNTED + 1).query().fetch_one(connection).await;
        row::count(&counted.map_err(StoreError::during(ACTION))?, "total")?
    };
    Ok(Some(total).filter(|total| i64::try_from(*total).is_ok_and(|total| total <= COUNTED)))
}

fn key(row: &AnyRow, order: FlagOrder) -> Result<Key, StoreError> {
    Ok(match order {
        FlagOrder::Account => Key::Account(row::text(row, "identifier")?, row::text(row, "institution")?),
        FlagOrder::Severity => {
            Key::Severity(row::number(row, "severity")?, row::number(row, "opened_at")?, row::text(row, "id")?)
        }
    })
}

/// The flags with these ids, in their order, as lists show them.
pub(crate) async fn records(connection: &mut AnyConnection, ids: &[String]) -> Result<Vec<FlagRecord>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut reasons: HashMap<String, Vec<Reason>> = HashMap::new();
    let telling = "SELECT flag_id, reason FROM flag_reason WHERE is_telling = 1 AND flag_id IN";
    for found in &of_ids(connection, telling, ids, " ORDER BY flag_id, reason").await? {
        let reason = Reason::of_code(&row::text(found, "reason")?).ok_or(StoreError::unreadable("reason"))?;
        reasons.entry(row::text(found, "flag_id")?).or_default().push(reason);
    }
    let mut integrations: HashMap<String, Vec<String>> = HashMap::new();
    let named = format!(
        "SELECT flag_id, value FROM flag_source WHERE kind = '{}' AND value <> '' AND flag_id IN",
        SourceKind::Integration.label()
    );
    for found in &of_ids(connection, &named, ids, " ORDER BY flag_id, value").await? {
        integrations.entry(row::text(found, "flag_id")?).or_default().push(row::text(found, "value")?);
    }
    let mut flags: HashMap<String, FlagRecord> = HashMap::new();
    for found in &of_ids(connection, "SELECT * FROM flag WHERE id IN", ids, "").await? {
        let id = row::text(found, "id")?;
        let record = FlagRecord {
            account: row::account(found, "identifier")?,
            state: flag_row::state(found, "state")?,
            snoozed_until: row::optional_time(found, "snoozed_until")?,
            reasons: reasons.remove(&id).unwrap_or_default(),
            severity: flag_row::severity(found, "severity")?,
            confidence: flag_row::confidence(found, "confidence")?,
            first_seen: row::time(found, "first_seen")?,
            last_seen: row::time(found, "last_seen")?,
            count: row::count(found, "count")?,
            opened_at: row::time(found, "opened_at")?,
            integrations: integrations.remove(&id).unwrap_or_default(),
            id: FlagId::stored(id.clone()),
        };
        flags.insert(id, record);
    }
    Ok(ids.iter().filter_map(|id| flags.remove(id)).collect())
}

/// The rows of some flags. `head` and `tail` are constants.
async fn of_ids(
    connection: &mut AnyConnection,
    head: &str,
    ids: &[String],
    tail: &str,
) -> Result<Vec<AnyRow>, StoreError> {
    let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let mut query = sqlx::query(AssertSqlSafe(format!("{head} ({}){tail}", places.join(", "))));
    for id in ids {
        query = query.bind(id);
    }
    query.fetch_all(connection).await.map_err(StoreError::during(ACTION))
}
