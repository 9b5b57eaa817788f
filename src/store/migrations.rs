//! The migrations, oldest first, each in two texts: `migrations/postgres` and `migrations/sqlite` hold files of the same
//! names. What a version that was published brought is never changed; what comes later is a new number below.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// One migration, as each database understands it.
pub(crate) struct Texts {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

macro_rules! both {
    ($file:literal) => {
        Texts {
            postgres: include_str!(concat!("migrations/postgres/", $file)),
            sqlite: include_str!(concat!("migrations/sqlite/", $file)),
        }
    };
}

const MIGRATIONS: [(i64, &str, Texts); 5] = [
    (1, "first tables", both!("0001_first_tables.sql")),
    (2, "attempts", both!("0002_attempts.sql")),
    (3, "flags", both!("0003_flags.sql")),
    (4, "usage", both!("0004_usage.sql")),
    (5, "queue by account", both!("0005_queue_by_account.sql")),
];

/// All of them, in the text that `choose` takes.
pub(crate) fn migrator(choose: impl Fn(&Texts) -> &'static str) -> Migrator {
    let migration = |(version, description, texts): &(i64, &'static str, Texts)| {
        let sql = choose(texts).into_sql_str();
        Migration::new(*version, (*description).into(), MigrationType::Simple, sql, false)
    };
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect());
    // They are made in one write that has seen to it that it is alone. The library's own lock would be given back
    // before that write is committed.
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables and their columns that a text makes, in its order.
    fn columns(sql: &str) -> Vec<String> {
        let mut table = "";
        let mut columns = Vec::new();
        for line in sql.lines().map(str::trim_end) {
            if let Some(name) = line.strip_prefix("CREATE TABLE ") {
                table = name.trim_end_matches(" (");
            } else if line == ");" {
                table = "";
            } else if let (false, Some(column)) = (table.is_empty(), line.strip_prefix("    ")) {
                let name = column.split(' ').next().unwrap_or_default();
                if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                    columns.push(format!("{table}.{name}"));
                }
            }
        }
        columns
    }

    #[test]
    fn both_databases_get_the_same_tables_and_columns() {
        for (at, (version, _, texts)) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(*version), Ok(at + 1));
            assert!(!columns(texts.sqlite).is_empty());
            assert_eq!(columns(texts.postgres), columns(texts.sqlite), "migration {version}");
        }
    }
}
