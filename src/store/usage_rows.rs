//! The rows of one dimension, of a day and an integration: reading and writing them, many at once.

use std::fmt::Write as _;

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::{Day, Tally};
use crate::store::database::Write;
use crate::store::usage_merge::Rows;
use crate::store::{StoreError, UsageValue, row};

/// Rows that one statement writes, the largest first. Other writes wait while these go on, and most of the time of a
/// statement is its way to the database and back.
const AT_ONCE: [usize; 3] = [64, 8, 1];

const COLUMNS: &str = "day, integration, dimension, others, institution, value, first_at, last_at, accepted, refused, \
     unanswered";

// There is no scalar MIN that both databases know, hence the CASEs.
const ADD: &str = "ON CONFLICT (day, integration, dimension, others, institution, value) DO UPDATE SET \
     first_at = CASE WHEN excluded.first_at < usage.first_at THEN excluded.first_at ELSE usage.first_at END, \
     last_at = CASE WHEN excluded.last_at > usage.last_at THEN excluded.last_at ELSE usage.last_at END, \
     accepted = usage.accepted + excluded.accepted, refused = usage.refused + excluded.refused, \
     unanswered = usage.unanswered + excluded.unanswered";

const PUT: &str = "ON CONFLICT (day, integration, dimension, others, institution, value) DO UPDATE SET \
     first_at = excluded.first_at, last_at = excluded.last_at, accepted = excluded.accepted, \
     refused = excluded.refused, unanswered = excluded.unanswered";

const READ: &str = "SELECT others, institution, value, first_at, last_at, accepted, refused, unanswered FROM usage \
     WHERE day = $1 AND integration = $2 AND dimension = $3";

const REMOVE: &str = "DELETE FROM usage \
     WHERE day = $1 AND integration = $2 AND dimension = $3 AND others = $4 AND institution = $5 AND value = $6";

/// Reads and writes within a write. A row without a value is that of the others, or of all.
pub(crate) struct RowWriter<'w> {
    pub(crate) write: &'w mut Write,
    pub(crate) day: Day,
    pub(crate) integration: &'w str,
    pub(crate) dimension: &'static str,
}

impl RowWriter<'_> {
    /// All rows of the dimension.
    pub(crate) async fn read(&mut self) -> Result<Rows, StoreError> {
        let connection: &mut AnyConnection = self.write;
        let found = sqlx::query(READ)
            .bind(self.day.number())
            .bind(self.integration)
            .bind(self.dimension)
            .fetch_all(connection)
            .await
            .map_err(failed())?;
        let mut rows = Rows::default();
        for found in &found {
            let tally = row::tally(found)?;
            if row::yes(found, "others")? {
                rows.others = tally;
            } else {
                rows.named.insert(row::usage_value(found)?, tally);
            }
        }
        Ok(rows)
    }

    /// Adds to the row without a value.
    pub(crate) async fn add_to_rest(&mut self, tally: &Tally) -> Result<(), StoreError> {
        self.insert(ADD, &[(None, tally)]).await
    }

    /// Puts rows in the place of those that are there.
    pub(crate) async fn put(&mut self, mut rows: &[(Option<&UsageValue>, &Tally)]) -> Result<(), StoreError> {
        for size in AT_ONCE {
            while let Some((now, later)) = rows.split_at_checked(size) {
                self.insert(PUT, now).await?;
                rows = later;
            }
        }
        Ok(())
    }

    /// Removes rows, where they are there.
    pub(crate) async fn remove(&mut self, values: impl Iterator<Item = Option<&UsageValue>>) -> Result<(), StoreError> {
        for value in values {
            let connection: &mut AnyConnection = self.write;
            sqlx::query(REMOVE)
                .bind(self.day.number())
                .bind(self.integration)
                .bind(self.dimension)
                .bind(i64::from(value.is_none()))
                .bind(value.map_or("", |value| &value.institution))
                .bind(value.map_or("", |value| &value.value))
                .execute(connection)
                .await
                .map_err(failed())?;
        }
        Ok(())
    }

    async fn insert(
        &mut self,
        on_conflict: &'static str,
        rows: &[(Option<&UsageValue>, &Tally)],
    ) -> Result<(), StoreError> {
        let statement = statement(rows.len(), on_conflict);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut query =
            sqlx::query(AssertSqlSafe(statement)).bind(self.day.number()).bind(self.integration).bind(self.dimension);
        for (value, tally) in rows {
            query = query
                .bind(i64::from(value.is_none()))
                .bind(value.map_or("", |value| &value.institution))
                .bind(value.map_or("", |value| &value.value))
                .bind(tally.first.as_millis())
                .bind(tally.last.as_millis())
                .bind(number(tally.accepted))
                .bind(number(tally.refused))
                .bind(number(tally.unanswered));
        }
        let connection: &mut AnyConnection = self.write;
        query.execute(connection).await.map(drop).map_err(failed())
    }
}

/// Inserts so many rows of one dimension. Nothing in it comes from outside.
fn statement(rows: usize, on_conflict: &'static str) -> String {
    let mut statement = format!("INSERT INTO usage ({COLUMNS}) VALUES ");
    for row in 0..rows {
        let own: Vec<String> = (4 + 8 * row..12 + 8 * row).map(|place| format!("${place}")).collect();
        // Writing to a String cannot fail.
        let _ = write!(statement, "{}($1, $2, $3, {})", if row == 0 { "" } else { ", " }, own.join(", "));
    }
    let _ = write!(statement, " {on_conflict}");
    statement
}

fn failed() -> impl FnOnce(sqlx::Error) -> StoreError {
    StoreError::during("count calls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_places_of_its_own() {
        let expected = "INSERT INTO usage (day, integration, dimension, others, institution, value, first_at, last_at, \
                        accepted, refused, unanswered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11), \
                        ($1, $2, $3, $12, $13, $14, $15, $16, $17, $18, $19) x";
        assert_eq!(statement(2, "x"), expected);
    }
}
