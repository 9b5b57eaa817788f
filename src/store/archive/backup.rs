//! From the database to a backup: everything as it was at one moment, in pages by each table's key, whoever writes
//! meanwhile.

use std::collections::BTreeMap;
use std::io::Write;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use crate::store::archive::error::ArchiveError;
use crate::store::archive::layout::{self, Column, Holds, Table};
use crate::store::archive::line::{ArchiveWriter, Cell, Head};
use crate::store::engine::Engine;
use crate::store::{Database, StoreError};

/// Rows that are read at once.
const PAGE: usize = 500;

/// Copies everything to `out`; `progress` is told how many rows there were so far. Gives the rows of each table that
/// has any.
pub(crate) async fn backup(
    database: &Database,
    made_at: &str,
    out: impl Write,
    mut progress: impl FnMut(u64),
) -> Result<BTreeMap<String, u64>, ArchiveError> {
    let mut read = database.read("begin a backup").await?;
    let tables = layout::read(&mut read).await?;
    let head = Head::new(layout::migration(&mut read).await?, made_at, Engine::of_connection(&read).label());
    let mut writer = ArchiveWriter::begin(out, &head)?;
    let mut total = 0;
    for table in &tables {
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let rows = page(&mut read, table, after.as_deref()).await?;
            for cells in &rows {
                writer.row(table, cells)?;
            }
            total += u64::try_from(rows.len()).unwrap_or_default();
            progress(total);
            if rows.len() < PAGE {
                break;
            }
            after = rows.into_iter().next_back();
        }
    }
    writer.end()
}

/// The rows behind one, in the order of the key.
async fn page(
    connection: &mut AnyConnection,
    table: &Table,
    after: Option<&[Cell]>,
) -> Result<Vec<Vec<Cell>>, StoreError> {
    let names = |columns: &mut dyn Iterator<Item = &Column>| {
        columns.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
    };
    let all = names(&mut table.columns.iter());
    let key = names(&mut table.key.iter().map(|at| &table.columns[*at]));
    let behind = after.map_or_else(String::new, |_| {
        let places: Vec<String> = (1..=table.key.len()).map(|place| format!("${place}")).collect();
        format!(" WHERE ({key}) > ({})", places.join(", "))
    });
    // Every name is one of the database's own tables.
    let statement = AssertSqlSafe(format!("SELECT {all} FROM \"{}\"{behind} ORDER BY {key} LIMIT {PAGE}", table.name));
    let mut query = sqlx::query(statement);
    for at in after.map(|_| table.key.as_slice()).unwrap_or_default() {
        query = bind(query, after.map_or(&Cell::Null, |cells| &cells[*at]), table.columns[*at].holds);
    }
    let rows = query.fetch_all(connection).await.map_err(StoreError::during("be copied"))?;
    rows.iter().map(|found| cells(table, found)).collect()
}

fn cells(table: &Table, found: &AnyRow) -> Result<Vec<Cell>, StoreError> {
    let failed = |_| StoreError::unreadable("value");
    let cell = |(at, column): (usize, &Column)| {
        Ok(match column.holds {
            Holds::Number => found.try_get::<Option<i64>, _>(at).map_err(failed)?.map_or(Cell::Null, Cell::Number),
            Holds::Text => found.try_get::<Option<String>, _>(at).map_err(failed)?.map_or(Cell::Null, Cell::Text),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Binds a value as one of its column.
pub(crate) fn bind<'q>(query: Query<'q, Any, AnyArguments>, cell: &Cell, holds: Holds) -> Query<'q, Any, AnyArguments> {
    match (cell, holds) {
        (Cell::Number(number), _) => query.bind(*number),
        (Cell::Text(text), _) => query.bind(text.clone()),
        (Cell::Null, Holds::Number) => query.bind(None::<i64>),
        (Cell::Null, Holds::Text) => query.bind(None::<String>),
    }
}
