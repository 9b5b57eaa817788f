//! The file: what was left is read as it was, and nothing in it is thrown away.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::domain::{AccountId, Fact, GuessFacts, Rejection, Repeat};
use crate::gateway::leftovers::{LEFTOVERS, Leftovers, add_beside, change, read, unreadable};
use crate::store::suite::harness::{account, at, integration};
use crate::store::{Gathered, Seen};

fn forget_leftovers(file: &Path, accounts: &[AccountId]) -> Result<u64, (PathBuf, io::Error)> {
    Leftovers::reach(file)?.forget(accounts)
}

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

fn of(identifier: &str) -> Gathered {
    Gathered { account: account(identifier), seen: vec![seen(Fact::MustChange)] }
}

/// A file with these accounts in it.
fn left(gathered: &[Gathered]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(LEFTOVERS);
    change(&file, &HashSet::new(), gathered).expect("written");
    (folder, file)
}

/// Puts bytes in front of what is there.
fn spoil(file: &PathBuf, bytes: &[u8]) {
    let there = fs::read(file).expect("it is there");
    fs::write(file, [bytes, &there].concat()).expect("written");
}

fn mode(file: &PathBuf) -> u32 {
    fs::metadata(file).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn what_is_left_is_read_as_it_was() {
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
    let (_folder, file) = left(&gathered);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(read(&file).expect("read"), gathered);
}

#[test]
fn what_is_written_goes_and_what_comes_is_added() {
    let (_folder, file) = left(&[of("a"), of("b"), of("a"), of("c")]);
    change(&file, &HashSet::from([account("a"), account("c")]), &[of("c"), of("d")]).expect("changed");
    assert_eq!(read(&file).expect("read"), [of("b"), of("c"), of("d")]);
    assert_eq!(mode(&file), 0o600);
    change(&file, &["b", "c", "d"].map(account).into(), &[]).expect("changed");
    assert!(!file.exists(), "of an empty file nothing is left");
    assert_eq!(read(&file).expect("there is none"), []);
}

#[test]
fn lines_that_cannot_be_read_are_kept_beside_the_file_and_take_no_other_with_them() {
    let (folder, file) = left(&[of("a")]);
    spoil(&file, b"{\"version\":9}\n\xff\n");
    assert_eq!(read(&file).expect("read"), [of("a")]);
    assert_eq!(unreadable(&file), ["flags-left-over.unreadable.jsonl"]);
    spoil(&file, b"nonsense\n");
    change(&file, &HashSet::from([account("a")]), &[of("b")]).expect("changed");
    assert_eq!(read(&file).expect("read"), [of("b")]);
    let beside = folder.path().join("flags-left-over.unreadable.jsonl");
    assert_eq!(fs::read(&beside).expect("it is there"), b"{\"version\":9}\n\xff\nnonsense\n");
    assert_eq!(mode(&beside), 0o600);
}

#[test]
fn a_file_that_cannot_be_read_is_moved_and_never_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(LEFTOVERS);
    for number in 1..3 {
        // Whoever runs the tests may read everything, but no folder as a file.
        fs::create_dir(&file).expect("made");
        fs::write(file.join("evidence"), [number]).expect("written");
        change(&file, &HashSet::new(), &[of("a")]).expect("changed");
        assert_eq!(read(&file).expect("read"), [of("a")]);
        let moved = folder.path().join(format!("flags-left-over.unreadable-{number}.jsonl"));
        assert_eq!(fs::read(moved.join("evidence")).expect("it is there"), [number]);
        fs::remove_file(&file).expect("removed");
    }
    assert_eq!(unreadable(&file), [1, 2].map(|number| format!("flags-left-over.unreadable-{number}.jsonl")));
}

#[test]
fn who_is_forgotten_is_taken_out_and_nobody_else() {
    let (_folder, file) = left(&[of("a"), of("b"), of("a"), of("c")]);
    assert_eq!(forget_leftovers(&file, &[account("d")]).expect("read"), 0);
    assert_eq!(forget_leftovers(&file, &[account("a"), account("c")]).expect("written"), 3);
    assert_eq!(read(&file).expect("read"), [of("b")]);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(forget_leftovers(&file, &[account("b")]).expect("written"), 1);
    assert!(!file.exists(), "of an empty file nothing is left");
    assert_eq!(forget_leftovers(&file, &[account("b")]).expect("there is none"), 0);
}

#[test]
fn who_is_forgotten_is_taken_out_of_another_versions_lines_too() {
    let (folder, file) = left(&[of("b")]);
    let line = |identifier| format!("{{\"account\":\"{identifier}\",\"institution\":\"01DEMO_INST\",\"new\":1}}\n");
    spoil(&file, (line("a") + &line("b")).as_bytes());
    read(&file).expect("read");
    assert_eq!(forget_leftovers(&file, &[account("a")]).expect("written"), 1);
    let beside = folder.path().join("flags-left-over.unreadable.jsonl");
    assert_eq!(fs::read_to_string(&beside).expect("it is there"), line("b"));
    // And where another file is out of reach, which is told.
    let out_of_reach = folder.path().join("flags-left-over.unreadable-1.jsonl");
    fs::create_dir(&out_of_reach).expect("in the way");
    assert_eq!(forget_leftovers(&file, &[account("b")]).expect_err("out of reach").0, out_of_reach);
    assert!(!beside.exists(), "nothing is left of it");
}

