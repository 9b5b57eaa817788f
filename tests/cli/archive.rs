//! Backups, restores and forgetting, as scripts use them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::{Desk, INTEGRATION, ONE, TWO};

const ELSEWHERE: [(&str, &str); 1] = [("SOAPGATE__DATABASE__URL", "sqlite:new.db")];

#[test]
fn a_backup_is_restored_to_an_empty_database_and_to_no_other() {
    let desk = Desk::new(ONE);
    desk.ok("accounts add reader", b"planted-s3cret\n");
    desk.ok(&format!("integrations add {INTEGRATION}"), b"planted-s3cret\n");
    let backup = desk.json("backup copy.jsonl --json");
    assert_eq!((&backup["file"], &backup["tables"]["account"]), (&json!("copy.jsonl"), &json!(1)));
    let copy = fs::read(desk.0.path().join("copy.jsonl")).expect("a file");
    assert_eq!(backup["bytes"], copy.len());
    assert!(!copy.windows(7).any(|bytes| bytes == b"planted") && copy.windows(9).any(|bytes| bytes == b"$argon2id"));
    let mode = fs::metadata(desk.0.path().join("copy.jsonl")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let restored = desk.run_with("restore copy.jsonl", &ELSEWHERE, b"");
    assert_eq!((restored.code, restored.err.as_str()), (Some(0), ""));
    let (rows, made_at) = (&backup["rows"], &String::from_utf8_lossy(&copy));
    let made_at = made_at.split("\"made_at\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a time");
    assert_eq!(restored.out, format!("{rows} rows restored from copy.jsonl, a backup of {made_at}\n"));
    assert!(desk.run_with("accounts list", &ELSEWHERE, b"").out.contains("reader   ok"));

    let again = desk.run_with("restore copy.jsonl", &ELSEWHERE, b"");
    assert_eq!((again.code, again.out.as_str()), (Some(1), ""));
    let err = "the database holds something already, and its trail cannot be emptied: restore to a new one (change \
               database.url, or stop the server and move the database away)\n";
    assert_eq!(again.err, err);
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_is_told_otherwise() {
    let desk = Desk::new(ONE);
    let file = desk.0.path().join("copy.jsonl");
    fs::write(&file, "something dear").expect("a file");
    fs::write(desk.0.path().join("copy.jsonl.new"), "half of an earlier one").expect("a file");
    let err = "copy.jsonl exists already: write another name, or put the backup in its place with --force";
    desk.fails("backup copy.jsonl", b"", 1, err);
    assert_eq!(fs::read(&file).expect("a file"), b"something dear");
    let out = desk.ok("backup copy.jsonl --force", b"");
    assert!(out.starts_with("1 rows of 1 tables copied to copy.jsonl ("), "{out}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "also in the place of one that others could read");
    assert!(!desk.0.path().join("copy.jsonl.new").exists());
    let done = desk.run("backup none/copy.jsonl", b"");
    assert_eq!(done.code, Some(1));
    assert_eq!(done.err, "none/copy.jsonl cannot be read or written: No such file or directory (os error 2)\n");
}

#[test]
fn what_is_no_whole_backup_is_refused() {
    let desk = Desk::new(ONE);
    desk.ok("accounts add reader --no-password", b"");
    desk.ok("backup copy.jsonl", b"");
    let copy = fs::read_to_string(desk.0.path().join("copy.jsonl")).expect("a file");
    let short = copy.lines().take(2).fold(String::new(), |text, line| text + line + "\n");
    fs::write(desk.0.path().join("short.jsonl"), short).expect("a file");
    fs::write(desk.0.path().join("other.jsonl"), "{}\n").expect("a file");
    let cases = [
        ("short.jsonl", "the file is damaged or cut off: line 3 is missing\n"),
        ("other.jsonl", "the file is no backup that this version can read\n"),
        ("none.jsonl", "none.jsonl cannot be read or written: No such file or directory (os error 2)\n"),
    ];
    for (file, err) in cases {
        let done = desk.run_with(&format!("restore {file}"), &ELSEWHERE, b"");
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(1), "", err), "{file}");
    }
    assert!(desk.run_with("restore copy.jsonl", &ELSEWHERE, b"").code == Some(0), "nothing was written before");
}

#[test]
fn a_person_is_forgotten_once() {
    let desk = Desk::new(&format!("{ONE}{TWO}"));
    for institution in ["01DEMO_INST", "02OTHER"] {
        desk.ok(&format!("accounts add Reader --institution {institution}"), b"x\n");
    }
    let left = |account: &str| {
        let line = json!({"institution": "01DEMO_INST", "account": account, "fact": "must-change", "rejection": null,
            "repeat": null, "could_be_set": false, "integration": null, "source": null, "operation": "",
            "first": 1, "last": 1, "count": 1});
        format!("{line}\n")
    };
    let file = desk.0.path().join("data/flags-left-over.jsonl");
    fs::write(&file, left("reader") + &left("other")).expect("a file");
    desk.fails("accounts forget reader", b"", 2, "say which institution with --institution: 01DEMO_INST, 02OTHER");
    let out = desk.ok("accounts forget READER --institution 01DEMO_INST --by mia", b"");
    // The account, the row that told of it, and what a stopped server left.
    assert_eq!(out, "account reader at institution 01DEMO_INST forgotten: flags 0, notes 0, other rows 3\n");
    assert_eq!(fs::read_to_string(&file).expect("a file"), left("other"));
    assert_eq!(desk.json("accounts list --institution 01DEMO_INST --json"), json!([]));
    let err = "nothing is known of account reader at institution 01DEMO_INST";
    desk.fails("accounts forget reader --institution 01DEMO_INST", b"", 1, err);
    let forgotten = desk.json("accounts forget reader --institution 02OTHER --json");
    let expected = json!({"institution": "02OTHER", "identifiers": ["reader"], "flags": 0, "notes": 0, "rows": 2,
        "lingers": false});
    assert_eq!(forgotten, expected);
}
