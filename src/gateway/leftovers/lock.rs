//! One at a time: a server and an operator's command are two processes that read, change and replace the same file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::gateway::leftovers::names::{self, NEW};
use crate::gateway::leftovers::replace::{is_at, open_private, remove};

/// How long a command waits for a process that has the file.
pub(super) const COMMAND: Duration = Duration::from_secs(5);
/// How long a server waits for it, which tries again later: at a stop there is little time.
pub(super) const SERVER: Duration = Duration::from_millis(500);
/// How often somebody who waits looks.
const LOOK: Duration = Duration::from_millis(10);

/// Whoever has it has the file and what lies beside it, until it is dropped or its process ends.
pub(super) struct Alone {
    _lock: File,
}

/// Gets the file to be alone with it, rid of what a crash left half-written.
///
/// # Errors
/// When another process has it for longer than `patience`, or a file cannot be opened or removed.
pub(super) fn alone(file: &Path, patience: Duration) -> io::Result<Alone> {
    let path = lock(file);
    // It holds nothing and stays: of two that were made one after the other, two processes could each have one.
    let lock = open_private(OpenOptions::new().write(true).create(true), &path)?;
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if waited < patience => {
                thread::sleep(LOOK);
                waited += LOOK;
            }
            Err(TryLockError::WouldBlock) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("another process holds {name}")));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    for path in names::there(file, "")? {
        if path.extension().is_some_and(|end| end == NEW) {
            remove_abandoned(&path)?;
        }
    }
    Ok(Alone { _lock: lock })
}

/// Removes what is half-written, unless somebody is at it: who cannot be alone with the file holds what they write.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let half = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    match half.try_lock() {
        Ok(()) if is_at(&half, path) => remove(path),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The file that is locked.
pub(super) fn lock(file: &Path) -> PathBuf {
    file.with_extension("lock")
}
