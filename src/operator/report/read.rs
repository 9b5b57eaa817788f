//! From the bytes of a file to a list of accounts, or to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use crate::domain::{AccountId, Institution};
use crate::operator::report::captions::{self, Column};
use crate::operator::report::problem::ListProblems;
use crate::operator::report::{cell, encoding, quoting};
use crate::store::ListedAccount;

/// The largest file in bytes; a million accounts with two barcodes each are half of it.
pub const FILE_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Rows below the captions.
const ROWS_MAX: u64 = 1_000_000;
/// The longest cell in bytes, of any column: spreadsheets hold 32,767 characters.
const CELL_BYTES_MAX: usize = 128 * 1_024;
/// Further identifiers of one account.
const OTHERS_MAX: usize = 64;
/// Rows among which the captions stand: reports have a title above them.
const TITLE_ROWS_MAX: usize = 100;
/// What separates cells; the first one with which the captions are found.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Captions and values that are shown.
const SHOWN: usize = 20;
/// Rows after which it is told how many were read.
const STEP: u64 = 10_000;

/// Rows that are left out, as their accounts need nobody to act here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Not kept in Alma, as far as `User Type` says.
    pub not_internal: u64,
    /// Held by the identity service, as far as `IdP Service in Use` says.
    pub in_use: u64,
    /// What these columns said.
    pub values: BTreeSet<String>,
}

/// A list that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountList {
    /// Its accounts, each once, in order.
    pub accounts: Vec<ListedAccount>,
    /// The rows below the captions that hold anything.
    pub rows: u64,
    /// Those that were left out.
    pub left_out: LeftOut,
    /// Captions of columns that say nothing here.
    pub ignored_columns: Vec<String>,
    /// Captions of the columns that would say which rows count, where the file has none: every row counts then.
    pub missing_columns: Vec<&'static str>,
    /// Stands for the file.
    pub digest: String,
}

/// Reads the list of an institution. `file` is how its file is called in what is said of it; `read` is told now and then
/// how many rows were.
///
/// # Errors
/// Everything that is wrong with it; nothing of it is used then.
pub fn read_list(
    institution: &Institution,
    file: &str,
    input: impl Read,
    read: &mut dyn FnMut(u64),
) -> Result<AccountList, ListProblems> {
    let mut bytes = Vec::new();
    // One byte more shows that there is too much.
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let whole = |text: String| Err(ListProblems::whole(file, text));
    if let Err(error) = input.take(most).read_to_end(&mut bytes) {
        return whole(format!("cannot be read: {error}"));
    }
    if bytes.len() > FILE_BYTES_MAX {
        return whole(format!("is larger than {} MiB: export fewer columns", FILE_BYTES_MAX / 1_024 / 1_024));
    }
    let text = match encoding::text(&bytes) {
        Ok(text) => text,
        Err((line, what)) => {
            let mut problems = ListProblems::new(file);
            problems.add(line, None, what);
            return Err(problems);
        }
    };
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let Some((separator, header)) =
        SEPARATORS.into_iter().find_map(|separator| Some((separator, header(text, separator)?)))
    else {
        return whole(no_captions(text));
    };
    let mut reading = Reading { institution, text, columns: Vec::new(), problems: ListProblems::new(file) };
    if let Some(wrong) = quoting::misquoted(text, separator) {
        reading.complain(wrong.at(), None, wrong.text());
        return Err(reading.problems);
    }
    let mut list = reading.header(&header.row);
    list.digest = digest;
    reading.rows(separator, header.above, &mut list, read);
    if reading.problems.is_empty() { Ok(list) } else { Err(reading.problems) }
}

/// The row of captions.
struct Header {
    /// Rows above it.
    above: usize,
    row: StringRecord,
}

fn records(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes())
}

