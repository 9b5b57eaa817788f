//! What of the file cannot be read: it is kept beside it, for somebody to look at, and never thrown away.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::leftovers::file::sync_folder;

/// Between the file's name and the end of the names of what cannot be read.
const UNREADABLE: &str = "unreadable";

/// The names of the files that hold what could not be read; there are some until somebody removes them.
pub(crate) fn unreadable(file: &Path) -> Vec<String> {
    files(file).iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
}

/// Those files, in order.
pub(super) fn files(file: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.{UNREADABLE}", stem(file));
    let Some(Ok(folder)) = file.parent().map(fs::read_dir) else { return Vec::new() };
    let is_one = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let mut files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).filter(is_one).collect();
    files.sort();
    files
}

/// Adds lines that cannot be read to those that could not be before.
pub(super) fn keep_lines(file: &Path, lines: &[&[u8]]) -> io::Result<()> {
    let aside = named(file, "");
    let mut out = OpenOptions::new().append(true).create(true).mode(0o600).open(&aside)?;
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    out.write_all(&text)?;
    out.sync_all()?;
    sync_folder(&aside)?;
    tracing::error!(file = %aside.display(), lines = lines.len(), "flag.leftovers_unreadable");
    Ok(())
}

/// Moves a whole file that cannot be read out of the way.
pub(super) fn keep_file(file: &Path, error: &io::Error) -> io::Result<()> {
    let names = (1_u32..).map(|number| named(file, &format!("-{number}")));
    // Whatever has the name, a broken link too, keeps it.
    let free = names.into_iter().find(|name| fs::symlink_metadata(name).is_err());
    let aside = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(file, &aside)?;
    sync_folder(&aside)?;
    tracing::error!(file = %aside.display(), error = %error, "flag.leftovers_unreadable");
    Ok(())
}

fn named(file: &Path, number: &str) -> PathBuf {
    let end = file.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{}.{UNREADABLE}{number}{end}", stem(file)))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()
}
