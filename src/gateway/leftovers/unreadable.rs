//! What of the file cannot be read: it is kept beside it, for somebody to look at, and never thrown away.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::gateway::leftovers::names;
use crate::gateway::leftovers::replace::{fill, open_private, sync_folder};

/// Between the file's name and the end of the names of what cannot be read.
const UNREADABLE: &str = "unreadable";

/// The names of the files that hold what could not be read; there are some until somebody removes them.
pub(crate) fn unreadable(file: &Path) -> Vec<String> {
    let files = files(file).unwrap_or_default();
    files.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
}

/// Those files, in order.
pub(super) fn files(file: &Path) -> io::Result<Vec<PathBuf>> {
    names::there(file, UNREADABLE)
}

/// Adds lines that cannot be read to those that could not be before.
pub(super) fn keep_lines(file: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
    let aside = names::beside(file, UNREADABLE);
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    fill(&mut open_private(OpenOptions::new().append(true).create(true), &aside)?, &text)?;
    sync_folder(&aside)?;
    tracing::error!(file = %aside.display(), lines = lines.len(), "flag.leftovers_unreadable");
    Ok(())
}

/// Moves something that is no file out of the way.
pub(super) fn keep_whole(file: &Path) -> io::Result<()> {
    let names = (1_u32..).map(|number| names::beside(file, &format!("{UNREADABLE}-{number}")));
    // Whatever has the name, a broken link too, keeps it.
    let free = names.into_iter().find(|name| fs::symlink_metadata(name).is_err());
    let aside = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(file, &aside)?;
    sync_folder(&aside)?;
    tracing::error!(file = %aside.display(), error = "it is no file", "flag.leftovers_unreadable");
    Ok(())
}
