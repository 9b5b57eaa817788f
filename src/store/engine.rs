//! The kinds of database, and the one place where they part ways: what only one of them understands stands in its own
//! file, and everything else is one text for both.

use std::fmt;
use std::path::PathBuf;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool};

use crate::store::{PostgresUrl, StoreError, migrations, postgres, sqlite};

/// Which database, and where: what `database.url` says. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A PostgreSQL, for several nodes.
    Postgres(PostgresUrl),
    /// An SQLite file, for one node. Nothing in its path is escaped.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Reads a url: `postgres://user@host/database`, or `sqlite:` and the path of a file.
    ///
    /// # Errors
    /// When it is not understood; the text says what to write instead and shows nothing of the url.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if PostgresUrl::is_meant(url) {
            return PostgresUrl::parse(url).map(Self::Postgres).map_err(StoreError::url);
        }
        sqlite::path_of(url).map(Self::Sqlite).map_err(StoreError::url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => url.fmt(f),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    /// The kind that `url` names.
    pub(crate) const fn of(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Postgres(_) => Self::Postgres,
            DatabaseUrl::Sqlite(_) => Self::Sqlite,
        }
    }

    /// Begins a write.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Postgres => postgres::BEGIN_WRITE,
            Self::Sqlite => sqlite::BEGIN_WRITE,
        }
    }

    /// Said in a write of many rows, right after its beginning.
    pub(crate) const fn long_write(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some(postgres::LONG_WRITE),
            // A write takes as long as it takes.
            Self::Sqlite => None,
        }
    }

    /// Said where an import's many rows were just written: how many there are now is worth knowing for what follows.
    pub(crate) const fn count_listed(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("ANALYZE report_row, report_alias"),
            // It looks for rows in one order, whatever their number.
            Self::Sqlite => None,
        }
    }

    /// Begins reading in several statements what was there at one moment.
    pub(crate) const fn begin_read(self) -> &'static str {
        match self {
            Self::Postgres => postgres::BEGIN_READ,
            Self::Sqlite => sqlite::BEGIN_READ,
        }
    }

    /// Said at the beginning of the write in which all migrations are made: from then on this process is the only one.
    pub(crate) const fn only_migrator(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some(postgres::ONLY_MIGRATOR),
            // A write is alone already.
            Self::Sqlite => None,
        }
    }

    /// Every migration that this version knows, oldest first.
    pub(crate) fn migrator(self) -> Migrator {
        migrations::migrator(|texts| match self {
            Self::Postgres => texts.postgres,
            Self::Sqlite => texts.sqlite,
        })
    }
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

/// What each kind has of its own where tables are copied whole or somebody is erased.
impl Engine {
    /// The kind that an open connection leads to.
    pub(crate) fn of_connection(connection: &AnyConnection) -> Self {
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

/// Opens the connections that read, and those that write; the file of an SQLite is made when it is missing.
pub(crate) async fn open(url: &DatabaseUrl) -> Result<(AnyPool, AnyPool), StoreError> {
    sqlx::any::install_default_drivers();
    match url {
        // One pool for both: its connections share the server's memory.
        DatabaseUrl::Postgres(url) => postgres::open(url).await.map(|pool| (pool.clone(), pool)),
        DatabaseUrl::Sqlite(path) => sqlite::open(path).await,
    }
}

/// The versions of the migrations that were made, without changing anything; `None` when there is nothing yet.
pub(crate) async fn applied(url: &DatabaseUrl) -> Result<Option<Vec<i64>>, StoreError> {
    match url {
        DatabaseUrl::Postgres(url) => postgres::applied(url).await,
        DatabaseUrl::Sqlite(path) => sqlite::applied(path).await,
    }
}
