//! The file itself: read, changed, and rid of whoever is forgotten. It is always replaced as a whole.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::AccountId;
use crate::gateway::leftovers::{line, unreadable};
use crate::store::{Gathered, Seen};

/// The file's name inside the data folder.
pub const LEFTOVERS: &str = "flags-left-over.jsonl";

/// A line that can be read.
struct Known {
    account: AccountId,
    seen: Seen,
    line: Vec<u8>,
}

/// What was left, in order; nothing where there is no file. What cannot be read is kept in a file beside it.
///
/// # Errors
/// When the file can neither be read nor be moved out of the way.
pub(crate) fn read(file: &Path) -> io::Result<Vec<Gathered>> {
    let mut gathered: Vec<Gathered> = Vec::new();
    for Known { account, seen, .. } in load(file)? {
        match gathered.last_mut().filter(|last| last.account == account) {
            Some(last) => last.seen.push(seen),
            None => gathered.push(Gathered { account, seen: vec![seen] }),
        }
    }
    Ok(gathered)
}

/// Takes out what is there of the accounts that are `written`, and adds what was gathered. Where nothing is left there is
/// no file.
///
/// # Errors
/// When that fails; then the file is as it was.
pub(crate) fn change(file: &Path, written: &HashSet<AccountId>, gathered: &[Gathered]) -> io::Result<()> {
    let mut text = Vec::new();
    for known in load(file)? {
        if !written.contains(&known.account) {
            push(&mut text, &known.line);
        }
    }
    for one in gathered {
        for seen in &one.seen {
            text.extend(line::write(&one.account, seen)?);
        }
    }
    replace(file, &text)
}

/// Takes everything about these accounts out of what the last stop left, and out of what could not be read of it as far as
/// it says whom it is about; gives how many lines that were.
///
/// # Errors
/// When a file cannot be read or written; which one. It is taken out of the others all the same.
pub fn forget_leftovers(file: &Path, accounts: &[AccountId]) -> Result<u64, (PathBuf, io::Error)> {
    let (mut gone, mut failed) = (0, None);
    for file in std::iter::once(file.to_path_buf()).chain(unreadable::files(file)) {
        match forget(&file, accounts) {
            Ok(lines) => gone += lines,
            Err(error) => drop(failed.get_or_insert((file, error))),
        }
    }
    failed.map_or(Ok(gone), Err)
}

fn forget(file: &Path, accounts: &[AccountId]) -> io::Result<u64> {
    let old = match fs::read(file) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let (mut rest, mut gone) = (Vec::new(), 0);
    for line in lines(&old) {
        if line::account(line).is_some_and(|account| accounts.contains(&account)) {
            gone += 1;
        } else {
            push(&mut rest, line);
        }
    }
    if gone > 0 {
        replace(file, &rest)?;
    }
    Ok(gone)
}

/// The lines of the file, which are all of it: what cannot be read is kept beside it from here on.
fn load(file: &Path) -> io::Result<Vec<Known>> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            unreadable::keep_file(file, &error)?;
            return Ok(Vec::new());
        }
    };
    let (mut all, mut unknown) = (Vec::new(), Vec::new());
    for line in lines(&text) {
        match line::read(line) {
            Some((account, seen)) => all.push(Known { account, seen, line: line.to_vec() }),
            None => unknown.push(line),
        }
    }
    if !unknown.is_empty() {
        unreadable::keep_lines(file, &unknown)?;
        let mut rest = Vec::new();
        for known in &all {
            push(&mut rest, &known.line);
        }
        replace(file, &rest)?;
    }
    Ok(all)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn push(text: &mut Vec<u8>, line: &[u8]) {
    text.extend_from_slice(line);
    text.push(b'\n');
}

/// Whole or not at all: a new file takes the place of the old one. Of nothing there is no file.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    if text.is_empty() {
        return match fs::remove_file(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.and_then(|()| sync_folder(file)),
        };
    }
    let new = file.with_extension("new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(text)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    sync_folder(file)
}

/// A new name is safe once the folder is.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
