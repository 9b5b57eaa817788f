//! From a backup to an empty database: the whole file is read and found right before anything is written, and then
//! everything is written in one transaction or nothing.

use std::io::{BufRead, Seek};

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::store::archive::backup::bind;
use crate::store::archive::error::ArchiveError;
use crate::store::archive::layout::{self, Table};
use crate::store::archive::line::{ArchiveReader, Cell, Head, ReadRow};
use crate::store::engine::Engine;
use crate::store::flags::trail;
use crate::store::{Database, StoreError};

/// The one table that has a row from the beginning: where the trail's numbers stand.
const SEEDED: &str = "trail_head";
/// Fills what a backup does not have that was made before migration 5.
const FILLED: &str = "UPDATE flag_reason SET flag_identifier = flag.identifier FROM flag \
     WHERE flag.id = flag_reason.flag_id AND flag_reason.flag_identifier = ''";
/// Rows of one statement at most, and values of one: SQLite takes 32,766 of those.
const ROWS: usize = 200;
const VALUES: usize = 10_000;

/// Restores a backup; `progress` is told how many rows were written so far. Gives the backup's head.
pub(crate) async fn restore(
    database: &Database,
    mut input: impl BufRead + Seek,
    mut progress: impl FnMut(u64),
) -> Result<(Head, u64), ArchiveError> {
    let mut read = database.read("begin a restore").await?;
    let tables = layout::read(&mut read).await?;
    let migration = layout::migration(&mut read).await?;
    check_empty(&mut read, &tables).await?;
    drop(read);
    let mut reader = ArchiveReader::begin(&mut input, &tables, migration)?;
    while reader.next()?.is_some() {}
    let rows = reader.rows().clone();

    input.rewind()?;
    let mut write = database.write_long().await?;
    trail::take_turn(&mut write).await?;
    check_empty(&mut write, &tables).await?;
    if rows.contains_key(SEEDED) {
        let seeded = sqlx::query("DELETE FROM trail_head").execute(&mut *write).await;
        seeded.map_err(StoreError::during("be restored"))?;
    }
    // Read and checked once more: whatever happened to the file meanwhile, only what was right is committed.
    let mut reader = ArchiveReader::begin(&mut input, &tables, migration)?;
    let (mut batch, mut total): (Vec<ReadRow>, u64) = (Vec::new(), 0);
    loop {
        let row = reader.next()?;
        let is_full = |next: &ReadRow| !batch.first().is_none_or(|first| belongs(first, next, batch.len()));
        if row.as_ref().is_none_or(is_full) && !batch.is_empty() {
            insert(&mut write, &tables, &batch).await?;
            total += u64::try_from(batch.len()).unwrap_or_default();
            batch.clear();
            progress(total);
        }
        match row {
            Some(row) => batch.push(row),
            None => break,
        }
    }
    sqlx::query(FILLED).execute(&mut *write).await.map_err(StoreError::during("be restored"))?;
    if let Some(statement) = Engine::of_connection(&write).numbers_go_on() {
        sqlx::query(statement).fetch_optional(&mut *write).await.map_err(StoreError::during("be restored"))?;
    }
    let head = reader.head().clone();
    write.commit().await?;
    Ok((head, total))
}

async fn check_empty(connection: &mut AnyConnection, tables: &[Table]) -> Result<(), ArchiveError> {
    for table in tables {
        let statement = if table.name == SEEDED {
            "SELECT one FROM trail_head WHERE seq <> 0 LIMIT 1".to_owned()
        } else {
            format!("SELECT \"{}\" FROM \"{}\" LIMIT 1", table.columns[table.key[0]].name, table.name)
        };
        let found = sqlx::query(AssertSqlSafe(statement)).fetch_optional(&mut *connection).await;
        if found.map_err(StoreError::during("be looked through"))?.is_some() {
            return Err(ArchiveError::Occupied);
        }
    }
    Ok(())
}

/// Whether a row goes into the same statement as `first`, which has `count` already.
fn belongs(first: &ReadRow, next: &ReadRow, count: usize) -> bool {
    let places = |row: &ReadRow| row.cells.iter().map(|(place, _)| *place).collect::<Vec<_>>();
    first.table == next.table
        && count < ROWS
        && (count + 1) * first.cells.len() <= VALUES
        && places(first) == places(next)
}

/// Writes rows of one table with the same columns. A column that an older backup does not have gets its default.
async fn insert(connection: &mut AnyConnection, tables: &[Table], batch: &[ReadRow]) -> Result<(), StoreError> {
    let Some(first) = batch.first() else { return Ok(()) };
    let table = &tables[first.table];
    let names: Vec<String> =
        first.cells.iter().map(|(place, _)| format!("\"{}\"", table.columns[*place].name)).collect();
    let width = names.len();
    let rows: Vec<String> = (0..batch.len())
        .map(|row| {
            let places: Vec<String> = (1..=width).map(|place| format!("${}", row * width + place)).collect();
            format!("({})", places.join(", "))
        })
        .collect();
    let statement = format!("INSERT INTO \"{}\" ({}) VALUES {}", table.name, names.join(", "), rows.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (place, cell) in batch.iter().flat_map(|row| &row.cells) {
        let cell: &Cell = cell;
        query = bind(query, cell, table.columns[*place].holds);
    }
    query.execute(connection).await.map(drop).map_err(StoreError::during("be restored"))
}
