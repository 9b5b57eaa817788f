//! The statements that find flags, put together so that an index leads to them however few or many of all flags the
//! filter leaves: what it leaves is some stretches, of each of which the database reads no more than a page.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::store::flags::filter::{FlagCursor, FlagFilter, FlagOrder, Key};
use crate::store::flags::flag_row::rank;
use crate::store::flags::stretch::{FLAGS, Place, REASONS, sorted, stretches};

/// A value of a statement.
enum Value {
    Number(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A statement with its values.
pub(crate) struct Statement {
    place: &'static Place,
    text: String,
    values: Vec<Value>,
}

impl Statement {
    /// The keys and ids of the first `most` flags of each stretch of a filter, behind `after`.
    pub(crate) fn keys(filter: &FlagFilter, order: FlagOrder, after: Option<&FlagCursor>, most: i64) -> Self {
        let mut statement = Self::new(filter);
        let Place { id, identifier, institution, opened_at, severity, .. } = statement.place;
        let columns = match order {
            FlagOrder::Account => format!("{identifier} AS identifier, {institution} AS institution, {id} AS id"),
            FlagOrder::Severity => format!("{severity} AS severity, {opened_at} AS opened_at, {id} AS id"),
        };
        let most = statement.bind(most);
        statement.text = statement.gather(&columns, filter, order, after, &most);
        statement
    }

    /// How many flags a filter leaves, counted up to `most`, as `total`.
    pub(crate) fn count(filter: &FlagFilter, most: i64) -> Self {
        let mut statement = Self::new(filter);
        // Without the id, every index tells all of it: SQLite would look rows up one by one for what a UNIQUE does not name.
        let columns = format!("{}, {}", statement.place.identifier, statement.place.institution);
        let most = statement.bind(most);
        let stretches = statement.gather(&columns, filter, FlagOrder::Account, None, &most);
        statement.text = format!("SELECT COUNT(*) AS total FROM ({stretches} LIMIT {most}) AS fitting");
        statement
    }

    /// As a query. The text is put together of constants and the places of values only. It is planned each time it is
    /// asked, for these very values: PostgreSQL would settle on one plan for all.
    pub(crate) fn query(self) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.text)).persistent(false);
        for value in self.values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query
    }

    const fn new(filter: &FlagFilter) -> Self {
        let place = if filter.reason.is_some() { &REASONS } else { &FLAGS };
        Self { place, text: String::new(), values: Vec::new() }
    }

    /// All stretches of a filter, each in order and no longer than `most`: PostgreSQL reads what is to be ordered by an
    /// index only where it knows that it needs little of it.
    fn gather(
        &mut self,
        columns: &str,
        filter: &FlagFilter,
        order: FlagOrder,
        after: Option<&FlagCursor>,
        most: &str,
    ) -> String {
        let Place { rows, severity, state, .. } = self.place;
        let (sorted, shared) = (sorted(order), self.shared(filter, after));
        let mut texts = Vec::new();
        for (of_state, of_severity) in stretches(filter, order) {
            let mut own = shared.clone();
            if let Some(wanted) = of_state {
                let value = self.bind(wanted.label());
                own.push(format!(" AND {state} = {value}"));
            }
            if let Some(wanted) = of_severity {
                let value = self.bind(rank(wanted));
                own.push(format!(" AND {severity} = {value}"));
            }
            texts.push(format!(
                "SELECT * FROM (SELECT {columns} FROM {rows}{} ORDER BY {sorted} LIMIT {most}) AS stretch",
                own.concat()
            ));
        }
        texts.join(" UNION ALL ")
    }

    /// The conditions that hold in every stretch.
    fn shared(&mut self, filter: &FlagFilter, after: Option<&FlagCursor>) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(reason) = filter.reason {
            let value = self.bind(reason.code());
            conditions.push(format!(" AND reason = {value}"));
        }
        if let Some(code) = &filter.institution {
            let value = self.bind(code.as_str());
            conditions.push(format!(" AND {} = {value}", self.place.institution));
        }
        conditions.extend(match after.map(|cursor| &cursor.key) {
            Some(Key::Severity(severity, opened_at, id)) => self.behind(filter, *severity, *opened_at, id),
            Some(Key::Account(identifier, institution)) => self.from(filter, Some((identifier, institution))),
            None => self.from(filter, None),
        });
        conditions
    }

    /// What comes behind a flag in the order of severities. A database looks for the beginning of a stretch by one
    /// condition on each column, so there is one.
    fn behind(&mut self, filter: &FlagFilter, last: i64, opened_at: i64, id: &str) -> Vec<String> {
        let at = self.place;
        match filter.severity.map(rank) {
            None => {
                let (last, opened, id) = (self.bind(last), self.bind(opened_at), self.bind(id));
                vec![format!(" AND ({}, {}, {}) < ({last}, {opened}, {id})", at.severity, at.opened_at, at.id)]
            }
            Some(wanted) if wanted == last => {
                let (opened, id) = (self.bind(opened_at), self.bind(id));
                vec![format!(" AND ({}, {}) < ({opened}, {id})", at.opened_at, at.id)]
            }
            Some(wanted) if wanted > last => vec![" AND 1 = 0".to_owned()],
            Some(_) => Vec::new(),
        }
    }

    /// What begins with the prefix, from it on or from behind a flag; again with one condition for the beginning.
    fn from(&mut self, filter: &FlagFilter, after: Option<(&str, &str)>) -> Vec<String> {
        let Place { identifier, institution, .. } = self.place;
        let prefix = filter.prefix.as_deref().unwrap_or_default();
        let mut conditions = Vec::new();
        match (after.filter(|(last, _)| *last >= prefix), &filter.institution) {
            (None, _) if prefix.is_empty() => {}
            (None, _) => {
                let prefix = self.bind(prefix);
                conditions.push(format!(" AND {identifier} >= {prefix}"));
            }
            (Some((last, of)), None) => {
                let values = [last, of].map(|text| self.bind(text)).join(", ");
                conditions.push(format!(" AND ({identifier}, {institution}) > ({values})"));
            }
            (Some((last, of)), Some(own)) => {
                let comparison = if own.as_str() > of { ">=" } else { ">" };
                let last = self.bind(last);
                conditions.push(format!(" AND {identifier} {comparison} {last}"));
            }
        }
        if let Some(end) = end_of_prefix(prefix) {
            let end = self.bind(end.as_str());
            conditions.push(format!(" AND {identifier} < {end}"));
        }
        conditions
    }

    /// Adds a value; gives what stands for it in the text.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
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

