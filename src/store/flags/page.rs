//! The queue of flags, page by page. A page is found by an index whatever the filter, and never by counting rows off;
//! how many fit is counted up to a thousand.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::domain::{AccountId, Confidence, FlagState, Institution, Reason, Severity, Timestamp};
use crate::store::flags::flag_row::{self, rank};
use crate::store::flags::gathered::FlagId;
use crate::store::flags::sources::SourceKind;
use crate::store::{StoreError, row};

/// Up to so many flags are counted exactly.
const COUNTED: i64 = 1_000;

/// Which flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagFilter {
    /// Of this institution.
    pub institution: Option<Institution>,
    /// In one of these states; in any when there is none.
    pub states: Vec<FlagState>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Whose account's folded identifier begins so.
    pub prefix: Option<String>,
}

/// In what order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlagOrder {
    /// By the account's identifier.
    Account,
    /// The most severe first, among equals the one seen last.
    #[default]
    Severity,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagCursor {
    /// The severity, as it is stored, and the last sighting of the last flag; or its identifier and institution.
    key: Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Account(String, String),
    Severity(i64, i64, String),
}

impl FlagCursor {
    /// As text that a next page can be asked for with.
    #[must_use]
    pub fn encode(&self) -> String {
        match &self.key {
            Key::Account(identifier, institution) => format!("a/{institution}/{identifier}"),
            Key::Severity(severity, last_seen, id) => format!("s/{severity}/{last_seen}/{id}"),
        }
    }

    /// Reads such a text; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = if let Some(rest) = text.strip_prefix("a/") {
            let (institution, identifier) = rest.split_once('/')?;
            Key::Account(identifier.to_owned(), institution.to_owned())
        } else {
            let mut parts = text.strip_prefix("s/")?.splitn(3, '/');
            let (severity, last_seen, id) = (parts.next()?, parts.next()?, parts.next()?);
            Key::Severity(severity.parse().ok()?, last_seen.parse().ok()?, FlagId::parse(id)?.to_string())
        };
        Some(Self { key })
    }

    /// The order that it belongs to.
    #[must_use]
    pub const fn order(&self) -> FlagOrder {
        match self.key {
            Key::Account(..) => FlagOrder::Account,
            Key::Severity(..) => FlagOrder::Severity,
        }
    }
}

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

/// A value of a statement.
enum Value {
    Number(i64),
    Text(String),
}

/// A statement that is put together, with its values.
struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    /// `from` and the conditions of a filter for one state, or for all.
    fn new(filter: &FlagFilter, state: Option<FlagState>) -> Self {
        let mut statement = Self { text: String::new(), values: Vec::new() };
        // A reason's rows hold what orders the queue, so that its own index finds the page.
        statement.text.push_str(match filter.reason {
            Some(_) => " FROM flag_reason JOIN flag ON flag.id = flag_reason.flag_id WHERE 1 = 1",
            None => " FROM flag WHERE 1 = 1",
        });
        if let Some(reason) = filter.reason {
            statement.and("flag_reason.reason =", Value::Text(reason.code().to_owned()));
            statement.text.push_str(" AND (flag_reason.cleared_at IS NULL OR flag.closed_at IS NOT NULL)");
        }
        if let Some(state) = state {
            let column = if filter.reason.is_some() { "flag_reason.flag_state =" } else { "flag.state =" };
            statement.and(column, Value::Text(state.label().to_owned()));
        }
        if let Some(institution) = &filter.institution {
            statement.and("flag.institution =", Value::Text(institution.to_string()));
        }
        if let Some(severity) = filter.severity {
            let column = if filter.reason.is_some() { "flag_reason.flag_severity =" } else { "flag.severity =" };
            statement.and(column, Value::Number(rank(severity)));
        }
        if let Some(prefix) = &filter.prefix {
            statement.and("flag.identifier >=", Value::Text(prefix.clone()));
            if let Some(end) = end_of_prefix(prefix) {
                statement.and("flag.identifier <", Value::Text(end));
            }
        }
        statement
    }

    fn and(&mut self, condition: &str, value: Value) {
        let place = self.place(value);
        self.text.extend([" AND ", condition, " ", &place]);
    }

    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// What comes behind `after`, in order.
    fn page(mut self, filter: &FlagFilter, order: FlagOrder, after: Option<&FlagCursor>, most: i64) -> Self {
        let (severity, last_seen, id) = match filter.reason {
            Some(_) => ("flag_reason.flag_severity", "flag_reason.flag_last_seen", "flag_reason.flag_id"),
            None => ("flag.severity", "flag.last_seen", "flag.id"),
        };
        match after.map(|cursor| &cursor.key) {
            Some(Key::Severity(a, b, c)) => {
                let places = [Value::Number(*a), Value::Number(*b), Value::Text(c.clone())].map(|v| self.place(v));
                let places = places.join(", ");
                self.text.extend([" AND (", severity, ", ", last_seen, ", ", id, ") < (", &places, ")"]);
            }
            Some(Key::Account(a, b)) => {
                let places = [Value::Text(a.clone()), Value::Text(b.clone())].map(|v| self.place(v));
                self.text.extend([" AND (flag.identifier, flag.institution) > (", &places.join(", "), ")"]);
            }
            None => {}
        }
        match order {
            FlagOrder::Severity => {
                self.text.extend([" ORDER BY ", severity, " DESC, ", last_seen, " DESC, ", id, " DESC"]);
            }
            FlagOrder::Account => self.text.push_str(" ORDER BY flag.identifier, flag.institution"),
        }
        let place = self.place(Value::Number(most));
        self.text.extend([" LIMIT ", &place]);
        self
    }

    /// As a query. The text is put together of constants and the places of values only.
    fn query(self, head: &str, tail: &str) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(format!("{head}{}{tail}", self.text)));
        for value in self.values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query
    }
}

