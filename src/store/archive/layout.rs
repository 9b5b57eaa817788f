//! Which tables there are, read from the database itself: no table is ever forgotten.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::store::engine::Engine;
use crate::store::{StoreError, row};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Number,
    Text,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) holds: Holds,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The places among the columns of those that are the primary key, in its order.
    pub(crate) key: Vec<usize>,
}

/// Every table of the program, by name.
pub(crate) async fn read(connection: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let rows = sqlx::query(Engine::of_connection(connection).layout())
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("tell its tables"))?;
    let mut tables: Vec<Table> = Vec::new();
    let mut places: Vec<Vec<i64>> = Vec::new();
    for found in &rows {
        let name = identifier(found, "of_table")?;
        if tables.last().is_none_or(|last| last.name != name) {
            tables.push(Table { name, columns: Vec::new(), key: Vec::new() });
            places.push(Vec::new());
        }
        let (Some(table), Some(places)) = (tables.last_mut(), places.last_mut()) else { continue };
        let holds = match row::text(found, "type")?.as_str() {
            "bigint" | "integer" => Holds::Number,
            "text" => Holds::Text,
            _ => return Err(StoreError::unreadable("type of a column")),
        };
        table.columns.push(Column { name: identifier(found, "name")?, holds });
        places.push(row::number(found, "place")?);
    }
    for (table, places) in tables.iter_mut().zip(&places) {
        table.key = (0..places.len()).filter(|at| places[*at] > 0).collect();
        table.key.sort_by_key(|at| places[*at]);
        if table.key.is_empty() {
            return Err(StoreError::unreadable("table, which has no key"));
        }
    }
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tables)
}

/// The number of the last migration.
pub(crate) async fn migration(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let found = sqlx::query("SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(StoreError::during("tell its version"))?;
    row::number(&found, "version")
}

/// A name that may stand in a statement.
fn identifier(found: &AnyRow, column: &'static str) -> Result<String, StoreError> {
    let name = row::text(found, column)?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_plain && !name.is_empty() { Ok(name) } else { Err(StoreError::unreadable("name of a table or column")) }
}
