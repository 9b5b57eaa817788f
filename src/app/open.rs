//! The way to the database for everything that runs: the server and the commands beside it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::config::Settings;
use crate::store::{Database, StoreError};

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder is missing and could not be made.
    #[error("the folder {folder} cannot be made: make it, or change server.data_dir")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the database of `settings`; the data folder is made when it is missing, for its owner alone: what lies in it
/// holds password hashes.
///
/// # Errors
/// When the folder cannot be made or the database cannot be opened.
pub async fn open_database(settings: &Settings) -> Result<Database, OpenError> {
    let folder = &settings.data_dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| OpenError::Folder { folder: folder.clone(), source })?;
    Ok(Database::open(&settings.database_url).await?)
}
