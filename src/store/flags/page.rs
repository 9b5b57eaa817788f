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
use crate::store::flags::statement::{Statement, Way};
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
    /// How often it was seen.
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
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let (total, way) = total(connection, filter, order).await?;
    let mut keys: Vec<(Key, String)> = Vec::new();
    // Each state has its own stretch of an index: they are read apart and merged.
    for states in stretches(filter, way) {
        let found = Statement::new(filter, &states, way, after)
            .keys(order, limit)
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during(ACTION))?;
        for row in &found {
            keys.push((key(row, order)?, row::text(row, "id")?));
        }
    }
    keys.sort_by(|(a, _), (b, _)| a.compare(b));
    let is_last = keys.len() <= most;
    keys.truncate(most);
    let next = keys.last().filter(|_| !is_last).map(|(key, _)| FlagCursor { key: key.clone() });
    let ids: Vec<String> = keys.into_iter().map(|(_, id)| id).collect();
    Ok(FlagPage { flags: records(connection, &ids).await?, next, total })
}

/// How many flags a filter leaves, where they are no more than are counted, and the way by which they are come by in
/// this order.
async fn total(
    connection: &mut AnyConnection,
    filter: &FlagFilter,
    order: FlagOrder,
) -> Result<(Option<u64>, Way), StoreError> {
    let without_prefix = FlagFilter { prefix: None, ..filter.clone() };
    let of_filter = match (filter.reason, filter.severity) {
        (Some(_), Some(_)) => count(connection, &without_prefix, Way::Stretch).await?,
        (_, _) => tallies::sum(connection, &without_prefix).await?,
    };
    let few = i64::try_from(of_filter).is_ok_and(|total| total <= COUNTED);
    let way = match (order, few) {
        (FlagOrder::Severity, _) => Way::Stretch,
        (FlagOrder::Account, true) => Way::Pick,
        (FlagOrder::Account, false) => Way::Walk,
    };
    let total = if filter.prefix.is_some() { count(connection, filter, way).await? } else { of_filter };
    Ok((Some(total).filter(|total| i64::try_from(*total).is_ok_and(|total| total <= COUNTED)), way))
}

/// Counts no further than one beyond what is counted exactly.
async fn count(connection: &mut AnyConnection, filter: &FlagFilter, way: Way) -> Result<u64, StoreError> {
    let mut counted = 0;
    for states in stretches(filter, way) {
        let total = Statement::new(filter, &states, way, None)
            .count(COUNTED + 1)
            .fetch_one(&mut *connection)
            .await
            .map_err(StoreError::during(ACTION))?;
        counted += row::count(&total, "total")?;
        if i64::try_from(counted).is_ok_and(|counted| counted > COUNTED) {
            break;
        }
    }
    Ok(counted)
}

/// The states of a filter as they are looked for: one by one where the index has them in front of what orders the queue.
fn stretches(filter: &FlagFilter, way: Way) -> Vec<Vec<FlagState>> {
    let mut states = filter.states.clone();
    states.sort();
    states.dedup();
    match way {
        Way::Pick | Way::Walk => vec![states],
        Way::Stretch if states.is_empty() => FlagState::ALL.map(|state| vec![state]).to_vec(),
        Way::Stretch => states.into_iter().map(|state| vec![state]).collect(),
    }
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
