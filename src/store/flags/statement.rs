//! The statements that find flags, put together so that an index leads to them whatever the filter. SQLite does not know
//! beforehand how many flags a filter leaves; whoever asks does, and chooses the way: a column that is cast to its own
//! type is an expression there, which no index finds. PostgreSQL knows, and takes such a cast for the column itself.

use std::fmt::Display;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::domain::FlagState;
use crate::store::flags::filter::{FlagCursor, FlagFilter, FlagOrder, Key};
use crate::store::flags::flag_row::rank;

/// How flags are come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The filter leaves few: they are picked, then sorted.
    Pick,
    /// One stretch of an index holds what the filter leaves, in order.
    Stretch,
    /// All are gone through by identifier, and the filter leaves many of them.
    Walk,
}

/// A value of a statement.
enum Value {
    Number(i64),
    Text(String),
}

/// A statement that is put together, with its values.
pub(crate) struct Statement {
    way: Way,
    /// The columns of what orders the queue.
    key: [&'static str; 3],
    text: String,
    values: Vec<Value>,
}

impl Statement {
    /// `from` and the conditions of a filter, whose states are `states`, behind `after`.
    pub(crate) fn new(filter: &FlagFilter, states: &[FlagState], way: Way, after: Option<&FlagCursor>) -> Self {
        // A reason's rows hold what orders the queue, so that their own index finds the page.
        let by_reason = filter.reason.filter(|_| way != Way::Walk);
        let [state, severity, opened_at, id, institution] = if by_reason.is_some() {
            ["flag_state", "flag_severity", "flag_opened_at", "flag_id", "flag_institution"]
        } else {
            ["flag.state", "flag.severity", "flag.opened_at", "flag.id", "flag.institution"]
        };
        let key = [severity, opened_at, id];
        let mut statement = Self { way, key, text: String::new(), values: Vec::new() };
        statement.text.push_str(match (by_reason, way) {
            (None, _) => " FROM flag WHERE 1 = 1",
            (Some(_), Way::Stretch) => " FROM flag_reason WHERE is_telling = 1",
            (Some(_), Way::Pick | Way::Walk) => {
                " FROM flag_reason JOIN flag ON flag.id = flag_reason.flag_id WHERE is_telling = 1"
            }
        });
        if let Some(reason) = by_reason {
            statement.and("reason =", Value::Text(reason.code().to_owned()));
        } else if let Some(reason) = filter.reason {
            let place = statement.place(Value::Text(reason.code().to_owned()));
            statement.text.extend([
                " AND EXISTS (SELECT 1 FROM flag_reason WHERE flag_reason.flag_id = flag.id AND is_telling = 1 AND reason = ",
                &place,
                ")",
            ]);
        }
        if !states.is_empty() {
            let places: Vec<String> =
                states.iter().map(|state| statement.place(Value::Text(state.label().to_owned()))).collect();
            // The index by identifier is gone through.
            let state = if way == Way::Walk { "CAST(flag.state AS TEXT)" } else { state };
            statement.text.extend([" AND ", state, " IN (", &places.join(", "), ")"]);
        }
        if let Some(code) = &filter.institution {
            statement.text.extend([" AND ", institution]);
            statement.and_then(" =", Value::Text(code.to_string()));
        }
        if let Some(wanted) = filter.severity {
            statement.text.extend([" AND ", if way == Way::Walk { "CAST(flag.severity AS BIGINT)" } else { severity }]);
            statement.and_then(" =", Value::Number(rank(wanted)));
        }
        match after.map(|cursor| &cursor.key) {
            Some(Key::Severity(last, opened_at, id)) => statement.behind(filter, *last, *opened_at, id),
            Some(Key::Account(identifier, institution)) => {
                statement.from(filter, Some((identifier.as_str(), institution.as_str())));
            }
            None => statement.from(filter, None),
        }
        statement
    }

