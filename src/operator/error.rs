//! Why something that an operator asked for was not done.

use std::io;
use std::path::PathBuf;

use crate::domain::MoveError;
use crate::identity::HashingError;
use crate::operator::PasswordRule;
use crate::store::{ArchiveError, StoreError};

/// Why something that an operator asked for was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is one of that name already.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// A backup was not made or not restored, and it was not the store that failed.
    #[error(transparent)]
    Archive(ArchiveError),
    /// A page is asked for behind something that no page said.
    #[error("what to go on after is not what a page of this order said")]
    Cursor,
    /// A file failed.
    #[error("{file} cannot be read or written")]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something stands where a file is to be written.
    #[error("{0} exists already: write another name, or put the backup in its place with --force")]
    FileExists(PathBuf),
    /// The password could not be hashed.
    #[error("the password cannot be hashed")]
    Hashing(#[from] HashingError),
    /// The flag's state does not allow it.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Somebody must say why.
    #[error("a flag is dismissed with a note that says why")]
    NoteMissing,
    /// There is nothing to erase.
    #[error("nothing is known of {0}")]
    NothingKnown(String),
    /// There is none of that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// The password cannot be one.
    #[error("the password {0}")]
    Password(#[from] PasswordRule),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ArchiveError> for OperatorError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Store(error) => Self::Store(error),
            other => Self::Archive(other),
        }
    }
}
