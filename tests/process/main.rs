//! The binary as a process: what survives a SIGKILL, what signals do, what the process gives up.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene has failed")]

#[path = "../support/books.rs"]
mod books;
mod full_queue;
mod kills;
mod served;

use std::process::Command;
use std::time::{Duration, Instant};

use served::{BINARY, Folder, PATIENCE, Served, sign_in};

#[test]
fn a_flag_with_its_line_survives_a_sigkill() {
    kills::kill_again_and_again(&Folder::with("", kills::FAST), async || ());
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
    let refused = |server: &Served| sign_in(&server.soap, "legacy").expect("an answer");
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
