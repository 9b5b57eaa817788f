//! A backup, line by line. The first line says what it is, every other one is a row of a table, and the last one counts
//! the rows and has a BLAKE3 digest of all bytes before it: a file that was cut off or altered is noticed.
//!
//! ```text
//! {"format":"soapgate-backup","version":1,"migration":3,"made_at":"2027-01-15T08:00:00Z","database":"sqlite"}
//! {"t":"report_row","r":{"institution":"01DEMO_INST","identifier":"legacy","first_listed":1,"last_listed":2}}
//! {"end":{"rows":{"report_row":1},"digest":"2a8a…"}}
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize, Serializer};

use crate::store::archive::error::ArchiveError;
use crate::store::archive::layout::{Holds, Table};

const FORMAT: &str = "soapgate-backup";
const VERSION: u32 = 1;
/// Bytes of one line: no row is nearly as long.
const LINE_MAX: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: String,
    version: u32,
    /// The number of the last migration of the database that was copied.
    pub(crate) migration: i64,
    pub(crate) made_at: String,
    pub(crate) database: String,
}

impl Head {
    pub(crate) fn new(migration: i64, made_at: &str, database: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            migration,
            made_at: made_at.to_owned(),
            database: database.to_owned(),
        }
    }
}

/// The last line's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: BTreeMap<String, u64>,
    digest: String,
}

/// Any line but the first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    t: Option<String>,
    r: Option<serde_json::Map<String, serde_json::Value>>,
    end: Option<End>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Number(i64),
    Text(String),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// Writes a backup.
pub(crate) struct ArchiveWriter<W> {
    out: W,
    hasher: blake3::Hasher,
    rows: BTreeMap<String, u64>,
    line: Vec<u8>,
}

impl<W: Write> ArchiveWriter<W> {
    pub(crate) fn begin(out: W, head: &Head) -> Result<Self, ArchiveError> {
        let mut writer = Self { out, hasher: blake3::Hasher::new(), rows: BTreeMap::new(), line: Vec::new() };
        writer.json(head)?;
        writer.end_line()?;
        Ok(writer)
    }

    /// Writes a row of a table; `cells` are in the order of its columns.
    pub(crate) fn row(&mut self, table: &Table, cells: &[Cell]) -> Result<(), ArchiveError> {
        self.line.extend_from_slice(b"{\"t\":");
        self.json(&table.name)?;
        let mut before: &[u8] = b",\"r\":{";
        for (column, cell) in table.columns.iter().zip(cells) {
            self.line.extend_from_slice(before);
            self.json(&column.name)?;
            self.line.push(b':');
            self.json(cell)?;
            before = b",";
        }
        self.line.extend_from_slice(b"}}");
        match self.rows.get_mut(&table.name) {
            Some(count) => *count += 1,
            None => drop(self.rows.insert(table.name.clone(), 1)),
        }
        self.end_line()
    }

    /// Writes the last line; gives the rows of each table that has any.
    pub(crate) fn end(mut self) -> Result<BTreeMap<String, u64>, ArchiveError> {
        let end = End { rows: self.rows.clone(), digest: self.hasher.finalize().to_hex().to_string() };
        self.line.extend_from_slice(b"{\"end\":");
        self.json(&end)?;
        self.line.extend_from_slice(b"}");
        self.end_line()?;
        self.out.flush()?;
        Ok(self.rows)
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), ArchiveError> {
        serde_json::to_writer(&mut self.line, value).map_err(|error| ArchiveError::File(error.into()))
    }

