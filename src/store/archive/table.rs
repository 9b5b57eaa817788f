//! The way to backups, for the rest of the program.

use std::collections::BTreeMap;
use std::io::{BufRead, Seek, Write};

use crate::store::Database;
use crate::store::archive::error::ArchiveError;
use crate::store::archive::{backup, restore};

/// What was copied to a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The rows of each table that has any.
    pub tables: BTreeMap<String, u64>,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// How many rows.
    pub rows: u64,
    /// When the backup was made, as it says.
    pub made_at: String,
    /// Of what kind of database.
    pub database: String,
}

/// What copies the whole database to a file and back.
#[derive(Clone)]
pub struct Archive {
    database: Database,
}

impl Archive {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes everything as it is at one moment, whoever writes meanwhile. `made_at` is written down as it stands;
    /// `progress` is told how many rows there were so far. Memory does not grow with the database.
    ///
    /// # Errors
    /// When the store fails, or `out` cannot be written.
    pub async fn backup(
        &self,
        made_at: &str,
        out: impl Write,
        progress: impl FnMut(u64),
    ) -> Result<Copied, ArchiveError> {
        Ok(Copied { tables: backup::backup(&self.database, made_at, out, progress).await? })
    }

    /// Writes a backup to the database, which must be empty: all of it, or nothing.
    ///
    /// # Errors
    /// When the file is no backup, damaged or of a newer version, when the database holds something, or the store
    /// fails.
    pub async fn restore(
        &self,
        input: impl BufRead + Seek,
        progress: impl FnMut(u64),
    ) -> Result<Restored, ArchiveError> {
        let (head, rows) = restore::restore(&self.database, input, progress).await?;
        Ok(Restored { rows, made_at: head.made_at, database: head.database })
    }
}
