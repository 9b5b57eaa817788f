//! `soapgate report import`: what a list opens, what it says of itself, and how it is refused.

use std::fs;

use serde_json::{Value, json};

use crate::{Desk, ONE, TWO};

const LIST: &str = "Primary Identifier,User Type,IdP Service in Use,Identifier 1,First Name\n\
                    reader,Internal,No,2001,Rea\nREADER,Internal,No,2002,Rea\nwriter,Internal,No,,Wri\n\
                    mia,Internal,Yes,2003,Mia\nguest,External,No,2004,Gus\nmonitoring,Internal,No,,Mon\n";

fn desk() -> Desk {
    let desk = Desk::new(
        &ONE.replace("identity = \"accounts\"", "identity = \"accounts\"\nprobe_accounts = [\"Monitoring\"]"),
    );
    fs::write(desk.0.path().join("list.csv"), LIST).expect("a file");
    desk
}

#[test]
fn a_list_is_imported_once_and_flags_its_accounts() {
    let desk = desk();
    let out = desk.ok("report import list.csv --by mia", b"");
    let expected = "2 accounts of institution 01DEMO_INST imported, from 6 rows: 2 are new, 2 flags were opened\n\
                    2 rows left out: 1 not internal, 1 held by the identity service (these columns say \"External\", \"Yes\")\n\
                    1 accounts left out that monitoring signs in with\n\
                    columns that say nothing here: First Name\n";
    assert_eq!(out, expected);
    let flags = desk.json("flags list --sort account --json");
    let seen: Vec<_> =
        flags.as_array().expect("an array").iter().map(|flag| (&flag["account"], &flag["severity"])).collect();
    assert_eq!(seen, [(&json!("reader"), &json!("low")), (&json!("writer"), &json!("low"))]);
    assert_eq!(flags[0]["reasons"], json!(["reported"]));
    let id = flags[0]["id"].as_str().expect("an id");
    let trail = &desk.json(&format!("flags show {id} --json"))["trail"];
    assert_eq!((&trail[0]["event"], &trail[0]["actor"]), (&json!("open"), &json!("mia")));

    let again = desk.ok("report import list.csv", b"");
    assert_eq!(again, "list.csv was imported before for institution 01DEMO_INST; nothing was changed\n");
    assert_eq!(desk.json("flags list --sort account --json"), flags);
}

#[test]
fn what_an_import_did_is_one_object() {
    let desk = desk();
    let expected = json!({
        "institution": "01DEMO_INST", "rows": 6, "listed": 2, "new": 2, "held": 0, "opened": 2, "reopened": 0, "closed": 0, "repeated": false,
        "left_out": { "not_internal": 1, "in_use": 1, "probe_accounts": 1 },
        "ignored_columns": ["First Name"], "missing_columns": [],
    });
    assert_eq!(desk.json("report import list.csv --json"), expected);
    let again = desk.json("report import list.csv --json");
    assert_eq!((&again["repeated"], &again["opened"], &again["listed"]), (&json!(true), &json!(0), &json!(2)));
}

#[test]
fn standard_input_and_the_operators_name_are_taken() {
    let desk = desk();
    let operator = [("SOAPGATE_OPERATOR", "ben")];
    let done = desk.run_with("report import - --json", &operator, b"Primary Identifier\r\n0042\r\n");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let view: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(view["missing_columns"], json!(["User Type", "IdP Service in Use"]));
    let flags = desk.json("flags list --json");
    assert_eq!(flags[0]["account"], "0042");
    let id = flags[0]["id"].as_str().expect("an id");
    assert_eq!(desk.json(&format!("flags show {id} --json"))["trail"][0]["actor"], "ben");
    let text = desk.ok("report import -", b"Primary Identifier\n0043\n");
    let every =
        "the file has no column \"User Type\" and \"IdP Service in Use\": every row was taken for one that counts\n";
    assert!(text.ends_with(every), "{text}");
}

#[test]
fn a_list_that_is_wrong_is_refused_whole_with_everything_that_is_wrong() {
    let desk = desk();
    fs::write(desk.0.path().join("wrong.csv"), "Primary Identifier\nfine\n2.2E+13\n=A1\n").expect("a file");
    let done = desk.run("report import wrong.csv", b"");
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    let lines: Vec<&str> = done.err.lines().collect();
    assert_eq!((lines.len(), lines[2]), (3, "nothing was imported"));
    assert!(lines[0].starts_with("wrong.csv:3: Primary Identifier: is \"2.2E+13\", "), "{}", done.err);
    assert!(lines[1].starts_with("wrong.csv:4: Primary Identifier: is \"=A1\", "), "{}", done.err);
    assert_eq!(desk.json("flags list --json"), json!([]));
    let done = desk.run("report import -", b"User Name\nreader\n");
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("standard input: has no column \"Primary Identifier\""), "{}", done.err);
    let done = desk.run("report import none.csv", b"");
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("none.csv: cannot be read: "), "{}", done.err);
    let done = desk.run("report import .", b"");
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with(".: cannot be read: "), "{}", done.err);
    assert_eq!(desk.run("report import", b"").code, Some(2));
}

#[test]
fn the_institution_of_a_list_is_named_where_there_are_two() {
    let desk = Desk::new(&format!("{ONE}{TWO}"));
    let list = b"Primary Identifier\nreader\n";
    desk.fails("report import -", list, 2, "say which institution with --institution: 01DEMO_INST, 02OTHER");
    for institution in ["01DEMO_INST", "02OTHER"] {
        let done = desk.run(&format!("report import - --institution {institution} --json"), list);
        assert_eq!(done.code, Some(0), "{}", done.err);
        let view: Value = serde_json::from_str(&done.out).expect("JSON");
        assert_eq!((&view["institution"], &view["opened"]), (&json!(institution), &json!(1)));
    }
    assert_eq!(desk.json("flags list --json").as_array().map(Vec::len), Some(2));
}