/// What a file is like that cannot be opened for a moment: nobody may open this one, whatever their rights are.
fn out_of_reach(file: &PathBuf) {
    symlink(file, file).expect("a link that leads nowhere else");
}

#[test]
fn a_file_that_cannot_be_read_for_the_moment_is_left_alone() {
    let (folder, file) = left(&[of("a")]);
    let good = folder.path().join("good");
    fs::rename(&file, &good).expect("moved");
    out_of_reach(&file);
    read(&file).expect_err("out of reach");
    change(&file, &HashSet::new(), &[of("b")]).expect_err("out of reach");
    forget_leftovers(&file, &[account("a")]).expect_err("out of reach");
    assert_eq!(unreadable(&file), Vec::<String>::new(), "it is not moved");
    fs::rename(&good, &file).expect("back");
    assert_eq!(read(&file).expect("read"), [of("a")]);
}

#[test]
fn nobody_undoes_what_another_process_changes() {
    const TIMES: u32 = 40;
    let (_folder, file) = left(&[]);
    let add = |who: &'static str| {
        let file = file.clone();
        move || {
            for number in 0..TIMES {
                // A machine that is busy may let one wait for long; then it tries again.
                while let Err(error) = change(&file, &HashSet::new(), &[of(&format!("{who}{number}"))]) {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                }
                forget_leftovers(&file, &[account(&format!("{who}{}", number / 2))]).expect("forgotten");
            }
        }
    };
    let adding = ["a", "b"].map(|who| thread::spawn(add(who)));
    for adding in adding {
        adding.join().expect("it ends");
    }
    let left: BTreeSet<String> =
        read(&file).expect("read").into_iter().map(|one| one.account.identifier().to_owned()).collect();
    let expected = ["a", "b"].iter().flat_map(|who| (TIMES / 2..TIMES).map(move |number| format!("{who}{number}")));
    assert_eq!(left, expected.collect());
}

#[test]
fn who_holds_the_file_for_ever_holds_nobody_up() {
    let (folder, file) = left(&[of("a")]);
    let lock = folder.path().join("flags-left-over.lock");
    let held = fs::OpenOptions::new().write(true).open(&lock).expect("it is there");
    held.lock().expect("it is free");
    let error = change(&file, &HashSet::new(), &[of("b")]).expect_err("it is held");
    assert_eq!(error.to_string(), "another process holds flags-left-over.lock");
    let (named, error) = forget_leftovers(&file, &[account("a")]).expect_err("it is held");
    assert_eq!((named, error.kind()), (lock.clone(), io::ErrorKind::TimedOut));
    // Who waits gets it as soon as it is free.
    let forgetting = thread::spawn(move || forget_leftovers(&file, &[account("a")]).expect("forgotten"));
    thread::sleep(Duration::from_millis(50));
    drop(held);
    assert_eq!(forgetting.join().expect("it ends"), 1);
    assert_eq!((fs::read(&lock).expect("it stays"), mode(&lock)), (Vec::new(), 0o600), "it holds nothing");
}

#[test]
fn what_a_crash_left_half_written_names_nobody_for_long() {
    let (folder, file) = left(&[of("a"), of("b")]);
    let half = folder.path().join("flags-left-over.new");
    fs::write(&half, "{\"account\":\"a\",\"institution\":\"01DE").expect("written");
    assert_eq!(forget_leftovers(&file, &[account("a")]).expect("written"), 1);
    assert!(!half.exists(), "it may name whoever is forgotten");
    fs::write(&half, "half").expect("written");
    assert_eq!(read(&file).expect("read"), [of("b")]);
    assert!(!half.exists(), "nobody needs it");
}

#[test]
fn what_is_left_beside_the_file_is_joined_to_it_and_forgotten_there() {
    let (folder, file) = left(&[of("a")]);
    let further = |number| folder.path().join(format!("flags-left-over.further-{number}.jsonl"));
    for (number, who) in [(1, "b"), (2, "c")] {
        assert_eq!(add_beside(&file, &[of("x"), of(who)]).expect("written"), further(number));
        assert_eq!(mode(&further(number)), 0o600);
    }
    assert_eq!(forget_leftovers(&file, &[account("x"), account("b")]).expect("written"), 3);
    assert!(!further(1).exists(), "nothing is left of it");
    assert_eq!(read(&file).expect("read"), [of("a"), of("c")]);
    assert!(!further(2).exists(), "it is in the file");
    assert_eq!(read(&file).expect("read"), [of("a"), of("c")]);
}

/// Whoever is alone with the file removes what a crash left half-written, and cannot know what is being written.
#[test]
fn what_is_left_beside_the_file_is_not_taken_for_what_a_crash_left() {
    let (_folder, file) = left(&[]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                read(&file).expect("nobody else has it");
            }
        });
        let added = (0..50).map(|number| add_beside(&file, &[of(&format!("reader-{number}"))])).collect::<Vec<_>>();
        is_over.store(true, Ordering::Relaxed);
        assert!(added.iter().all(Result::is_ok), "{added:?}");
    });
    assert_eq!(read(&file).expect("read").len(), 50);
}
