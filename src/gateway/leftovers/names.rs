//! The names of what lies beside the file: each begins as the file's does.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The end of a file's name that is not wholly written yet.
pub(super) const NEW: &str = "new";

/// The name of a file beside it, with `part` in the middle.
pub(super) fn beside(file: &Path, part: &str) -> PathBuf {
    let end = file.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{}.{part}{end}", stem(file)))
}

/// What is there beside the file whose names go on with `part`, in order.
pub(super) fn there(file: &Path, part: &str) -> io::Result<Vec<PathBuf>> {
    let prefix = format!("{}.{part}", stem(file));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(file))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The folder in which the file is.
pub(super) fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()
}
