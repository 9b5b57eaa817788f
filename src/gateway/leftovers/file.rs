//! The file itself: read, changed, and rid of whoever is forgotten. It is always replaced as a whole.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::iter::once;
use std::path::{Path, PathBuf};

use crate::domain::AccountId;
use crate::gateway::leftovers::lock::{self, Alone, alone};
use crate::gateway::leftovers::replace::{remove, replace};
use crate::gateway::leftovers::{further, line, names, unreadable};
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
/// When the file cannot be read for the moment; it is left alone then.
pub(crate) fn read(file: &Path) -> io::Result<Vec<Gathered>> {
    let _alone = alone(file, lock::SERVER)?;
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
    let _alone = alone(file, lock::SERVER)?;
    let mut text = Vec::new();
    for known in load(file)? {
        if !written.contains(&known.account) {
            push(&mut text, &known.line);
        }
    }
    text.extend(spell(gathered)?);
    replace(file, &text)
}

/// Leaves what was gathered beside a file that is out of reach; where.
///
/// # Errors
/// When that fails; then nothing is left there.
pub(crate) fn add_beside(file: &Path, gathered: &[Gathered]) -> io::Result<PathBuf> {
    further::add(file, &spell(gathered)?)
}

/// What the last stop left, which nobody else changes as long as somebody has it.
pub struct Leftovers {
    file: PathBuf,
    _alone: Alone,
}

impl Leftovers {
    /// Waits until nobody else has it.
    ///
    /// # Errors
    /// When another process has it for long, or it is out of reach; which file.
    pub fn reach(file: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let alone = alone(file, lock::COMMAND).map_err(|error| (lock::lock(file), error))?;
        Ok(Self { file: file.to_path_buf(), _alone: alone })
    }

    /// Takes everything about these accounts out of it, and out of what could not be read of it as far as it says whom it is
    /// about; gives how many lines that were.
    ///
    /// # Errors
    /// When a file cannot be read or written; which one. It is taken out of the others all the same.
    pub fn forget(self, accounts: &[AccountId]) -> Result<u64, (PathBuf, io::Error)> {
        let beside = |files: fn(&Path) -> io::Result<Vec<PathBuf>>| {
            files(&self.file).map_err(|error| (names::folder(&self.file).to_path_buf(), error))
        };
        let (further, unreadable) = (beside(further::files)?, beside(unreadable::files)?);
        let (mut gone, mut failed) = (0, None);
        for file in once(self.file.clone()).chain(further).chain(unreadable) {
            match forget(&file, accounts) {
                Ok(lines) => gone += lines,
                Err(error) => drop(failed.get_or_insert((file, error))),
            }
        }
        failed.map_or(Ok(gone), Err)
    }
}

fn forget(file: &Path, accounts: &[AccountId]) -> io::Result<u64> {
    if is_something_else(file) {
        return Err(io::Error::other("it is no file"));
    }
    let old = text(file)?;
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

/// The lines of the file, which are all that was left: what lies in further files is in it from here on, and what cannot
/// be read is kept beside it. No folder becomes a file by waiting, so that is moved out of the way; every other error may
/// pass.
fn load(file: &Path) -> io::Result<Vec<Known>> {
    if is_something_else(file) {
        unreadable::keep_whole(file)?;
    }
    let further = further::files(file)?;
    let (mut all, mut unknown) = (Vec::new(), Vec::new());
    for file in once(file).chain(further.iter().map(PathBuf::as_path)) {
        for line in lines(&text(file)?) {
            match line::read(line) {
                Some((account, seen)) => all.push(Known { account, seen, line: line.to_vec() }),
                None => unknown.push(line.to_vec()),
            }
        }
    }
    if !unknown.is_empty() {
        unreadable::keep_lines(file, &unknown)?;
    }
    if !unknown.is_empty() || !further.is_empty() {
        let mut rest = Vec::new();
        for known in &all {
            push(&mut rest, &known.line);
        }
        replace(file, &rest)?;
        further.iter().try_for_each(|further| remove(further))?;
    }
    Ok(all)
}

/// What is in a file; nothing where there is none.
fn text(file: &Path) -> io::Result<Vec<u8>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Whether a folder or the like is in the file's place, of which some would be read for ever.
fn is_something_else(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|there| !there.is_file())
}

fn spell(gathered: &[Gathered]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for one in gathered {
        for seen in &one.seen {
            text.extend(line::write(&one.account, seen)?);
        }
    }
    Ok(text)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn push(text: &mut Vec<u8>, line: &[u8]) {
    text.extend_from_slice(line);
    text.push(b'\n');
}
