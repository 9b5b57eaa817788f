//! Files of lists: `fixtures/report/<name>.csv` is read, and `<name>.expected` must come of it.
//!
//! `SOAPGATE_REPORT=write cargo test operator::report` writes what comes now: read the difference before you commit it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::domain::{AccountId, Institution};
use crate::operator::report::{AccountList, FILE_BYTES_MAX, read_list};

fn institution() -> Institution {
    Institution::parse("01DEMO_INST").expect("a valid code")
}

fn shown(list: &AccountList) -> String {
    let mut text = format!("rows {}\n", list.rows);
    for listed in &list.accounts {
        let others: Vec<&str> = listed.others.iter().map(AccountId::identifier).collect();
        let line = format!("account {}: {}", listed.account.identifier(), others.join(", "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let left_out = &list.left_out;
    let _ = writeln!(text, "left out {} not internal, {} in use", left_out.not_internal, left_out.in_use);
    let _ = writeln!(text, "left out for {:?}", left_out.values);
    let _ = writeln!(text, "ignored {:?}", list.ignored_columns);
    let _ = writeln!(text, "missing {:?}", list.missing_columns);
    text
}

#[test]
fn every_file_comes_out_as_expected() {
    let write = std::env::var("SOAPGATE_REPORT").is_ok_and(|word| word == "write");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/report");
    let (mut wrong, mut count) = (String::new(), 0);
    for entry in fs::read_dir(folder).expect("the folder") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let input = fs::File::open(&file).expect("a file");
        let came = match read_list(&institution(), &name, input, &mut |_| ()) {
            Ok(list) => shown(&list),
            Err(problems) => format!("{problems}\n"),
        };
        let expected = file.with_extension("expected");
        if write {
            fs::write(&expected, &came).expect("written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != came {
            let _ = writeln!(wrong, "--- {name}\n{came}");
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(count, 20);
}

#[test]
fn a_digest_stands_for_the_bytes_and_not_for_what_they_say() {
    let digest =
        |text: &str| read_list(&institution(), "list.csv", text.as_bytes(), &mut |_| ()).expect("a list").digest;
    assert_eq!(digest("Primary Identifier\nreader\n"), digest("Primary Identifier\nreader\n"));
    assert_ne!(digest("Primary Identifier\nreader\n"), digest("Primary Identifier\r\nreader\r\n"));
}

/// A file on a disk that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("gone"))
    }
}

#[test]
fn a_file_that_is_too_large_or_fails_halfway_is_refused() {
    let refused = |input: &mut dyn Read| {
        read_list(&institution(), "list.csv", input, &mut |_| ()).expect_err("refused").to_string()
    };
    let most = u64::try_from(FILE_BYTES_MAX).expect("small");
    let large = refused(&mut io::repeat(b'x').take(most + 1));
    assert_eq!(large, "list.csv: is larger than 64 MiB: export fewer columns\nnothing was imported");

    let broken = refused(&mut "Primary Identifier\nreader\n".as_bytes().chain(Broken));
    assert_eq!(broken, "list.csv: cannot be read: gone\nnothing was imported");
}

#[test]
fn a_long_list_is_read_with_word_of_it_and_no_longer_than_a_million_rows() {
    let rows = |count: usize| format!("Primary Identifier\n{}", "r\n".repeat(count));
    let mut steps = Vec::new();
    let list = read_list(&institution(), "list.csv", rows(25_000).as_bytes(), &mut |count| steps.push(count));
    let list = list.expect("a list");
    assert_eq!((list.rows, list.accounts.len(), steps), (25_000, 1, vec![10_000, 20_000]));
    let long = read_list(&institution(), "list.csv", rows(1_000_001).as_bytes(), &mut |_| ()).expect_err("refused");
    assert!(long.to_string().contains("more than 1,000,000 rows"), "{long}");
}

#[test]
fn an_account_has_so_many_identifiers_and_no_more() {
    let rows: Vec<String> = (0..70).map(|n| format!("reader,{n}")).collect();
    let text = format!("Primary Identifier,Barcode\n{}", rows.join("\n"));
    let error = read_list(&institution(), "list.csv", text.as_bytes(), &mut |_| ()).expect_err("refused");
    assert!(error.told()[0].text.contains("more than 64 further identifiers"), "{error}");
    assert_eq!(error.told()[0].line, Some(66));
}
