//! `soapgate flags`: the queue as people and scripts see it, and what they do with it.

use std::fs;

use serde_json::{Value, json};

use crate::{Desk, ONE};

/// Three flags of a list: ada, ben, cyd.
fn desk() -> Desk {
    let desk = Desk::new(ONE);
    fs::write(desk.0.path().join("list.csv"), "Primary Identifier\nada\nben\ncyd\n").expect("a file");
    desk.ok("report import list.csv --by mia", b"");
    desk
}

fn ids(desk: &Desk) -> Vec<String> {
    let flags = desk.json("flags list --sort account --json");
    let id = |flag: &Value| flag["id"].as_str().expect("an id").to_owned();
    flags.as_array().expect("an array").iter().map(id).collect()
}

/// Ends with this code and says this among other things.
fn refuses(desk: &Desk, arguments: &str, code: i32, told: &str) {
    let done = desk.run(arguments, b"");
    assert_eq!((done.code, done.out.as_str()), (Some(code), ""), "{arguments}: {}", done.err);
    assert!(done.err.contains(told), "{arguments}: {}", done.err);
}

#[test]
fn a_table_is_read_page_by_page() {
    let desk = desk();
    let first = desk.ok("flags list --sort account --limit 2", b"");
    let lines: Vec<&str> = first.lines().collect();
    assert!(lines[0].starts_with("SEVERITY  ACCOUNT  INSTITUTION  STATE  REASONS   COUNT  LAST SEEN"), "{first}");
    assert!(lines[1].starts_with("low       ada      01DEMO_INST  open   reported  1"), "{first}");
    assert!(lines[2].contains("  ben  "), "{first}");
    let after = lines[3].strip_prefix("2 of 3; next: --after ").expect("where to go on");
    let rest = desk.ok(&format!("flags list --sort account --limit 2 --after {after}"), b"");
    assert!(rest.lines().count() == 2 && rest.contains("  cyd  "), "{rest}");
    let done = desk.run("flags list --sort account --limit 2 --json", b"");
    assert_eq!(done.err, format!("next: --after {after}\n"), "for programs the array holds flags only");
    refuses(&desk, "flags list --after x", 2, "what to go on after is not what a page of this order said");
}

#[test]
fn filters_leave_what_they_say() {
    let desk = desk();
    desk.ok(&format!("flags assign {} --to mia", ids(&desk)[1]), b"");
    for (filter, accounts) in [
        ("--state open", vec!["ada", "cyd"]),
        ("--state open --state assigned", vec!["ada", "ben", "cyd"]),
        ("--reason reported --state assigned", vec!["ben"]),
        ("--reason locked", vec![]),
        ("--severity low", vec!["ada", "ben", "cyd"]),
        ("--severity critical", vec![]),
        ("--account C", vec!["cyd"]),
        ("--institution 01DEMO_INST", vec!["ada", "ben", "cyd"]),
    ] {
        let flags = desk.json(&format!("flags list --sort account --json {filter}"));
        let shown: Vec<&str> =
            flags.as_array().expect("an array").iter().filter_map(|flag| flag["account"].as_str()).collect();
        assert_eq!(shown, accounts, "{filter}");
    }
    for (wrong, told) in [
        ("--state lost", "write one of assigned, dismissed, notified, open, resolved, snoozed, waiting"),
        ("--reason none", "write one of expired, integration-refused"),
        ("--severity huge", "write one of "),
        ("--limit 0", "0"),
    ] {
        refuses(&desk, &format!("flags list {wrong}"), 2, told);
    }
}

#[test]
fn a_flag_lives_through_its_verbs_and_its_trail_says_who_to_whom_and_until_when() {
    let desk = desk();
    let id = &ids(&desk)[0];
    let said = |state: &str| format!("{id} is {state}\n");
    assert_eq!(desk.ok(&format!("flags assign {id} --to ben --by mia"), b""), said("assigned to ben"));
    assert_eq!(desk.ok(&format!("flags assign {id} --to carl --by mia"), b""), said("assigned to carl"));
    assert_eq!(desk.ok(&format!("flags notify {id} --by carl"), b""), said("notified"));
    assert_eq!(desk.ok(&format!("flags wait {id} --by carl"), b""), said("waiting"));
    assert_eq!(desk.ok(&format!("flags snooze {id} --until 2099-01-31"), b""), said("snoozed"));
    assert_eq!(desk.ok(&format!("flags reopen {id}"), b""), said("open"));
    assert_eq!(desk.ok(&format!("flags resolve {id} --note done"), b""), said("resolved"));
    let shown = desk.ok(&format!("flags show {id}"), b"");
    let trail: Vec<&str> = shown.lines().skip_while(|line| !line.starts_with("WHEN")).skip(1).collect();
    let expected = [
        ("open  ", "  open  ", "mia"),
        ("assign to ben  ", "  open -> assigned  ", "mia"),
        ("assign to carl  ", "  assigned  ", "mia"),
        ("notify  ", "  assigned -> notified  ", "carl"),
        ("wait  ", "  notified -> waiting  ", "carl"),
        ("snooze until 2099-02-01T00:00:00Z  ", "  waiting -> snoozed  ", "operator"),
        ("reopen  ", "  snoozed -> open  ", "operator"),
        ("resolve  ", "  open -> resolved  ", "operator  done"),
    ];
    assert_eq!(trail.len(), expected.len(), "{shown}");
    for (line, (event, states, who)) in trail.iter().zip(expected) {
        assert!(line.contains(event) && line.contains(states) && line.ends_with(who), "{line}");
    }
    let trail = &desk.json(&format!("flags show {id} --json"))["trail"];
    assert_eq!((&trail[1]["assignee"], &trail[2]["assignee"]), (&json!("ben"), &json!("carl")));
    assert_eq!(trail[5]["snoozed_until"], "2099-02-01T00:00:00Z");
}

#[test]
fn what_cannot_be_done_is_refused_and_says_why() {
    let desk = desk();
    let id = &ids(&desk)[0];
    refuses(&desk, &format!("flags dismiss {id}"), 1, "note");
    desk.ok(&format!("flags dismiss {id} --note gone"), b"");
    refuses(&desk, &format!("flags wait {id}"), 1, "a flag that is dismissed does not wait");
    refuses(&desk, "flags show 0123456789abcdef", 1, "there is no flag 0123456789abcdef");
    refuses(&desk, "flags show zzz", 2, "a flag's id has 16 of the digits 0-9 and a-f");
    refuses(&desk, &format!("flags snooze {id} --until 2020-01-01"), 1, "");
    refuses(&desk, &format!("flags assign {id} --to="), 2, "write at least one letter");
    refuses(&desk, &format!("flags notify {id} --note=a\u{1b}[31m"), 2, "without control characters");
    refuses(&desk, &format!("flags notify {id} --note={}", "x".repeat(1_001)), 2, "at most 1000 characters");
    assert_eq!(desk.json(&format!("flags show {id} --json"))["state"], "dismissed");
}
