//! The one error of the store. The database's own error is kept as its source.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store. It names what was being done and never holds a value that was being stored. The cause is
/// its source; [`StoreError::report`] gives both.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError {
    kind: Kind,
}

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("the store cannot be reached")]
    Away,
    #[error("the write was given up for another one")]
    Conflict,
    #[error("the database cannot {action}")]
    Database { action: &'static str, source: sqlx::Error },
    #[error("the database keeps text in {encoding}, which has no room for every name: make it with ENCODING 'UTF8'")]
    Encoding { encoding: String },
    #[error("the database file {path} cannot be created")]
    File { path: PathBuf, source: io::Error },
    #[error("the folder {folder} of the database does not exist: create it, or change database.url")]
    FolderMissing { folder: PathBuf },
    #[error("the database did not answer in time")]
    Late,
    #[error("the database cannot be brought to this version's tables")]
    Migration { source: sqlx::migrate::MigrateError },
    #[error("the system gives no random numbers")]
    Random { source: getrandom::Error },
    #[error("the database holds an unreadable {column}")]
    Unreadable { column: &'static str },
    #[error("database.url {hint}")]
    Url { hint: &'static str },
}

impl StoreError {
    /// The store as good as gone; for stand-ins of the store.
    #[must_use]
    pub fn away() -> Self {
        Self { kind: Kind::Away }
    }

    /// The failure and its causes in one line, for logs.
    #[must_use]
    pub fn report(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }

    /// Names the action in the course of which the database failed: the words after "the database cannot".
    pub(crate) fn during(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self { kind: Kind::Database { action, source } }
    }

    /// Another write changed what this one had looked up; done again, it is right.
    pub(crate) fn conflict() -> Self {
        Self { kind: Kind::Conflict }
    }

    /// Whether the write was undone, by us or by the database, only because of another one: to do it again is safe and
    /// will most likely succeed.
    pub(crate) fn is_conflict(&self) -> bool {
        // PostgreSQL: serialization_failure and deadlock_detected.
        const CODES: [&str; 2] = ["40001", "40P01"];
        match &self.kind {
            Kind::Conflict => true,
            Kind::Database { source, .. } => {
                let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
                code.is_some_and(|code| CODES.contains(&&*code))
            }
            _ => false,
        }
    }

    /// Whether what stands in some row, or should, is to blame: other rows can be written all the same. Otherwise it is
    /// the store that fails, whatever it is given.
    pub(crate) fn is_of_one_row(&self) -> bool {
        match &self.kind {
            Kind::Unreadable { .. } => true,
            Kind::Database { source, .. } => match source {
                sqlx::Error::AnyDriverError(_)
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::Encode(_)
                | sqlx::Error::RowNotFound
                | sqlx::Error::TypeNotFound { .. } => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| blames_a_row(&code)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the store did not answer in time: with less to do it might.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self.kind, Kind::Late)
    }

    pub(crate) fn encoding(encoding: String) -> Self {
        Self { kind: Kind::Encoding { encoding } }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self { kind: Kind::File { path: path.to_path_buf(), source } }
    }

    pub(crate) fn folder_missing(folder: &Path) -> Self {
        Self { kind: Kind::FolderMissing { folder: folder.to_path_buf() } }
    }

    pub(crate) fn late() -> Self {
        Self { kind: Kind::Late }
    }

    pub(crate) fn migration(source: sqlx::migrate::MigrateError) -> Self {
        Self { kind: Kind::Migration { source } }
    }

    pub(crate) fn random(source: getrandom::Error) -> Self {
        Self { kind: Kind::Random { source } }
    }

    pub(crate) fn unreadable(column: &'static str) -> Self {
        Self { kind: Kind::Unreadable { column } }
    }

    pub(crate) fn url(hint: &'static str) -> Self {
        Self { kind: Kind::Url { hint } }
    }
}

/// PostgreSQL has five characters: a value, a constraint, a trigger, damage. SQLite has a number whose last byte says the
/// kind: damage, a size, a constraint (a trigger too), a type.
fn blames_a_row(code: &str) -> bool {
    const CLASSES: [&str; 4] = ["22", "23", "P0", "XX"];
    const KINDS: [u32; 4] = [11, 18, 19, 20];
    if code.len() == 5 {
        return code.get(..2).is_some_and(|class| CLASSES.contains(&class));
    }
    code.parse::<u32>().is_ok_and(|number| KINDS.contains(&(number & 0xff)))
}
