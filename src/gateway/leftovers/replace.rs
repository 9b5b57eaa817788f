//! How a file is written: whole or not at all, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use crate::gateway::leftovers::names::{self, NEW};

/// A new file takes the place of the old one. Of nothing there is no file.
pub(super) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    if text.is_empty() {
        remove(file)?;
        return sync_folder(file);
    }
    let new = file.with_extension(NEW);
    let replaced = open_private(OpenOptions::new().write(true).create(true).truncate(true), &new)
        .and_then(|mut out| fill(&mut out, text))
        .and_then(|()| fs::rename(&new, file));
    if let Err(error) = replaced {
        // It names people, and nobody looks for them there. Whoever comes next tries to remove it again.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(file)
}

/// Writes all of it.
pub(super) fn fill(out: &mut File, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.sync_all()
}

/// Opens a file that only its owner may read. An operator may be somebody else than the server: what they make in the
/// server's folder is the server's.
pub(super) fn open_private(how: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = how.mode(0o600).open(path)?;
    let owner = fs::metadata(names::folder(path))?.uid();
    if file.metadata()?.uid() != owner {
        // Only the system's administrator may give a file away, and nobody else needs to.
        let _ = fchown(&file, Some(owner), None);
    }
    Ok(file)
}

/// Whether an open file still has this name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let same = |one: fs::Metadata, other: fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    file.metadata().is_ok_and(|open| fs::symlink_metadata(path).is_ok_and(|there| same(open, there)))
}

/// Removes a file that may not be there.
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// A new name is safe once the folder is.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(names::folder(file))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn what_cannot_take_its_place_is_not_left_lying() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("left.jsonl");
        fs::create_dir(&file).expect("in the way");
        replace(&file, b"a name\n").expect_err("a folder is in the way");
        assert!(!folder.path().join("left.new").exists());
    }

    #[test]
    fn what_an_administrator_makes_belongs_to_whom_the_folder_belongs() {
        const SERVER: u32 = 12_345;
        let folder = tempfile::tempdir().expect("a folder");
        // Whoever is no administrator has a folder of their own, and what is made there is theirs as well.
        let given = chown(folder.path(), Some(SERVER), None).is_ok();
        let owner = if given { SERVER } else { fs::metadata(folder.path()).expect("it is there").uid() };
        let file = folder.path().join("left.jsonl");
        replace(&file, b"a name\n").expect("written");
        assert_eq!(fs::metadata(&file).expect("it is there").uid(), owner);
    }
}