/// The first text behind all that begin with `prefix`.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// One page of at most `most` flags behind `after`.
pub(crate) async fn page(
    connection: &mut AnyConnection,
    filter: &FlagFilter,
    order: FlagOrder,
    after: Option<&FlagCursor>,
    most: usize,
) -> Result<FlagPage, StoreError> {
    const ACTION: &str = "list flags";
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let mut found: Vec<AnyRow> = Vec::new();
    let mut counted = 0;
    // Each state has its own stretch of an index: they are read apart and merged.
    for state in states(filter) {
        let rows = Statement::new(filter, state)
            .page(filter, order, after, limit)
            .query("SELECT flag.*", "")
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during(ACTION))?;
        found.extend(rows);
        if counted <= COUNTED {
            let total = Statement::new(filter, state)
                .query("SELECT COUNT(*) AS total FROM (SELECT 1 AS one", &format!(" LIMIT {}) AS fitting", COUNTED + 1))
                .fetch_one(&mut *connection)
                .await
                .map_err(StoreError::during(ACTION))?;
            counted += row::number(&total, "total")?;
        }
    }
    let mut keyed = found.iter().map(|row| Ok((key(row, order)?, row))).collect::<Result<Vec<_>, StoreError>>()?;
    keyed.sort_by(|(a, _), (b, _)| compare(a, b));
    let is_last = keyed.len() <= most;
    keyed.truncate(most);
    let next = keyed.last().filter(|_| !is_last).map(|(key, _)| FlagCursor { key: key.clone() });
    let mut flags = Vec::with_capacity(keyed.len());
    for (_, row) in keyed {
        flags.push(record(connection, row).await?);
    }
    Ok(FlagPage { flags, next, total: u64::try_from(counted).ok().filter(|_| counted <= COUNTED) })
}

/// The states that are read one by one; one look at all where no index has the state in front.
fn states(filter: &FlagFilter) -> Vec<Option<FlagState>> {
    if !filter.states.is_empty() {
        let mut states: Vec<FlagState> = filter.states.clone();
        states.sort();
        states.dedup();
        return states.into_iter().map(Some).collect();
    }
    if filter.reason.is_some() || filter.institution.is_some() {
        return FlagState::ALL.into_iter().map(Some).collect();
    }
    vec![None]
}

fn key(row: &AnyRow, order: FlagOrder) -> Result<Key, StoreError> {
    Ok(match order {
        FlagOrder::Account => Key::Account(row::text(row, "identifier")?, row::text(row, "institution")?),
        FlagOrder::Severity => {
            Key::Severity(row::number(row, "severity")?, row::number(row, "last_seen")?, row::text(row, "id")?)
        }
    })
}

fn compare(a: &Key, b: &Key) -> std::cmp::Ordering {
    match (a, b) {
        (Key::Account(a, at_a), Key::Account(b, at_b)) => (a, at_a).cmp(&(b, at_b)),
        (Key::Severity(a, seen_a, id_a), Key::Severity(b, seen_b, id_b)) => (b, seen_b, id_b).cmp(&(a, seen_a, id_a)),
        (Key::Account(..), Key::Severity(..)) => std::cmp::Ordering::Less,
        (Key::Severity(..), Key::Account(..)) => std::cmp::Ordering::Greater,
    }
}

/// A flag as lists show it.
pub(crate) async fn record(connection: &mut AnyConnection, found: &AnyRow) -> Result<FlagRecord, StoreError> {
    const ACTION: &str = "list flags";
    let id = FlagId::stored(row::text(found, "id")?);
    let closed = row::optional_time(found, "closed_at")?.is_some();
    let reasons = sqlx::query("SELECT reason, cleared_at FROM flag_reason WHERE flag_id = $1 ORDER BY reason")
        .bind(id.as_str())
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::during(ACTION))?;
    let mut telling = Vec::new();
    for reason in &reasons {
        if closed || row::optional_time(reason, "cleared_at")?.is_none() {
            let code = row::text(reason, "reason")?;
            telling.push(Reason::of_code(&code).ok_or(StoreError::unreadable("reason"))?);
        }
    }
    let integrations =
        sqlx::query("SELECT value FROM flag_source WHERE flag_id = $1 AND kind = $2 AND value <> '' ORDER BY value")
            .bind(id.as_str())
            .bind(SourceKind::Integration.label())
            .fetch_all(connection)
            .await
            .map_err(StoreError::during(ACTION))?;
    Ok(FlagRecord {
        account: row::account(found, "identifier")?,
        state: flag_row::state(found, "state")?,
        snoozed_until: row::optional_time(found, "snoozed_until")?,
        reasons: telling,
        severity: flag_row::severity(found, "severity")?,
        confidence: flag_row::confidence(found, "confidence")?,
        first_seen: row::time(found, "first_seen")?,
        last_seen: row::time(found, "last_seen")?,
        count: row::count(found, "count")?,
        integrations: integrations.iter().map(|found| row::text(found, "value")).collect::<Result<_, _>>()?,
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for key in [
            Key::Account("a/b c".to_owned(), "01X".to_owned()),
            Key::Severity(3, 17, FlagId::from_random([7; 8]).to_string()),
        ] {
            let cursor = FlagCursor { key };
            assert_eq!(FlagCursor::parse(&cursor.encode()), Some(cursor));
        }
        for text in ["", "a/x", "s/1/2", "s/1/2/xyz", "x/1/2/3"] {
            assert_eq!(FlagCursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        let cases = [("ab", Some("ac")), ("a\u{d7ff}", Some("a\u{e000}")), ("\u{10ffff}", None), ("", None)];
        for (prefix, end) in cases {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix}");
        }
    }
}