    /// What comes behind a flag in the order of severities. A database looks for the beginning of a stretch by one
    /// condition on each column, so there is one.
    fn behind(&mut self, filter: &FlagFilter, last: i64, opened_at: i64, id: &str) {
        let [severity, seen, own_id] = self.key;
        let rest = [Value::Number(opened_at), Value::Text(id.to_owned())];
        match filter.severity.map(rank) {
            None => {
                let first = self.place(Value::Number(last));
                let rest = rest.map(|value| self.place(value)).join(", ");
                self.text.extend([" AND (", severity, ", ", seen, ", ", own_id, ") < (", &first, ", ", &rest, ")"]);
            }
            Some(wanted) if wanted == last => {
                let rest = rest.map(|value| self.place(value)).join(", ");
                self.text.extend([" AND (", seen, ", ", own_id, ") < (", &rest, ")"]);
            }
            Some(wanted) if wanted > last => self.text.push_str(" AND 1 = 0"),
            Some(_) => {}
        }
    }

    /// What begins with the prefix, from it on or from behind a flag; again with one condition for the beginning.
    fn from(&mut self, filter: &FlagFilter, after: Option<(&str, &str)>) {
        let identifier = self.identifier();
        let prefix = filter.prefix.as_deref().unwrap_or_default();
        match (after.filter(|(last, _)| *last >= prefix), &filter.institution) {
            (None, _) if prefix.is_empty() => {}
            (None, _) => {
                self.text.extend([" AND ", identifier]);
                self.and_then(" >=", Value::Text(prefix.to_owned()));
            }
            (Some((last, institution)), None) => {
                let places = [last, institution].map(|text| self.place(Value::Text(text.to_owned()))).join(", ");
                self.text.extend([" AND (", identifier, ", flag.institution) > (", &places, ")"]);
            }
            (Some((last, institution)), Some(own)) => {
                self.text.extend([" AND ", identifier]);
                let comparison = if own.as_str() > institution { " >=" } else { " >" };
                self.and_then(comparison, Value::Text(last.to_owned()));
            }
        }
        if let Some(end) = end_of_prefix(prefix) {
            self.text.extend([" AND ", identifier]);
            self.and_then(" <", Value::Text(end));
        }
    }

    /// The identifier; where flags are picked by something else, in a form by which nobody goes through all of them.
    fn identifier(&self) -> &'static str {
        if self.way == Way::Pick { "CAST(flag.identifier AS TEXT)" } else { "flag.identifier" }
    }

    fn and(&mut self, condition: &str, value: Value) {
        self.text.extend([" AND ", condition]);
        self.and_then("", value);
    }

