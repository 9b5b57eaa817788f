//! What commands say on standard output: lines, tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

/// The one writer of a command's result.
pub(crate) struct Output<'w> {
    writer: &'w mut dyn Write,
}

impl<'w> Output<'w> {
    pub(crate) fn new(writer: &'w mut dyn Write) -> Self {
        Self { writer }
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.writer, "{text}")
    }

    /// A piece of text, without an end of line.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())
    }

    /// One value as JSON, as a part of something larger.
    pub(crate) fn json_part(&mut self, value: &impl Serialize) -> io::Result<()> {
        Ok(serde_json::to_writer(&mut *self.writer, value)?)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// One value as JSON, on one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.writer, value)?;
        writeln!(self.writer)
    }

    /// Rows under a head, in columns as wide as what stands in them.
    pub(crate) fn table<const N: usize>(&mut self, head: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        let mut widths = head.map(|cell| cell.chars().count());
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell))).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.row(&widths, head)?;
        rows.iter().try_for_each(|row| self.row(&widths, row.each_ref().map(String::as_str)))
    }

    fn row<const N: usize>(&mut self, widths: &[usize; N], cells: [&str; N]) -> io::Result<()> {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        self.line(line.trim_end())
    }
}

/// What a terminal would act on, spelled out.
fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut written = Vec::new();
        let rows = [["zoë".to_owned(), "locked".to_owned()], ["reader".to_owned(), String::new()]];
        Output::new(&mut written).table(["ACCOUNT", "STATE"], &rows).expect("written");
        assert_eq!(String::from_utf8(written).expect("UTF-8"), "ACCOUNT  STATE\nzoë      locked\nreader\n");
    }

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        let mut written = Vec::new();
        Output::new(&mut written).table(["WHY"], &[["red \u{1b}[31m\nnew".to_owned()]]).expect("written");
        assert_eq!(String::from_utf8(written).expect("UTF-8"), "WHY\nred \\u{1b}[31m\\nnew\n");
    }
}
