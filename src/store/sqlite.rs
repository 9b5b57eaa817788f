//! What only SQLite understands: its url, its file, its settings, its way to begin a write, its migrations.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor, SqlSafeStr};

use crate::store::StoreError;

/// A write takes SQLite's write lock at its beginning: a transaction that reads first and then wants to write is told
/// `SQLITE_BUSY` at once when somebody else wrote meanwhile, without any waiting.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// How long a connection is waited for before the store counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Readers do not block each other or the writer; more connections than this only cost memory.
const CONNECTIONS: u32 = 4;

/// How often the switch to the write-ahead log is tried again, and the pause before each further try.
const WAL_TRIES: u32 = 50;
const WAL_PAUSE: Duration = Duration::from_millis(50);

/// Per connection. FULL costs one flush to disk for each write and makes what was acknowledged survive a power cut as
/// well; NORMAL would survive only the end of the process, SIGKILL included. Writes are rare and none of them is on
/// the path of a call's reply, so nobody waits for that flush but the operator who wants to be sure. A write waits five seconds for
/// another process's write.
const SETTINGS: &str = "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;";

/// The path in a `sqlite:` url: `sqlite:/var/lib/x.db`, `sqlite:///var/lib/x.db` or a relative one. The rest of the
/// url is the path as it stands; there are no parameters and no percent signs to decode.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Err(match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                StoreError::url("PostgreSQL is not served yet: write sqlite: and the path of a file")
            }
            _ => StoreError::url("write sqlite: and the path of a file"),
        });
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(StoreError::url("the path after sqlite: is empty"));
    }
    if path.contains(":memory:") || path.contains(['?', '\0']) {
        return Err(StoreError::url("after sqlite: stands the path of a file, without parameters and not in memory"));
    }
    Ok(PathBuf::from(path))
}

/// Opens the file, creating it when it is missing, and leaves it in write-ahead mode.
pub(crate) async fn open(path: &Path) -> Result<AnyPool, StoreError> {
    create(path)?;
    let options = connect_options(path)?;
    switch_to_wal(&options).await?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
        .connect_with(options)
        .await
        .map_err(StoreError::during("be opened"))?;
    Ok(pool)
}

/// Every migration that this version knows, oldest first.
pub(crate) fn migrator() -> Migrator {
    let migrations = [(1, "first tables", include_str!("migrations/sqlite/0001_first_tables.sql"))];
    Migrator::with_migrations(
        migrations
            .into_iter()
            .map(|(version, description, sql)| {
                Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
            })
            .collect(),
    )
}

/// SQLite gives its `-wal` and `-shm` files the mode of the main file, so the mode is set where that one is made. The
/// file holds password hashes: nobody but its owner reads it. An existing file keeps the mode its operator gave it.
fn create(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(StoreError::folder_missing(folder));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::file(path, error)),
    }
}

fn connect_options(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let path = path.to_str().ok_or(StoreError::url("the path of the database is not UTF-8"))?;
    let mut url = String::from("sqlite:");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url.push_str("?mode=rw");
    let options: AnyConnectOptions = url.parse().map_err(StoreError::during("be opened"))?;
    // The statements' text says nothing that our own log lines do not say better.
    Ok(options.disable_statement_logging())
}

/// The switch needs the file for itself and does not wait for it (SQLite's busy timeout does not apply), so two
/// processes that meet a new file at the same moment must try again. Once switched, the file stays so.
async fn switch_to_wal(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        let switched = match AnyConnection::connect_with(options).await {
            Ok(mut connection) => {
                let switched = connection.execute("PRAGMA journal_mode = WAL").await.map(drop);
                let closed = connection.close().await;
                switched.and(closed)
            }
            Err(error) => Err(error),
        };
        tries += 1;
        match switched {
            Ok(()) => return Ok(()),
            Err(error) if tries < WAL_TRIES && is_busy(&error) => tokio::time::sleep(WAL_PAUSE).await,
            Err(error) => return Err(StoreError::during("be opened")(error)),
        }
    }
}

/// `SQLITE_BUSY` and its extended codes: the lowest byte is 5.
fn is_busy(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}
