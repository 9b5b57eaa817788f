//! A look at a database that changes nothing in it, for checks before anything is started.

use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::store::{StoreError, sqlite};

/// What stands where a database is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// Nothing yet: it is made when it is first opened.
    Absent,
    /// Tables of this version.
    Current,
    /// Tables of an older version: they are brought to this one when the database is next opened.
    Older,
}

/// Looks at the database that `url` names.
///
/// # Errors
/// When the url is not understood, the file is no database, or its tables were written by a newer version.
pub async fn inspect(url: &str) -> Result<Tables, StoreError> {
    let path = sqlite::path_of(url)?;
    if !path.exists() {
        return Ok(Tables::Absent);
    }
    let failed = || StoreError::during("be read");
    let options = SqliteConnectOptions::new().filename(&path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed())?;
    let named = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(named).fetch_one(&mut connection).await.map_err(failed())?;
    let mut applied: Vec<i64> = Vec::new();
    if tables > 0 {
        let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
        applied = sqlx::query_scalar(versions).fetch_all(&mut connection).await.map_err(failed())?;
    }
    connection.close().await.map_err(failed())?;
    let known: Vec<i64> = sqlite::migrator().iter().map(|migration| migration.version).collect();
    match applied.iter().find(|version| !known.contains(version)) {
        Some(version) => Err(StoreError::migration(MigrateError::VersionMissing(*version))),
        None if applied == known => Ok(Tables::Current),
        None => Ok(Tables::Older),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Database;

    #[tokio::test]
    async fn what_stands_there_is_told_and_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        let url = format!("sqlite:{}", path.display());
        assert_eq!(inspect(&url).await.expect("nothing is fine"), Tables::Absent);
        assert!(!path.exists());

        fs::write(&path, "").expect("written");
        assert_eq!(inspect(&url).await.expect("an empty database"), Tables::Older);
        assert_eq!(fs::metadata(&path).expect("it is there").len(), 0);

        Database::open(&url).await.expect("it opens").close().await;
        assert_eq!(inspect(&url).await.expect("tables"), Tables::Current);
    }

    #[tokio::test]
    async fn a_running_server_is_not_disturbed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("soapgate.db").display());
        let database = Database::open(&url).await.expect("it opens");
        let write = database.write().await.expect("a write begins");
        assert_eq!(inspect(&url).await.expect("read beside a write"), Tables::Current);
        write.commit().await.expect("committed");
        database.close().await;
    }

    #[tokio::test]
    async fn what_is_no_database_of_ours_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        let url = format!("sqlite:{}", path.display());
        fs::write(&path, "this is a text, and a rather long one for a text of its kind").expect("written");
        let error = inspect(&url).await.expect_err("no database");
        assert!(error.report().contains("file is not a database"), "{}", error.report());

        fs::remove_file(&path).expect("removed");
        let database = Database::open(&url).await.expect("it opens");
        let mut write = database.write().await.expect("a write begins");
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'from the future', 1, x'00', 0)",
        )
        .execute(&mut *write)
        .await
        .expect("written");
        write.commit().await.expect("committed");
        database.close().await;
        let error = inspect(&url).await.expect_err("newer");
        assert!(error.report().contains("9999"), "{}", error.report());
    }
}