    fn end_line(&mut self) -> Result<(), ArchiveError> {
        self.line.push(b'\n');
        self.hasher.update(&self.line);
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

/// A row as it was read: its table's place in the layout, and the places of its columns with what they hold.
pub(crate) struct ReadRow {
    pub(crate) table: usize,
    pub(crate) cells: Vec<(usize, Cell)>,
}

/// Reads a backup, and believes nothing of it before its last line was right.
pub(crate) struct ArchiveReader<'l, R> {
    input: R,
    layout: &'l [Table],
    hasher: blake3::Hasher,
    rows: BTreeMap<String, u64>,
    head: Head,
    line: Vec<u8>,
    number: u64,
}

impl<'l, R: BufRead> ArchiveReader<'l, R> {
    /// Reads the first line; `migration` is the newest that is known here.
    pub(crate) fn begin(input: R, layout: &'l [Table], migration: i64) -> Result<Self, ArchiveError> {
        let mut reader = Self {
            input,
            layout,
            hasher: blake3::Hasher::new(),
            rows: BTreeMap::new(),
            head: Head::new(0, "", ""),
            line: Vec::new(),
            number: 0,
        };
        reader.line()?;
        let head: Head = serde_json::from_slice(&reader.line).map_err(|_| ArchiveError::NotABackup)?;
        if head.format != FORMAT || head.version != VERSION {
            return Err(ArchiveError::NotABackup);
        }
        if head.migration > migration {
            return Err(ArchiveError::Newer { made: head.migration, known: migration });
        }
        reader.hasher.update(&reader.line);
        reader.head = head;
        Ok(reader)
    }

    pub(crate) const fn head(&self) -> &Head {
        &self.head
    }

    /// The rows of each table, as many as were read.
    pub(crate) const fn rows(&self) -> &BTreeMap<String, u64> {
        &self.rows
    }

    /// The next row; `None` once the last line was read and is right.
    pub(crate) fn next(&mut self) -> Result<Option<ReadRow>, ArchiveError> {
        self.line()?;
        let parsed: Line = serde_json::from_slice(&self.line).map_err(|_| {
            ArchiveError::damaged(self.number, if self.line.is_empty() { "is missing" } else { "is no row" })
        })?;
        match parsed {
            Line { t: Some(table), r: Some(columns), end: None } => {
                self.hasher.update(&self.line);
                let row = self.fit(&table, columns)?;
                match self.rows.get_mut(&table) {
                    Some(count) => *count += 1,
                    None => drop(self.rows.insert(table, 1)),
                }
                Ok(Some(row))
            }
            Line { t: None, r: None, end: Some(end) } => {
                self.close(&end)?;
                Ok(None)
            }
            Line { .. } => Err(ArchiveError::damaged(self.number, "is no row")),
        }
    }

    fn close(&mut self, end: &End) -> Result<(), ArchiveError> {
        if end.digest != self.hasher.finalize().to_hex().as_str() || end.rows != self.rows {
            return Err(ArchiveError::Damaged("its digest is another".to_owned()));
        }
        self.line()?;
        if self.line.is_empty() { Ok(()) } else { Err(ArchiveError::damaged(self.number, "stands behind the last")) }
    }

    /// Finds the places of a row.
    fn fit(&self, name: &str, columns: serde_json::Map<String, serde_json::Value>) -> Result<ReadRow, ArchiveError> {
        let place = self.layout.iter().position(|table| table.name == name);
        let table = place.ok_or_else(|| ArchiveError::Unfit(format!("the table {name}")))?;
        let known = &self.layout[table].columns;
        let mut cells = Vec::with_capacity(columns.len());
        for (column, value) in columns {
            let place = known.iter().position(|known| known.name == column);
            let place = place.ok_or_else(|| ArchiveError::Unfit(format!("the column {column} of {name}")))?;
            let cell = match (value, known[place].holds) {
                (serde_json::Value::Null, _) => Some(Cell::Null),
                (serde_json::Value::Number(number), Holds::Number) => number.as_i64().map(Cell::Number),
                (serde_json::Value::String(text), Holds::Text) => Some(Cell::Text(text)),
                (_, Holds::Number | Holds::Text) => None,
            };
            cells.push((place, cell.ok_or_else(|| ArchiveError::damaged(self.number, "holds another kind of value"))?));
        }
        if cells.is_empty() {
            return Err(ArchiveError::damaged(self.number, "is no row"));
        }
        cells.sort_by_key(|(place, _)| *place);
        Ok(ReadRow { table, cells })
    }

    /// Reads one line with its end; nothing at the end of the file.
    fn line(&mut self) -> Result<(), ArchiveError> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.input).take(LINE_MAX).read_until(b'\n', &mut self.line)?;
        if read > 0 && !self.line.ends_with(b"\n") {
            return Err(ArchiveError::damaged(self.number, "does not end"));
        }
        Ok(())
    }
}
