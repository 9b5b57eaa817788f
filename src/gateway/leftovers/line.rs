//! What could not be written: when a server stopped while its store was away, or because the store cannot take it. One
//! file, that the next start reads. It holds identifiers, so nobody but its owner reads it; nothing of a password is in it.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Fact, GuessFacts, Institution, IntegrationName, Rejection, Repeat, Timestamp};
use crate::store::{Gathered, Seen};

/// The file's name inside the data folder.
pub const LEFTOVERS: &str = "flags-left-over.jsonl";

/// A repeated password.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepeatPart {
    since: i64,
    refusals: u32,
    days: u32,
}

/// One fact about an account, as a line of JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    institution: String,
    account: String,
    fact: String,
    rejection: Option<String>,
    repeat: Option<RepeatPart>,
    could_be_set: bool,
    integration: Option<String>,
    source: Option<std::net::IpAddr>,
    operation: String,
    first: i64,
    last: i64,
    count: u64,
}

impl Line {
    fn of(account: &AccountId, seen: &Seen) -> Self {
        let (fact, refused) = match seen.fact {
            Fact::Accepted => ("accepted", None),
            Fact::IntegrationAccepted => ("integration-accepted", None),
            Fact::IntegrationRefused => ("integration-refused", None),
            Fact::MustChange => ("must-change", None),
            Fact::Refused(rejection, guess) => ("refused", Some((rejection, guess))),
        };
        let guess = refused.map(|(_, guess)| guess).unwrap_or_default();
        Self {
            institution: account.institution().to_string(),
            account: account.identifier().to_owned(),
            fact: fact.to_owned(),
            rejection: refused.map(|(rejection, _)| rejection.label().to_owned()),
            repeat: guess.repeat.map(|Repeat { since, refusals, days }| RepeatPart {
                since: since.as_millis(),
                refusals,
                days,
            }),
            could_be_set: guess.could_be_set,
            integration: seen.integration.as_ref().map(IntegrationName::to_string),
            source: seen.source,
            operation: seen.operation.clone().into_owned(),
            first: seen.first.as_millis(),
            last: seen.last.as_millis(),
            count: seen.count,
        }
    }

    fn read(self) -> Option<(AccountId, Seen)> {
        let account = AccountId::parse(&Institution::parse(&self.institution).ok()?, &self.account).ok()?;
        let repeat = self.repeat.map(|RepeatPart { since, refusals, days }| Repeat {
            since: Timestamp::from_millis(since),
            refusals,
            days,
        });
        let fact = match self.fact.as_str() {
            "accepted" => Fact::Accepted,
            "integration-accepted" => Fact::IntegrationAccepted,
            "integration-refused" => Fact::IntegrationRefused,
            "must-change" => Fact::MustChange,
            "refused" => {
                let guess = GuessFacts { repeat, could_be_set: self.could_be_set };
                Fact::Refused(Rejection::of_label(self.rejection.as_deref()?)?, guess)
            }
            _ => return None,
        };
        let integration = self.integration.map(|name| IntegrationName::parse(&name)).transpose().ok()?;
        let seen = Seen {
            fact,
            integration,
            source: self.source,
            operation: Cow::Owned(self.operation),
            first: Timestamp::from_millis(self.first),
            last: Timestamp::from_millis(self.last),
            count: self.count,
        };
        Some((account, seen))
    }
}

/// What was left; nothing where there is no file. A line that cannot be read is told and passed over.
pub(crate) fn read(file: &Path) -> Vec<Gathered> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::error!(file = %file.display(), error = %error, "flag.leftovers_unreadable");
            return Vec::new();
        }
    };
    let mut gathered: Vec<Gathered> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((account, seen)) = serde_json::from_str::<Line>(line).ok().and_then(Line::read) else {
            tracing::error!(file = %file.display(), line = number + 1, "flag.leftover_unreadable");
            continue;
        };
        match gathered.last_mut().filter(|last| last.account == account) {
            Some(last) => last.seen.push(seen),
            None => gathered.push(Gathered { account, seen: vec![seen] }),
        }
    }
    tracing::info!(file = %file.display(), accounts = gathered.len(), "flag.leftovers_read");
    gathered
}

/// Leaves what was gathered in place of what was there; false when that fails. Of nothing there is no file.
pub(crate) fn keep(file: &Path, gathered: &[Gathered]) -> bool {
    if gathered.is_empty() {
        remove(file);
        return true;
    }
    match try_write(file, gathered) {
        Ok(()) => tracing::warn!(file = %file.display(), accounts = gathered.len(), "flag.left_over"),
        Err(error) => {
            tracing::error!(file = %file.display(), accounts = gathered.len(), error = %error, "flag.lost");
            return false;
        }
    }
    true
}

