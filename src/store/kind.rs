//! What each kind of database has of its own where tables are copied whole or somebody is erased. Everything else is one
//! text for both.

use sqlx::AnyConnection;

/// A kind of database, told by an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
}

/// Tables with their columns, in order: `place` is a column's place in the primary key, zero outside of it.
const SQLITE_LAYOUT: &str = "SELECT tables.name AS of_table, columns.name AS name, lower(columns.type) AS type, \
     columns.pk AS place FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
     WHERE tables.type = 'table' AND tables.name <> '_sqlx_migrations' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     ORDER BY tables.name, columns.cid";

// The schema's own types are domains, which sqlx's Any does not know: hence the casts.
const POSTGRES_LAYOUT: &str = "SELECT columns.table_name::text AS of_table, columns.column_name::text AS name, \
     columns.data_type::text AS type, COALESCE(keys.ordinal_position, 0)::bigint AS place \
     FROM information_schema.columns AS columns \
     JOIN information_schema.tables AS tables ON tables.table_schema = columns.table_schema \
         AND tables.table_name = columns.table_name AND tables.table_type = 'BASE TABLE' \
     LEFT JOIN information_schema.table_constraints AS constraints \
         ON constraints.table_schema = columns.table_schema AND constraints.table_name = columns.table_name \
         AND constraints.constraint_type = 'PRIMARY KEY' \
     LEFT JOIN information_schema.key_column_usage AS keys \
         ON keys.constraint_schema = constraints.constraint_schema \
         AND keys.constraint_name = constraints.constraint_name AND keys.table_name = columns.table_name \
         AND keys.column_name = columns.column_name \
     WHERE columns.table_schema = current_schema() AND columns.table_name <> '_sqlx_migrations' \
     ORDER BY columns.table_name, columns.ordinal_position";

impl Kind {
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == "SQLite" { Self::Sqlite } else { Self::Postgres }
    }

    /// The name in a backup's head.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    /// Asks for every table but sqlx's own, with its columns.
    pub(crate) const fn layout(self) -> &'static str {
        match self {
            Self::Postgres => POSTGRES_LAYOUT,
            Self::Sqlite => SQLITE_LAYOUT,
        }
    }

    /// Has numbers that the database gives go on behind the highest that was written by itself.
    pub(crate) const fn numbers_go_on(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some(
                "SELECT setval(pg_get_serial_sequence('change', 'seq'), seq) FROM change ORDER BY seq DESC LIMIT 1",
            ),
            // AUTOINCREMENT does by itself.
            Self::Sqlite => None,
        }
    }

    /// Takes what was removed out of the log of writes too. It gives a row whose `busy` says that somebody else's
    /// reading kept it from that.
    pub(crate) const fn empty_log(self) -> Option<&'static str> {
        match self {
            // Its log is its operator's to keep, and what was removed is overwritten by its VACUUM.
            Self::Postgres => None,
            Self::Sqlite => Some("PRAGMA wal_checkpoint(TRUNCATE)"),
        }
    }
}
