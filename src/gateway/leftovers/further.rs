//! What a stop left while the file was out of reach: in files of their own, which are joined to it when it is read next.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::gateway::leftovers::names::{self, NEW};
use crate::gateway::leftovers::replace::{fill, is_at, open_private, sync_folder};

/// Between the file's name and the end of the names of these.
const FURTHER: &str = "further";

/// Those files, in order.
pub(super) fn files(file: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = names::there(file, FURTHER)?;
    files.retain(|path| path.extension().is_none_or(|end| end != NEW) && path.is_file());
    Ok(files)
}

/// Writes a new one, and gives its name. It changes nothing that is there, so that nobody needs to be alone for it: it is
/// for whoever cannot be.
pub(super) fn add(file: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let (mut out, new, further) = make(file)?;
    if let Err(error) = fill(&mut out, text).and_then(|()| fs::rename(&new, &further)) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(&further)?;
    Ok(further)
}

/// A file to write to, its name until it is written, and its name from then on, which is free. It is held meanwhile, so
/// that nobody takes it for what a crash left.
fn make(file: &Path) -> io::Result<(File, PathBuf, PathBuf)> {
    let mut number = 1_u32;
    loop {
        let further = names::beside(file, &format!("{FURTHER}-{number}"));
        let new = further.with_added_extension(NEW);
        // Whoever makes this one has the number.
        match open_private(OpenOptions::new().write(true).create_new(true), &new) {
            Ok(out) => {
                out.lock()?;
                match (is_at(&out, &new), fs::symlink_metadata(&further).is_err()) {
                    (true, true) => return Ok((out, new, further)),
                    (true, false) => fs::remove_file(&new)?,
                    // Somebody took it for that before it was held.
                    (false, _) => continue,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        number = number.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
    }
}
