//! The places of values in a statement that takes many rows at once.

use std::fmt::Write as _;

/// `row` as often as asked for, with each `?` in it become the next place, `$first` and on; places that are the same in
/// every row are written out. SQLite looks each place up by its name among all others: some hundred rows at once are
/// quicker than some thousand.
pub(crate) fn rows(row: &str, first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * (row.len() + 8));
    let mut place = first;
    for at in 0..count {
        text.push_str(if at == 0 { "" } else { ", " });
        let mut pieces = row.split('?');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            // Writing to a String cannot fail.
            let _ = write!(text, "${place}{piece}");
            place += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_through_but_for_those_that_are_the_same_everywhere() {
        assert_eq!(rows("?", 2, 3), "$2, $3, $4");
        assert_eq!(rows("($1, ?, ?, 'x')", 4, 2), "($1, $4, $5, 'x'), ($1, $6, $7, 'x')");
        assert_eq!(rows("(?)", 1, 0), "");
    }
}