#[cfg(test)]
mod tests {
    use sqlx::AnyConnection;
    use sqlx::pool::PoolConnection;

    use super::*;
    use crate::domain::{FlagState, Institution, Reason, Severity};
    use crate::store::engine::Engine;
    use crate::store::row;
    use crate::store::suite::harness::{Fresh, on_every_database};

    /// Every filter that there is a way for.
    fn filters() -> Vec<FlagFilter> {
        let institution = Institution::parse("01X").expect("a code");
        let has = |combination: u8, part: u8| combination & part > 0;
        let filter = |of: u8| FlagFilter {
            institution: has(of, 1).then(|| institution.clone()),
            states: if has(of, 2) { vec![FlagState::Open, FlagState::Resolved] } else { Vec::new() },
            reason: has(of, 4).then_some(Reason::Locked),
            severity: has(of, 8).then_some(Severity::High),
            prefix: has(of, 16).then(|| "p".to_owned()),
        };
        (0..32).map(filter).collect()
    }

    /// PostgreSQL goes by what it knows of its rows; few are read and sorted whole unless it is told not to.
    const KNOWN: [&str; 4] = [
        "INSERT INTO flag (id, institution, identifier, subject, state, severity, confidence, first_seen, last_seen, \
         count, opened_at) SELECT CAST(i AS TEXT), '0' || CAST(i / 1000 AS TEXT) || 'X', 'p' || CAST(i % 1000 AS TEXT), \
         '', (ARRAY['assigned', 'dismissed', 'notified', 'open', 'resolved', 'snoozed', 'waiting'])[1 + i % 7], \
         1 + i / 7 % 4, 1, i, i, 1, i FROM generate_series(0, 2999) AS i",
        "INSERT INTO flag_reason (flag_id, reason, severity, confidence, first_seen, last_seen, count, is_telling, \
         flag_institution, flag_identifier, flag_state, flag_severity, flag_opened_at) SELECT id, 'locked', severity, 1, \
         first_seen, last_seen, 1, 1, institution, identifier, state, severity, opened_at FROM flag",
        "ANALYZE",
        "SELECT set_config('enable_' || way, 'off', false) \
         FROM unnest(ARRAY['bitmapscan', 'incremental_sort', 'seqscan', 'sort']) AS way",
    ];

    async fn connection(fresh: &Fresh) -> PoolConnection<Any> {
        let mut connection = fresh.database.pool().acquire().await.expect("a connection");
        if Engine::of_connection(&connection) == Engine::Postgres {
            for statement in KNOWN {
                sqlx::query(statement).fetch_all(&mut *connection).await.expect(statement);
            }
        }
        connection
    }

    /// What the database does, step by step.
    async fn plan(connection: &mut AnyConnection, mut statement: Statement) -> Vec<String> {
        let (explain, column) = match Engine::of_connection(connection) {
            Engine::Postgres => ("EXPLAIN (COSTS OFF) ", "QUERY PLAN"),
            Engine::Sqlite => ("EXPLAIN QUERY PLAN ", "detail"),
        };
        statement.text.insert_str(0, explain);
        let steps = statement.query().fetch_all(connection).await.expect("a plan");
        let step = |found| row::text(found, column).expect("a step").trim_start_matches([' ', '-', '>']).to_owned();
        steps.iter().map(step).collect()
    }

