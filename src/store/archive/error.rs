//! Why a backup was not made or not restored.

use std::io;

use crate::store::StoreError;

/// Why a backup was not made or not restored. Nothing of it was written to the database.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is not what was once written.
    #[error("the file is damaged or cut off: {0}")]
    Damaged(String),
    /// The file cannot be read or written.
    #[error("the file cannot be read or written")]
    File(#[from] io::Error),
    /// The backup is from a version with tables that this one does not know.
    #[error(
        "the backup was made by a newer version (its tables are those of {made}, here they are those of {known}): restore it with that one"
    )]
    Newer {
        /// The number of the backup's last migration.
        made: i64,
        /// The number of the last migration here.
        known: i64,
    },
    /// The file is something else.
    #[error("the file is no backup that this version can read")]
    NotABackup,
    /// The database is in use.
    #[error(
        "the database holds something already, and its trail cannot be emptied: restore to a new one (change \
         database.url, or stop the server and move the database away)"
    )]
    Occupied,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup holds what the tables have no place for.
    #[error(
        "the tables of this version have no place for {0}: restore it with the version that made it, and start this one on its database"
    )]
    Unfit(String),
}

impl ArchiveError {
    pub(crate) fn damaged(line: u64, what: &str) -> Self {
        Self::Damaged(format!("line {line} {what}"))
    }
}
