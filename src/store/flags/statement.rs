//! The statements that find flags, put together so that an index leads to them whatever the filter. A database does not
//! know beforehand how many flags a filter leaves; whoever asks does, and chooses the way.

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
    /// `from` and the conditions of a filter, whose states are `states`.
    pub(crate) fn new(filter: &FlagFilter, states: &[FlagState], way: Way) -> Self {
        // A reason's rows hold what orders the queue, so that their own index finds the page.
        let by_reason = filter.reason.filter(|_| way != Way::Walk);
        let [state, severity, last_seen, id, institution] = if by_reason.is_some() {
            ["flag_state", "flag_severity", "flag_last_seen", "flag_id", "flag_institution"]
        } else {
            ["flag.state", "flag.severity", "flag.last_seen", "flag.id", "flag.institution"]
        };
        let key = [severity, last_seen, id];
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
            // An expression is found by no index, so that the one by identifier is gone through.
            let nothing = if way == Way::Walk { " || ''" } else { "" };
            statement.text.extend([" AND ", state, nothing, " IN (", &places.join(", "), ")"]);
        }
        if let Some(code) = &filter.institution {
            statement.text.extend([" AND ", institution]);
            statement.and_then(" =", Value::Text(code.to_string()));
        }
        if let Some(wanted) = filter.severity {
            statement.text.extend([" AND ", severity, if way == Way::Walk { " + 0" } else { "" }]);
            statement.and_then(" =", Value::Number(rank(wanted)));
        }
        if let Some(prefix) = &filter.prefix {
            let identifier = statement.identifier();
            statement.text.extend([" AND ", identifier]);
            statement.and_then(" >=", Value::Text(prefix.clone()));
            if let Some(end) = end_of_prefix(prefix) {
                statement.text.extend([" AND ", identifier]);
                statement.and_then(" <", Value::Text(end));
            }
        }
        statement
    }

    /// The identifier; where flags are picked by something else, in a form by which nobody goes through all of them.
    fn identifier(&self) -> &'static str {
        if self.way == Way::Pick { "flag.identifier || ''" } else { "flag.identifier" }
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

    /// What a page is put together of: the keys of at most `most` flags behind `after`, in order.
    pub(crate) fn keys(
        mut self,
        order: FlagOrder,
        after: Option<&FlagCursor>,
        most: i64,
    ) -> Query<'static, Any, AnyArguments> {
        let [severity, last_seen, id] = self.key;
        match after.map(|cursor| &cursor.key) {
            Some(Key::Severity(a, b, c)) => {
                let places = [Value::Number(*a), Value::Number(*b), Value::Text(c.clone())].map(|v| self.place(v));
                let places = places.join(", ");
                self.text.extend([" AND (", severity, ", ", last_seen, ", ", id, ") < (", &places, ")"]);
            }
            Some(Key::Account(a, b)) => {
                let places = [Value::Text(a.clone()), Value::Text(b.clone())].map(|v| self.place(v));
                let identifier = self.identifier();
                self.text.extend([" AND (", identifier, ", flag.institution) > (", &places.join(", "), ")"]);
            }
            None => {}
        }
        let identifier = self.identifier();
        match order {
            FlagOrder::Severity => {
                self.text.extend([" ORDER BY ", severity, " DESC, ", last_seen, " DESC, ", id, " DESC"]);
            }
            FlagOrder::Account => self.text.extend([" ORDER BY ", identifier, ", flag.institution"]),
        }
        let place = self.place(Value::Number(most));
        self.text.extend([" LIMIT ", &place]);
        let head = match order {
            FlagOrder::Severity => format!("SELECT {severity} AS severity, {last_seen} AS last_seen, {id} AS id"),
            FlagOrder::Account => "SELECT flag.identifier, flag.institution, flag.id".to_owned(),
        };
        self.query(&head, "")
    }

    /// How many flags there are, counted up to `most`, as `total`.
    pub(crate) fn count(self, most: i64) -> Query<'static, Any, AnyArguments> {
        self.query("SELECT COUNT(*) AS total FROM (SELECT 1 AS one", &format!(" LIMIT {most}) AS some"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_character() {
        let cases = [("ab", Some("ac")), ("a\u{d7ff}", Some("a\u{e000}")), ("\u{10ffff}", None), ("", None)];
        for (prefix, end) in cases {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix}");
        }
    }
}