    /// Asserts that each stretch is found by `conditions`, all in one index, and that nothing is sorted. SQLite tells by
    /// what it finds; PostgreSQL tells what it does not find and looks at row by row.
    fn check(plan: &[String], conditions: &str, stretches: usize) {
        let in_sqlite = |step: &str| step.starts_with("SEARCH ") || step.starts_with("SCAN flag USING ");
        let in_postgres = |step: &str| step.starts_with("Index ") && step.contains(" using ");
        let found: Vec<&String> = plan.iter().filter(|step| in_sqlite(step) || in_postgres(step)).collect();
        assert_eq!(found.len(), stretches, "{conditions}: {plan:#?}");
        let by = if conditions.is_empty() { String::new() } else { format!(" ({conditions})") };
        assert!(found.iter().all(|step| in_postgres(step) || step.ends_with(&by)), "{conditions}: {plan:#?}");
        let strays = |step: &&String| matches!(&***step, "Sort" | "Incremental Sort") || step.starts_with("Filter");
        assert_eq!(plan.iter().find(strays), None, "{conditions}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("B-TREE")), "{conditions}: {plan:#?}");
    }

    /// How SQLite tells that all is found that a filter asks for, with the range that a stretch is read in.
    fn conditions(filter: &FlagFilter, order: FlagOrder, is_first: bool) -> String {
        let of_flag = if filter.reason.is_some() { "flag_" } else { "" };
        let by_account = order == FlagOrder::Account;
        let is_any = filter.states.is_empty() && filter.severity.is_none() && filter.reason.is_none();
        let by_kind = !(by_account && is_any);
        let names = |names: &[&str]| names.iter().map(|name| format!("{of_flag}{name}")).collect::<Vec<_>>().join(",");
        let parts = [
            (filter.reason.is_some(), "reason=?".to_owned()),
            (filter.institution.is_some(), format!("{of_flag}institution=?")),
            (by_kind, format!("{of_flag}state=?")),
            (by_kind && (by_account || filter.severity.is_some()), format!("{of_flag}severity=?")),
            (
                by_account && (filter.institution.is_some() && !is_first || filter.prefix.is_some() && is_first),
                format!("{of_flag}identifier>?"),
            ),
            (
                by_account && filter.institution.is_none() && !is_first,
                format!("({})>(?,?)", names(&["identifier", "institution"])),
            ),
            (by_account && filter.prefix.is_some(), format!("{of_flag}identifier<?")),
            (!by_account && filter.severity.is_some() && !is_first, format!("({})<(?,?)", names(&["opened_at", "id"]))),
            (
                !by_account && filter.severity.is_none() && !is_first,
                format!("({})<(?,?,?)", names(&["severity", "opened_at", "id"])),
            ),
        ];
        parts.into_iter().filter(|(is_part, _)| *is_part).map(|(_, part)| part).collect::<Vec<_>>().join(" AND ")
    }

    async fn an_index_leads_to_every_page_and_nothing_is_sorted(fresh: Fresh) {
        let mut connection = connection(&fresh).await;
        for filter in filters() {
            for order in [filter.order(FlagOrder::Severity), FlagOrder::Account] {
                let after = if order == FlagOrder::Account { "a/01W/p5" } else { "s/3/1500/8000000000000000" };
                let later = FlagCursor::parse(after).expect("a cursor");
                for after in [None, Some(&later)] {
                    let plan = plan(&mut connection, Statement::keys(&filter, order, after, 50)).await;
                    let conditions = conditions(&filter, order, after.is_none());
                    check(&plan, &conditions, stretches(&filter, order).len());
                }
            }
        }
    }

    async fn what_is_counted_is_found_by_an_index(fresh: Fresh) {
        let mut connection = connection(&fresh).await;
        let counted =
            |filter: &FlagFilter| filter.prefix.is_some() || filter.reason.is_some() && filter.severity.is_some();
        for filter in filters().into_iter().filter(counted) {
            let plan = plan(&mut connection, Statement::count(&filter, 1_001)).await;
            let looks_up = |step: &&String| step.starts_with("SEARCH ") && !step.contains(" COVERING INDEX ");
            assert_eq!(plan.iter().find(looks_up), None, "{filter:?}: {plan:#?}");
            let conditions = conditions(&filter, FlagOrder::Account, true);
            check(&plan, &conditions, stretches(&filter, FlagOrder::Account).len());
        }
    }

    on_every_database![an_index_leads_to_every_page_and_nothing_is_sorted, what_is_counted_is_found_by_an_index];

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        let cases = [("ab", Some("ac")), ("a\u{d7ff}", Some("a\u{e000}")), ("\u{10ffff}", None), ("", None)];
        for (prefix, end) in cases {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix}");
        }
    }
}
