//! The kinds of database, and the one place where they part ways: what only one of them understands stands in its own
//! file, and everything else is one text for both.

use std::fmt;
use std::path::PathBuf;

use sqlx::AnyPool;
use sqlx::migrate::Migrator;

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

/// Opens a pool of connections; the file of an SQLite is made when it is missing.
pub(crate) async fn open(url: &DatabaseUrl) -> Result<AnyPool, StoreError> {
    sqlx::any::install_default_drivers();
    match url {
        DatabaseUrl::Postgres(url) => postgres::open(url).await,
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
