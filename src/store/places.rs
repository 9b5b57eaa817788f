//! The places of values in a statement that holds many rows.

use std::fmt::Write as _;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// `head`, `rows` times `columns` places, `tail`: `INSERT … VALUES ($1, $2), ($3, $4) …`.
pub(crate) fn insert(head: &str, rows: usize, columns: usize, tail: &str) -> Query<'static, Any, AnyArguments> {
    let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
    text.push_str(head);
    for row in 0..rows {
        text.push_str(if row == 0 { " VALUES (" } else { ", (" });
        push(&mut text, row * columns + 1, columns);
        text.push(')');
    }
    text.push_str(tail);
    sqlx::query(AssertSqlSafe(text))
}

/// `head`, a list of `count` places that begins with the `first`, `tail`: `… IN ($2, $3) …`.
pub(crate) fn list(head: &str, first: usize, count: usize, tail: &str) -> Query<'static, Any, AnyArguments> {
    let mut text = String::with_capacity(head.len() + tail.len() + count * 6);
    text.push_str(head);
    text.push_str(" IN (");
    push(&mut text, first, count);
    text.push(')');
    text.push_str(tail);
    // The text is put together of constants and places only.
    sqlx::query(AssertSqlSafe(text))
}

fn push(text: &mut String, first: usize, count: usize) {
    for place in first..first + count {
        let separator = if place == first { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}${place}");
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Execute as _;

    use super::*;

    #[test]
    fn places_are_numbered_through() {
        let several = insert("INSERT INTO t (a, b)", 2, 2, " ON CONFLICT DO NOTHING");
        assert_eq!(several.sql().as_str(), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
        let some = list("SELECT a FROM t WHERE c = $1 AND b", 2, 3, " ORDER BY a");
        assert_eq!(some.sql().as_str(), "SELECT a FROM t WHERE c = $1 AND b IN ($2, $3, $4) ORDER BY a");
    }
}