fn header(text: &str, separator: u8) -> Option<Header> {
    let rows = records(text, separator).into_records().take(TITLE_ROWS_MAX).map_while(Result::ok);
    rows.enumerate().find(|(_, row)| captions::is_header(row.iter())).map(|(above, row)| Header { above, row })
}

/// What to say where no row of captions is found: the row with the most cells is the one that was meant.
fn no_captions(text: &str) -> String {
    let rows = SEPARATORS.into_iter().flat_map(|separator| {
        let rows = records(text, separator).into_records().take(TITLE_ROWS_MAX).map_while(Result::ok);
        rows.map(|row| row.iter().filter(|cell| !cell.trim().is_empty()).map(shortened).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    // Of rows as long as each other the first one.
    let meant = rows.reduce(|longest, row| if row.len() > longest.len() { row } else { longest }).unwrap_or_default();
    if meant.is_empty() {
        return "is empty".to_owned();
    }
    let more = if meant.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<String> = meant.iter().take(SHOWN).map(|caption| format!("\"{caption}\"")).collect();
    format!(
        "has no column \"{}\": put it into the report; the captions found are {}{more}",
        captions::PRIMARY,
        shown.join(", ")
    )
}

/// The beginning of a cell, fit to be shown.
fn shortened(cell: &str) -> String {
    cell.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect()
}

/// A file while it is read.
struct Reading<'a> {
    institution: &'a Institution,
    text: &'a str,
    columns: Vec<(Column, String)>,
    problems: ListProblems,
}

impl Reading<'_> {
    fn complain(&mut self, at: usize, column: Option<&str>, text: impl Into<String>) {
        let line = self.problems.tells_more().then(|| encoding::line(self.text.as_bytes(), at));
        self.problems.add(line, column, text);
    }

    /// Learns the columns; gives a list without accounts.
    fn header(&mut self, row: &StringRecord) -> AccountList {
        self.columns = row.iter().map(|caption| (captions::column(caption), shortened(caption))).collect();
        let mut list = AccountList::default();
        let only = [
            (Column::Primary, captions::PRIMARY),
            (Column::UserType, captions::USER_TYPE),
            (Column::InUse, captions::IN_USE),
        ];
        for (column, caption) in only {
            match self.columns.iter().filter(|(known, _)| *known == column).count() {
                0 => list.missing_columns.push(caption),
                1 => {}
                _ => {
                    let at = row.position().map_or(0, |position| place(self.text, position));
                    self.complain(at, Some(caption), "stands in the captions twice: leave one of the columns out");
                }
            }
        }
        let unknown = self.columns.iter().filter(|(column, caption)| *column == Column::Unknown && !caption.is_empty());
        list.ignored_columns = unknown.map(|(_, caption)| caption.clone()).collect();
        list
    }

    fn rows(&mut self, separator: u8, above: usize, list: &mut AccountList, read: &mut dyn FnMut(u64)) {
        let mut accounts: BTreeMap<AccountId, BTreeSet<AccountId>> = BTreeMap::new();
        let (mut reader, mut row, mut skipped) = (records(self.text, separator), StringRecord::new(), 0);
        loop {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.problems.add(None, None, format!("cannot be read: {error}")),
            }
            if skipped <= above {
                skipped += 1;
                continue;
            }
            if row.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            list.rows += 1;
            if list.rows > ROWS_MAX {
                return self.problems.add(None, None, "has more than 1,000,000 rows: split the report");
            }
            if list.rows.is_multiple_of(STEP) {
                read(list.rows);
            }
            let at = row.position().map_or(0, |position| place(self.text, position));
            let is_whole = self.is_whole(&row, at);
            if is_whole
                && self.counts(&row, &mut list.left_out)
                && let Some((account, others)) = self.account(&row, at)
            {
                let known = accounts.entry(account).or_default();
                known.extend(others);
                if known.len() > OTHERS_MAX {
                    self.complain(
                        at,
                        None,
                        format!("this account has more than {OTHERS_MAX} further identifiers by now"),
                    );
                }
            }
        }
        self.check_values(&list.left_out, accounts.is_empty());
        list.accounts = accounts
            .into_iter()
            .map(|(account, others)| ListedAccount { account, others: others.into_iter().collect() })
            .collect();
    }

    /// Whether a row has no more cells than there are captions, and none that nobody has written.
    fn is_whole(&mut self, row: &StringRecord, at: usize) -> bool {
        let columns = self.columns.len();
        if row.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
            let text = format!(
                "this row has {} cells and there are {columns} captions: a cell that holds the separator stands in \
                 quotation marks",
                row.len()
            );
            self.complain(at, None, text);
            return false;
        }
        if row.iter().any(|cell| cell.len() > CELL_BYTES_MAX) {
            self.complain(at, None, "this row has a cell of more than 128 KiB; is a quotation mark missing?");
            return false;
        }
        true
    }

    /// Whether a row says, as far as it says anything, that the identity service does not hold an account of its own.
    fn counts(&self, row: &StringRecord, left_out: &mut LeftOut) -> bool {
        for (column, word) in [(Column::UserType, "internal"), (Column::InUse, "no")] {
            let Some(value) = self.cells(row, column).next().map(|(_, cell)| cell.trim()) else { continue };
            if !value.eq_ignore_ascii_case(word) {
                if column == Column::UserType {
                    left_out.not_internal += 1;
                } else {
                    left_out.in_use += 1;
                }
                if left_out.values.len() < SHOWN {
                    left_out.values.insert(shortened(value));
                }
                return false;
            }
        }
        true
    }

    /// A report in another language has other words, and would seem to list nobody.
    fn check_values(&mut self, left_out: &LeftOut, is_empty: bool) {
        let is_known = |value: &String| ["external", "yes"].iter().any(|known| value.eq_ignore_ascii_case(known));
        if is_empty && !left_out.values.iter().all(is_known) {
            let values: Vec<String> = left_out.values.iter().map(|value| format!("\"{value}\"")).collect();
            let text = format!(
                "no row is for an account of User Type \"Internal\" with IdP Service in Use \"No\": these columns say {}; \
                 export the report in English",
                values.join(", ")
            );
            self.problems.add(None, None, text);
        }
    }

    /// The account of a row and its further identifiers; `None` where something is wrong with it.
    fn account(&mut self, row: &StringRecord, at: usize) -> Option<(AccountId, BTreeSet<AccountId>)> {
        let (mut account, mut others, mut wrong) = (None, BTreeSet::new(), Vec::new());
        for column in [Column::Primary, Column::Other] {
            for (caption, text) in self.cells(row, column) {
                match cell::identifier(self.institution, text) {
                    Ok(None) if column == Column::Primary => {
                        wrong.push((caption.to_owned(), "is blank: every row names its account".to_owned()));
                    }
                    Ok(found) if column == Column::Primary => account = found,
                    Ok(found) => others.extend(found),
                    Err(error) => wrong.push((caption.to_owned(), error)),
                }
            }
        }
        if wrong.is_empty() {
            let account = account?;
            others.remove(&account);
            return Some((account, others));
        }
        for (caption, error) in wrong {
            self.complain(at, Some(&caption), error);
        }
        None
    }

    /// The cells of a row that stand in columns of one kind, with their captions; where a row ends early they are blank.
    fn cells<'r>(&'r self, row: &'r StringRecord, wanted: Column) -> impl Iterator<Item = (&'r str, &'r str)> {
        let columns = self.columns.iter().enumerate().filter(move |(_, (column, _))| *column == wanted);
        columns.map(|(at, (_, caption))| (caption.as_str(), row.get(at).unwrap_or_default()))
    }
}

/// Where a row really begins: the reader counts the blank lines before it to it.
fn place(text: &str, position: &csv::Position) -> usize {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(text.len());
    from + text.bytes().skip(from).take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}
