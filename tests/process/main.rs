//! The binary as a process: what survives a SIGKILL, what signals do, what the process gives up.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene has failed")]

#[path = "../support/books.rs"]
mod books;
mod served;

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use served::{BINARY, Folder, PATIENCE, Served, sign_in};

/// How many times the server is killed; `tests/run full` asks for a hundred.
const KILLS: &str = "SOAPGATE_KILLS";

#[test]
fn a_flag_with_its_line_survives_a_sigkill() {
    let kills: u32 = std::env::var(KILLS).ok().map_or(3, |text| text.parse().expect("a number"));
    let folder = Folder::new("");
    let mut recorded = HashSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for kill in 0..kills {
        let mut server = Served::start(&folder);
        // Each round waits for another number of lines, so that the kill falls at another moment.
        let (mut lines, enough) = (0, 5 + kill % 17);
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let address = server.soap.clone();
                threads.spawn(move || {
                    // Accounts without a password: every sign-in flags. It ends when the server does.
                    let mut call = thread * 50;
                    while sign_in(&address, &format!("legacy-{}", call % 200)).is_some() {
                        call += 1;
                    }
                });
            }
            let started = Instant::now();
            while lines < enough {
                assert!(started.elapsed() < PATIENCE, "only {lines} flags were recorded");
                let line = server.log_line();
                if line["message"] == "flag.recorded" {
                    recorded.insert(line["flag.id"].as_str().expect("an id").to_owned());
                    lines += 1;
                }
            }
            server.kill();
        });
        recorded.extend(
            server
                .rest_of_log()
                .iter()
                .filter(|line| line["message"] == "flag.recorded")
                .map(|line| line["flag.id"].as_str().expect("an id").to_owned()),
        );
        let listed = Command::new(BINARY)
            .args(["flags", "list", "--json", "--config"])
            .arg(folder.config())
            .output()
            .expect("the binary runs");
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let flags: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
        let stored: HashSet<String> = flags
            .as_array()
            .expect("an array")
            .iter()
            .map(|flag| flag["id"].as_str().expect("an id").to_owned())
            .collect();
        // The store opens, and its books are in order: whatever was written was written whole.
        let listed = u64::try_from(stored.len()).expect("a count");
        assert_eq!(runtime.block_on(books::check_books(&folder.database())), listed, "kill {kill}");
        let lost: Vec<&String> = recorded.difference(&stored).collect();
        assert!(lost.is_empty(), "kill {kill}: said to be recorded, and lost: {lost:?}");
    }
}

#[test]
fn sigterm_ends_it_in_order() {
    let folder = Folder::new("server = { listen = \"127.0.0.1:0\", drain_delay = \"400ms\" }\n");
    let mut server = Served::start(&folder);
    let started = Instant::now();
    while server.management("/readyz") != (200, "ok\n".to_owned()) {
        assert!(started.elapsed() < PATIENCE, "it does not become ready");
    }
    server.signal("TERM");
    let started = Instant::now();
    while server.management("/readyz") != (503, "stopping\n".to_owned()) {
        assert!(started.elapsed() < PATIENCE, "readiness did not fall");
    }
    assert_eq!(server.management("/livez").0, 200, "it lives on while it drains");
    assert!(sign_in(&server.soap, "reader").is_some(), "it still answers while readiness has fallen");
    assert_eq!(server.wait(), Some(0));
    let messages: Vec<String> =
        server.rest_of_log().iter().filter_map(|line| line["message"].as_str().map(str::to_owned)).collect();
    assert!(messages.contains(&"server.drained".to_owned()), "{messages:?}");
    assert!(sign_in(&server.soap, "reader").is_none(), "nobody listens any more");
}

#[test]
fn sighup_applies_a_good_configuration_and_nothing_of_a_bad_one() {
    let folder = Folder::new("");
    let mut server = Served::start(&folder);
    let refused = |server: &Served| sign_in(&server.soap, "legacy-1").expect("an answer");
    assert!(refused(&server).contains("errorCode"));

    let good = std::fs::read_to_string(folder.config()).expect("the configuration");
    folder.write(
        &good.replace("contract = \"alma\"", "contract = \"alma\"\nrefusal = \"no-such-form\"\nmust_change = 7"),
    );
    server.signal("HUP");
    let problems =
        [server.log_line_of("config.refused"), server.log_line_of("config.refused")].map(|line| line.to_string());
    for key in ["route[0].must_change", "route[0].refusal"] {
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key} is missing in {problems:?}");
    }
    assert!(refused(&server).contains("errorCode"), "nothing of it was applied");

    folder.write(&format!(
        "{}\n[hashing]\nwaiting = 5\n",
        good.replace("contract = \"alma\"", "contract = \"alma\"\nrefusal = \"result-false\"")
    ));
    server.signal("HUP");
    let reloaded = server.log_line_of("config.reloaded");
    assert!(reloaded["restart_needed"].to_string().contains("hashing"), "{reloaded}");
    assert!(!refused(&server).contains("errorCode"), "the new form is used");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn no_core_file_is_ever_written() {
    let folder = Folder::new("");
    let mut server = Served::start(&folder);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("the limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the line");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_change_by_a_command_beside_the_server_takes_effect_within_two_seconds() {
    let folder = Folder::new("");
    let mut server = Served::start(&folder);
    let accepted = |server: &Served| sign_in(&server.soap, "reader").expect("an answer").contains("true&lt;/result");
    assert!(accepted(&server), "and now the yes is remembered");
    let status = Command::new(BINARY)
        .args(["accounts", "disable", "reader", "--config"])
        .arg(folder.config())
        .status()
        .expect("the binary runs");
    assert!(status.success());
    let changed = Instant::now();
    while accepted(&server) {
        assert!(changed.elapsed() < Duration::from_secs(2), "still let in after two seconds");
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}