    fn and_then(&mut self, comparison: &str, value: Value) {
        let place = self.place(value);
        self.text.extend([comparison, " ", &place]);
    }

    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// What a page is put together of: the keys of at most `most` flags, in order.
    pub(crate) fn keys(self, order: FlagOrder, most: i64) -> Query<'static, Any, AnyArguments> {
        let (head, ordered) = self.ordered(order, most);
        ordered.query(head, "")
    }

    /// The same with its order, and the columns of the key.
    fn ordered(mut self, order: FlagOrder, most: i64) -> (String, Self) {
        let [severity, opened_at, id] = self.key;
        let identifier = self.identifier();
        match order {
            FlagOrder::Severity => {
                self.text.extend([" ORDER BY ", severity, " DESC, ", opened_at, " DESC, ", id, " DESC"]);
            }
            FlagOrder::Account => self.text.extend([" ORDER BY ", identifier, ", flag.institution"]),
        }
        let place = self.place(Value::Number(most));
        self.text.extend([" LIMIT ", &place]);
        let head = match order {
            FlagOrder::Severity => format!("SELECT {severity} AS severity, {opened_at} AS opened_at, {id} AS id"),
            FlagOrder::Account => "SELECT flag.identifier, flag.institution, flag.id".to_owned(),
        };
        (head, self)
    }

    /// How many flags there are, counted up to `most`, as `total`.
    pub(crate) fn count(self, most: i64) -> Query<'static, Any, AnyArguments> {
        self.query("SELECT COUNT(*) AS total FROM (SELECT 1 AS one", &format!(" LIMIT {most}) AS fitting"))
    }

    /// As a query. The text is put together of constants and the places of values only. It is planned each time it is
    /// asked, for these very values: PostgreSQL would settle on one plan for all.
    fn query(self, head: impl Display, tail: &str) -> Query<'static, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(format!("{head}{}{tail}", self.text))).persistent(false);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Institution, Reason, Severity};
    use crate::store::row;
    use crate::store::suite::harness;

    /// What the database does, step by step.
    async fn plan(filter: &FlagFilter, order: FlagOrder, way: Way, after: Option<&str>) -> String {
        let fresh = harness::sqlite().await;
        let states: &[FlagState] = if way == Way::Stretch { &[FlagState::Open] } else { &filter.states };
        let after = after.map(|text| FlagCursor::parse(text).expect("a cursor"));
        let (head, ordered) = Statement::new(filter, states, way, after.as_ref()).ordered(order, 50);
        let steps = ordered.query(format!("EXPLAIN QUERY PLAN {head}"), "").fetch_all(fresh.database.pool()).await;
        let steps = steps.expect("a plan");
        steps.iter().map(|step| row::text(step, "detail").expect("a step")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn an_index_leads_to_every_page_and_nothing_is_sorted() {
        let open = FlagFilter { states: vec![FlagState::Open], ..FlagFilter::default() };
        let institution = Some(Institution::parse("01X").expect("a code"));
        let (reason, severity) = (Some(Reason::Locked), Some(Severity::High));
        let prefix = Some("p".to_owned());
        let by_severity = [
            (FlagFilter::default(), "(state=? AND (severity,opened_at,id)<(?,?,?))"),
            (
                FlagFilter { institution: institution.clone(), ..open.clone() },
                "(institution=? AND state=? AND (severity,opened_at,id)<(?,?,?))",
            ),
            (
                FlagFilter { reason, ..open.clone() },
                "(reason=? AND flag_state=? AND (flag_severity,flag_opened_at,flag_id)<(?,?,?))",
            ),
            (FlagFilter { severity, ..FlagFilter::default() }, "(state=? AND severity=? AND (opened_at,id)<(?,?))"),
            (
                FlagFilter { institution: institution.clone(), reason, severity, ..open.clone() },
                "(reason=? AND flag_institution=? AND flag_state=? AND flag_severity=? AND (flag_opened_at,flag_id)<(?,?))",
            ),
        ];
        for (filter, found_by) in by_severity {
            let first = plan(&filter, FlagOrder::Severity, Way::Stretch, None).await;
            assert!(first.contains("USING COVERING INDEX") && !first.contains("TEMP B-TREE"), "{filter:?}: {first}");
            let later = plan(&filter, FlagOrder::Severity, Way::Stretch, Some("s/3/5/8000000000000000")).await;
            assert!(later.contains(found_by) && !later.contains("TEMP B-TREE"), "{filter:?}: {later}");
        }
        let by_account = [
            (open.clone(), "((identifier,institution)>(?,?))"),
            (FlagFilter { severity, ..open.clone() }, "((identifier,institution)>(?,?))"),
            (
                FlagFilter { prefix: prefix.clone(), ..open.clone() },
                "((identifier,institution)>(?,?) AND identifier<?)",
            ),
            (
                FlagFilter { prefix: prefix.clone(), reason, ..open.clone() },
                "((identifier,institution)>(?,?) AND identifier<?)",
            ),
            (
                FlagFilter { institution, prefix, ..FlagFilter::default() },
                "(institution=? AND identifier>? AND identifier<?)",
            ),
        ];
        for (filter, found_by) in by_account {
            let plan = plan(&filter, FlagOrder::Account, Way::Walk, Some("a/01X/p5")).await;
            assert!(plan.contains(found_by) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }

    #[tokio::test]
    async fn few_flags_are_picked_by_their_filter() {
        let prefix = Some("p".to_owned());
        let open = FlagFilter { states: vec![FlagState::Open], prefix, ..FlagFilter::default() };
        let plan = plan(&open, FlagOrder::Account, Way::Pick, None).await;
        assert!(plan.contains("(state=?)"), "{plan}");
    }

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        let cases = [("ab", Some("ac")), ("a\u{d7ff}", Some("a\u{e000}")), ("\u{10ffff}", None), ("", None)];
        for (prefix, end) in cases {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix}");
        }
    }
}
