//! What only SQLite understands: its url, its file, its settings, its way to begin a write, how it is looked at.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use crate::store::StoreError;

/// A write takes SQLite's write lock at its beginning: a transaction that reads first and then wants to write is told
/// `SQLITE_BUSY` at once when somebody else wrote meanwhile, without any waiting.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// All statements of a transaction see one moment, that of the first.
pub(crate) const BEGIN_READ: &str = "BEGIN";

/// How long a connection is waited for before the store counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Readers do not block each other or the writer; more connections than this only cost memory.
const CONNECTIONS: u32 = 4;

/// Said on every new connection. Whoever finds another process writing waits five seconds for it. The write-ahead log
/// lets readers go on meanwhile. FULL costs one flush to disk for each write and makes what was acknowledged survive a
/// power cut as well; NORMAL would survive only the end of the process, SIGKILL included. A question to an identity
/// service waits for one such write, together with all others of that moment and never for long; nothing else on the
/// path of a call's reply does. What is removed is overwritten in the file as well: who is forgotten, is gone from it.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;";

/// Said on the one connection that writes: 16 MiB of pages, and not 2, keep at hand what leads to a row among a million,
/// and spare an import from writing the same pages again and again. What another connection writes makes a cache void,
/// so all writes go through one. The others would fill theirs by reading alone.
const WRITER: &str = "PRAGMA cache_size = -16384";

/// The path in a `sqlite:` url: `sqlite:/var/lib/x.db`, `sqlite:///var/lib/x.db` or a relative one. The rest of the
/// url is the path as it stands; there are no parameters and no percent signs to decode.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, &'static str> {
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Err("names no database that is served; write sqlite: and the path of a file");
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err("names no file; write sqlite: and the path of a file");
    }
    if path.contains(":memory:") || path.contains(['?', '\0']) {
        return Err("is not the path of a file only; write it without parameters and not in memory");
    }
    Ok(PathBuf::from(path))
}

/// Opens the file, creating it when it is missing, and leaves it in write-ahead mode: connections that read, and the one
/// that writes.
pub(crate) async fn open(path: &Path) -> Result<(AnyPool, AnyPool), StoreError> {
    create(path)?;
    let options = connect_options(path)?;
    // A pool takes a failing connection for a passing trouble, tries until its time is up and keeps the reason to
    // itself; so the first connection is made without it.
    let first = async {
        let mut connection = AnyConnection::connect_with(&options).await?;
        connection.execute(SETTINGS).await?;
        connection.close().await
    };
    first.await.map_err(StoreError::during("be opened"))?;
    let writer = pool(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                connection.execute(WRITER).await.map(drop)
            })
        })
        .connect_lazy_with(options.clone());
    let readers = pool(CONNECTIONS)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
        .connect_with(options)
        .await
        .map_err(StoreError::during("be opened"))?;
    Ok((readers, writer))
}

fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection to a file neither goes stale nor costs anything to keep.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// The versions of the migrations that were made; `None` when there is no file yet.
pub(crate) async fn applied(path: &Path) -> Result<Option<Vec<i64>>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let reading = async {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
        let mut connection = options.connect().await?;
        let named = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(named).fetch_one(&mut connection).await?;
        let mut applied = Vec::new();
        if tables > 0 {
            let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
            applied = sqlx::query_scalar(versions).fetch_all(&mut connection).await?;
        }
        connection.close().await?;
        Ok(Some(applied))
    };
    reading.await.map_err(StoreError::during("be read"))
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::suite::harness;
    use crate::store::{Database, DatabaseUrl};

    #[test]
    fn urls_name_a_file() {
        let cases = [
            ("sqlite:/var/lib/soapgate/a b%20.db", "/var/lib/soapgate/a b%20.db"),
            ("sqlite:///var/lib/soapgate.db", "/var/lib/soapgate.db"),
            ("sqlite:data/soapgate.db", "data/soapgate.db"),
            ("sqlite://data/soapgate.db", "data/soapgate.db"),
        ];
        for (url, path) in cases {
            assert_eq!(path_of(url).expect(url), Path::new(path), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_what_to_write_instead() {
        let cases = [
            ("mysql://user:secret@host/db", "names no database that is served"),
            ("/var/lib/soapgate.db", "write sqlite: and the path of a file"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite::memory:", "not in memory"),
            ("sqlite:a.db?mode=ro", "without parameters"),
        ];
        for (url, hint) in cases {
            let error = DatabaseUrl::parse(url).expect_err(url).to_string();
            assert!(error.contains(hint), "{url}: {error}");
            assert!(error.starts_with("database.url ") && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn only_the_owner_can_read_the_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        let database = Database::open(&DatabaseUrl::Sqlite(path.clone())).await.expect("it opens");
        let mut files = Vec::new();
        for entry in fs::read_dir(folder.path()).expect("the folder is read") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("its metadata").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
            files.push(entry.file_name().into_string().expect("UTF-8"));
        }
        files.sort();
        assert_eq!(files, ["soapgate.db", "soapgate.db-shm", "soapgate.db-wal"]);
        database.close().await;
    }

    #[tokio::test]
    async fn a_name_with_every_mark_is_a_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ä #%20&=+;.db");
        Database::open(&DatabaseUrl::Sqlite(path.clone())).await.expect("it opens").close().await;
        assert!(path.is_file());
    }

    #[tokio::test]
    async fn every_connection_has_the_settings() {
        let fresh = harness::sqlite().await;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(fresh.database.pool().acquire().await.expect("a connection"));
        }
        let readers = connections.len();
        connections.push(fresh.database.writer().acquire().await.expect("the one that writes"));
        for (at, connection) in connections.iter_mut().enumerate() {
            let expected = [
                ("PRAGMA journal_mode", "wal"),
                ("PRAGMA synchronous", "2"),
                ("PRAGMA foreign_keys", "1"),
                ("PRAGMA busy_timeout", "5000"),
                ("PRAGMA secure_delete", "1"),
            ];
            // Reading alone fills it on every connection: SQLite's own 2 MB, and more where it is written.
            let cache = ("PRAGMA cache_size", if at < readers { "-2000" } else { "-16384" });
            for (pragma, value) in expected.into_iter().chain([cache]) {
                let row = sqlx::query(pragma).fetch_one(&mut **connection).await.expect(pragma);
                let text = sqlx::Row::try_get::<String, _>(&row, 0);
                let found = text.unwrap_or_else(|_| sqlx::Row::get::<i64, _>(&row, 0).to_string());
                assert_eq!(found, value, "{pragma}");
            }
        }
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let missing = folder.path().join("none");
        let error = Database::open(&DatabaseUrl::Sqlite(missing.join("soapgate.db"))).await.err().expect("refused");
        let text = error.to_string();
        assert!(text.starts_with("the folder ") && text.contains(&missing.display().to_string()), "{text}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        fs::write(&path, "this is a text, and a rather long one for a text of its kind").expect("written");
        let error = Database::open(&DatabaseUrl::Sqlite(path.clone())).await.err().expect("refused");
        assert!(error.report().contains("file is not a database"), "{}", error.report());
    }
}
