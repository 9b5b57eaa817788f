//! Backups: the whole database to one file and back.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::domain::Clock;
use crate::operator::{OperatorError, moment};
use crate::store::{Archive, Database};

const BUFFER: usize = 256 * 1024;

/// What happens to a file that stands where a backup is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It stays, and no backup is made.
    Keep,
    /// The backup takes its place, once it is whole.
    Replace,
}

/// A backup that was made. The names are public: other people's tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupView {
    /// The file.
    pub file: String,
    /// How large it is.
    pub bytes: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// The rows of each table that has any.
    pub tables: BTreeMap<String, u64>,
}

/// A backup that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreView {
    /// The file.
    pub file: String,
    /// How many rows were written.
    pub rows: u64,
    /// When the backup was made, RFC 3339 in UTC.
    pub made_at: String,
    /// Of what kind of database it was made.
    pub database: String,
}

/// What an operator can do with the database as a whole. It reads and writes files and waits for them: for commands.
pub struct Archives {
    archive: Archive,
    clock: Arc<dyn Clock>,
}

impl Archives {
    /// Backups of a database.
    #[must_use]
    pub fn new(database: &Database, clock: Arc<dyn Clock>) -> Self {
        Self { archive: database.archive(), clock }
    }

    /// Writes a backup: for its owner alone, and under its name only once it is whole and on the disk. `progress` is
    /// told how many rows there were so far.
    ///
    /// # Errors
    /// When there is such a file already, it cannot be written, or the store fails.
    pub async fn backup(
        &self,
        file: &Path,
        standing: Standing,
        progress: impl FnMut(u64),
    ) -> Result<BackupView, OperatorError> {
        let check = || match standing {
            Standing::Keep if file.exists() => Err(OperatorError::FileExists(file.to_path_buf())),
            Standing::Keep | Standing::Replace => Ok(()),
        };
        check()?;
        let failed = |source| OperatorError::File { file: file.to_path_buf(), source };
        let new = Unfinished::create(file).map_err(failed)?;
        let mut out = BufWriter::with_capacity(BUFFER, &new.file);
        let copied = self.archive.backup(&moment::show(self.clock.now()), &mut out, progress).await?;
        let bytes = new.file.metadata().map_err(failed)?.len();
        check()?;
        drop(out);
        new.finish(file).map_err(failed)?;
        let rows = copied.tables.values().sum();
        Ok(BackupView { file: file.display().to_string(), bytes, rows, tables: copied.tables })
    }

    /// Restores a backup to a database in which nothing is yet. `progress` is told how many rows were written so far.
    ///
    /// # Errors
    /// When the file is no backup, damaged or of a newer version, when the database holds something, or the store
    /// fails; then nothing is restored.
    pub async fn restore(&self, file: &Path, progress: impl FnMut(u64)) -> Result<RestoreView, OperatorError> {
        let failed = |source| OperatorError::File { file: file.to_path_buf(), source };
        let input = BufReader::with_capacity(BUFFER, File::open(file).map_err(failed)?);
        let restored = self.archive.restore(input, progress).await?;
        Ok(RestoreView {
            file: file.display().to_string(),
            rows: restored.rows,
            made_at: restored.made_at,
            database: restored.database,
        })
    }
}

/// A file that is not whole yet: it goes with this value unless it is finished.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// Makes `FILE.new`; one that an earlier backup left half-way goes.
    fn create(file: &Path) -> io::Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Gives it its name, once every byte of it is on the disk; then the name is as well.
    fn finish(self, file: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it is finished there is nothing of this name.
        let _ = fs::remove_file(&self.path);
    }
}
