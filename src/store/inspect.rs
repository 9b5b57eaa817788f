//! A look at a database that changes nothing in it, for checks before anything is started. What holds on every kind of
//! database is tested in `suite/opening.rs`.

use sqlx::migrate::MigrateError;

use crate::store::engine::{self, Engine};
use crate::store::patience::in_time;
use crate::store::{DatabaseUrl, StoreError};

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
/// When it cannot be reached or is none, or its tables were written by a newer version.
pub async fn inspect(url: &DatabaseUrl) -> Result<Tables, StoreError> {
    let Some(applied) = in_time(engine::applied(url)).await? else { return Ok(Tables::Absent) };
    let known: Vec<i64> = Engine::of(url).migrator().iter().map(|migration| migration.version).collect();
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
    async fn a_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        let url = DatabaseUrl::Sqlite(path.clone());
        assert_eq!(inspect(&url).await.expect("nothing is fine"), Tables::Absent);
        assert!(!path.exists());

        fs::write(&path, "").expect("written");
        assert_eq!(inspect(&url).await.expect("an empty database"), Tables::Older);
        assert_eq!(fs::metadata(&path).expect("it is there").len(), 0);

        Database::open(&url).await.expect("it opens").close().await;
        assert_eq!(inspect(&url).await.expect("tables"), Tables::Current);
    }

    #[tokio::test]
    async fn what_is_no_database_of_ours_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("soapgate.db");
        let url = DatabaseUrl::Sqlite(path.clone());
        fs::write(&path, "this is a text, and a rather long one for a text of its kind").expect("written");
        let error = inspect(&url).await.expect_err("no database");
        assert!(error.report().contains("file is not a database"), "{}", error.report());
    }
}