/// The same, beside what was there.
pub(crate) fn add(file: &Path, gathered: &[Gathered]) -> bool {
    let mut all = read(file);
    all.extend_from_slice(gathered);
    keep(file, &all)
}

fn try_write(file: &Path, gathered: &[Gathered]) -> io::Result<()> {
    let mut text = Vec::new();
    for one in gathered {
        for seen in &one.seen {
            serde_json::to_writer(&mut text, &Line::of(&one.account, seen))?;
            text.push(b'\n');
        }
    }
    replace(file, &text)
}

/// Whole or not at all: a new file takes the place of the old one.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(text)?;
    out.sync_all()?;
    fs::rename(&new, file)
}

/// Takes everything about these accounts out of what the last stop left; gives how many lines that were.
///
/// # Errors
/// When the file cannot be read or written.
pub fn forget_leftovers(file: &Path, accounts: &[AccountId]) -> io::Result<u64> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let is_about = |line: &&str| {
        let read = serde_json::from_str::<Line>(line).ok().and_then(Line::read);
        read.is_some_and(|(account, _)| accounts.contains(&account))
    };
    let (gone, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(is_about);
    if gone.is_empty() {
        return Ok(0);
    }
    if kept.is_empty() {
        fs::remove_file(file)?;
    } else {
        replace(file, format!("{}\n", kept.join("\n")).as_bytes())?;
    }
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// Removes the file, once all of it is in the store.
fn remove(file: &Path) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(file = %file.display(), error = %error, "flag.leftovers_stay");
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::suite::harness::{account, at, integration};

    fn seen(fact: Fact) -> Seen {
        Seen {
            fact,
            integration: Some(integration("proxy")),
            source: Some(std::net::IpAddr::from([192, 0, 2, 1])),
            operation: Cow::Borrowed("authenticateUser"),
            first: at(1),
            last: at(2),
            count: 3,
        }
    }

    #[test]
    fn what_is_left_is_read_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("left");
        let repeat = Repeat { since: at(1), refusals: 7, days: 2 };
        let guess = GuessFacts { repeat: Some(repeat), could_be_set: false };
        let facts = [
            Fact::Accepted,
            Fact::IntegrationAccepted,
            Fact::IntegrationRefused,
            Fact::MustChange,
            Fact::Refused(Rejection::WrongPassword, guess),
        ];
        let gathered = [
            Gathered { account: account("zoë \"x\""), seen: facts.map(seen).to_vec() },
            Gathered {
                account: account("b"),
                seen: vec![Seen { integration: None, source: None, ..seen(Fact::Accepted) }],
            },
        ];
        assert!(keep(&file, &gathered));
        assert_eq!(fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&file), gathered);
        let more = Gathered { account: account("c"), seen: vec![seen(Fact::MustChange)] };
        assert!(add(&file, std::slice::from_ref(&more)));
        assert_eq!(read(&file), [&gathered[..], &[more]].concat());
        assert!(keep(&file, &[]));
        assert_eq!(read(&file), []);
    }

    #[test]
    fn who_is_forgotten_is_taken_out_and_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("left");
        assert_eq!(forget_leftovers(&file, &[account("a")]).expect("there is none"), 0);
        let of = |identifier| Gathered { account: account(identifier), seen: vec![seen(Fact::MustChange)] };
        keep(&file, &[of("a"), of("b"), of("a"), of("c")]);
        assert_eq!(forget_leftovers(&file, &[account("d")]).expect("read"), 0);
        assert_eq!(forget_leftovers(&file, &[account("a"), account("c")]).expect("written"), 3);
        assert_eq!(read(&file), [of("b")]);
        assert_eq!(fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
        assert_eq!(forget_leftovers(&file, &[account("b")]).expect("written"), 1);
        assert!(!file.exists(), "of an empty file nothing is left");
    }

    #[test]
    fn a_line_that_cannot_be_read_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("left");
        let gathered = [Gathered { account: account("a"), seen: vec![seen(Fact::MustChange)] }];
        keep(&file, &gathered);
        let text = fs::read_to_string(&file).expect("written");
        fs::write(&file, format!("{{}}\nnonsense\n{text}")).expect("written");
        assert_eq!(read(&file), gathered);
    }
}
