//! The built program, as scripts and people use it: verbs, exit codes, what goes in and what comes out.

#![expect(clippy::expect_used, reason = "a test that cannot start the program has nothing to say")]

#[path = "cli/archive.rs"]
mod archive;
#[path = "cli/desk.rs"]
mod desk;
#[path = "cli/flags.rs"]
mod flags;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/usage.rs"]
mod usage;

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use soapgate::domain::{Answer, Rejection};

use crate::desk::Desk;

const ONE: &str = r#"
[[identity]]
name = "accounts"
kind = "embedded"

[[institution]]
code = "01DEMO_INST"
identity = "accounts"

[[route]]
contract = "alma"
"#;
const TWO: &str = "[[institution]]\ncode = \"02OTHER\"\nidentity = \"accounts\"\n";
const INTEGRATION: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";

#[test]
fn an_account_lives_through_its_verbs() {
    let desk = Desk::new(ONE);
    let said = |verb: &str| format!("account reader at institution 01DEMO_INST {verb}\n");
    assert_eq!(desk.ok("accounts list", b""), "no accounts at institution 01DEMO_INST\n");
    assert_eq!(desk.ok("accounts add Reader", b"correct horse battery\n"), said("added"));
    assert_eq!(desk.verify("reader", "correct horse battery"), Answer::Accepted);
    assert_eq!(desk.ok("accounts lock reader", b""), said("locked"));
    assert_eq!(desk.ok("accounts disable reader", b""), said("disabled"));
    assert!(desk.ok("accounts list", b"").lines().any(|line| line.starts_with("reader   disabled, locked")));
    assert_eq!(desk.ok("accounts unlock READER", b""), said("unlocked"));
    assert_eq!(desk.ok("accounts enable reader", b""), said("enabled"));
    assert_eq!(desk.ok("accounts set-password reader --must-change", b"new one\n"), said("has a new password"));
    assert_eq!(desk.verify("reader", "new one"), Answer::MustChange);
    assert_eq!(desk.verify("reader", "correct horse battery"), Answer::Rejected(Rejection::WrongPassword));

    desk.ok("accounts add gone --no-password --expires 2020-01-31", b"");
    assert!(desk.ok("accounts list", b"").contains("gone     expired, no password  2020-02-01T00:00:00Z"));
    desk.ok("accounts add legacy --no-password --expires 2031-06-30", b"");
    let list = desk.json("accounts list --json");
    let shown: Vec<_> =
        list.as_array().expect("a list").iter().map(|one| (&one["account"], &one["has_password"])).collect();
    assert_eq!(shown[1..], [(&json!("legacy"), &json!(false)), (&json!("reader"), &json!(true))]);
    assert_eq!(list[1]["expires"], "2031-07-01T00:00:00Z");
    assert_eq!(list[2]["must_change"], true);
}

#[test]
fn a_secret_is_one_line_of_standard_input_without_its_line_end() {
    let desk = Desk::new(ONE);
    desk.ok("accounts add zoë", "p&<>\"'é€ \n".as_bytes());
    assert_eq!(desk.verify("zoë", "p&<>\"'é€ "), Answer::Accepted);
    assert_eq!(desk.verify("zoë", "p&<>\"'é€"), Answer::Rejected(Rejection::WrongPassword));
    desk.ok("accounts set-password zoë", b"  blanks around  \r\n");
    assert_eq!(desk.verify("zoë", "  blanks around  "), Answer::Accepted);
    desk.ok("accounts set-password zoë", b"no line end");
    assert_eq!(desk.verify("zoë", "no line end"), Answer::Accepted);
}

#[test]
fn what_is_no_secret_is_refused_and_nothing_is_changed() {
    let desk = Desk::new(ONE);
    let missing = "no secret was given: write it on one line to standard input";
    desk.fails("accounts add reader", b"", 2, missing);
    desk.fails("accounts add reader", b"\n", 1, "the password is empty");
    desk.fails("accounts add reader", b"a\0b\n", 1, "the password holds a NUL character");
    desk.fails("accounts add reader", &[b'x'; 5_000], 1, "the password is longer than 1024 bytes");
    desk.fails("accounts add reader", b"\xff\xfe\n", 1, "the secret is not UTF-8; send it in UTF-8");
    assert_eq!(desk.json("accounts list --json"), json!([]));
}

#[test]
fn no_verb_takes_a_secret_as_an_argument() {
    let desk = Desk::new(ONE);
    for verb in ["accounts add reader", "accounts set-password reader"] {
        for secret in ["--password s3cret", "--secret s3cret", "s3cret", "--password=s3cret"] {
            let done = desk.run(&format!("{verb} {secret}"), b"other\n");
            assert_eq!(done.code, Some(2), "{verb} {secret}");
        }
    }
    for verb in ["integrations add", "integrations rotate"] {
        let done = desk.run(&format!("{verb} {INTEGRATION} s3cret"), b"other\n");
        assert_eq!(done.code, Some(2), "{verb}");
    }
    assert_eq!(desk.json("accounts list --json"), json!([]));
}

#[test]
fn a_given_secret_is_never_printed() {
    let desk = Desk::new(ONE);
    for arguments in ["accounts add reader", "accounts set-password reader", &format!("integrations add {INTEGRATION}")]
    {
        let done = desk.run(arguments, b"planted-s3cret\n");
        assert_eq!(done.code, Some(0), "{arguments}: {}", done.err);
        assert!(!format!("{}{}", done.out, done.err).contains("planted"), "{arguments}");
    }
    for entry in fs::read_dir(desk.0.path().join("data")).expect("the folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(7).any(|bytes| bytes == b"planted"));
    }
}

#[test]
fn what_is_not_there_or_there_already_is_refused() {
    let desk = Desk::new(ONE);
    for verb in ["lock", "unlock", "disable", "enable"] {
        let err = "there is no account nobody at institution 01DEMO_INST";
        desk.fails(&format!("accounts {verb} nobody"), b"", 1, err);
    }
    desk.fails("accounts set-password nobody", b"x\n", 1, "there is no account nobody at institution 01DEMO_INST");
    desk.ok("accounts add reader", b"x\n");
    desk.fails("accounts add READER", b"x\n", 1, "account reader at institution 01DEMO_INST exists already");
    let err = "there is no institution 03NONE in the configuration; known are 01DEMO_INST";
    desk.fails("accounts lock reader --institution 03NONE", b"", 1, err);
    desk.fails("integrations add AlmaSDK-demo-institutionCode-03NONE --generate", b"", 1, err);
    let err = format!("there is no integration {INTEGRATION}");
    desk.fails(&format!("integrations disable {INTEGRATION}"), b"", 1, &err);
}

#[test]
fn the_institution_is_named_where_there_are_two() {
    let desk = Desk::new(&format!("{ONE}{TWO}"));
    desk.fails("accounts list", b"", 2, "say which institution with --institution: 01DEMO_INST, 02OTHER");
    desk.ok("accounts add reader --institution 02OTHER", b"x\n");
    assert_eq!(desk.json("accounts list --institution 01DEMO_INST --json"), json!([]));
    assert_eq!(desk.json("accounts list --institution 02OTHER --json")[0]["institution"], "02OTHER");
}

#[test]
fn an_integration_lives_through_its_verbs() {
    let desk = Desk::new(ONE);
    assert_eq!(desk.ok("integrations list", b""), "no integrations\n");
    let out = desk.ok(&format!("integrations add {INTEGRATION} --generate"), b"");
    let secret =
        out.lines().nth(1).and_then(|line| line.strip_prefix("its secret, shown only now: ")).expect("a secret");
    assert!(secret.len() >= 20, "{out}");
    let rotated = desk.json(&format!("integrations rotate {INTEGRATION} --generate --overlap 7d --json"));
    assert_eq!(rotated["name"], INTEGRATION);
    assert!(rotated["secret"].as_str().is_some_and(|new| new.len() >= 20 && new != secret));
    let list = desk.json("integrations list --json");
    assert_eq!((&list[0]["name"], &list[0]["disabled"]), (&json!(INTEGRATION), &json!(false)));
    assert!(list[0]["previous_valid_until"].is_string());

    desk.ok(&format!("integrations rotate {INTEGRATION}"), b"given\n");
    assert!(desk.json("integrations list --json")[0]["previous_valid_until"].is_null(), "the old one ended at once");
    assert_eq!(
        desk.ok(&format!("integrations disable {INTEGRATION}"), b""),
        format!("integration {INTEGRATION} disabled\n")
    );
    assert!(desk.ok("integrations list", b"").contains(&format!("{INTEGRATION}  disabled")));
    desk.ok(&format!("integrations enable {INTEGRATION}"), b"");
    assert_eq!(desk.json("integrations list --json")[0]["disabled"], false);
}

#[test]
fn flags_are_an_array() {
    let desk = Desk::new(ONE);
    assert_eq!(desk.ok("flags list", b""), "no flags\n");
    assert_eq!(desk.json("flags list --json"), json!([]));
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let desk = Desk::new(ONE);
    for arguments in [
        "",
        "acounts list",
        "accounts",
        "accounts add",
        "accounts list --jsn",
        "accounts add x --expires soon",
        "accounts add x --no-password --must-change",
        "accounts list --institution a/b",
        "integrations add demo",
        "integrations rotate AlmaSDK-demo-institutionCode-01DEMO_INST --overlap week",
        "demo --listen localhost",
    ] {
        let done = desk.run(arguments, b"x\n");
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(!done.err.is_empty(), "{arguments}");
    }
    assert!(!desk.0.path().join("data").exists(), "nothing was touched");
}

#[test]
fn a_wrong_configuration_ends_with_3_and_tells_everything() {
    let desk = Desk::new("[server]\nlisten = 1\ncolour = 2\n");
    let done = desk.run("accounts list", b"");
    assert_eq!((done.code, done.out.as_str()), (Some(3), ""));
    let lines: Vec<&str> = done.err.lines().collect();
    assert_eq!(lines.len(), 5, "{}", done.err);
    assert_eq!(
        lines[3],
        "config.toml:2: server.listen: is an integer; write an address and a port, such as \"127.0.0.1:8080\""
    );
    assert!(lines[4].starts_with("config.toml:3: server.colour: is no key here; known are "), "{}", lines[4]);
    for arguments in ["serve", "check", "flags list", "integrations list"] {
        let other = desk.run(arguments, b"");
        assert_eq!((other.code, other.err), (Some(3), done.err.clone()), "{arguments}");
    }
}

#[test]
fn the_configuration_is_named_by_a_flag_or_a_variable_on_every_command() {
    let desk = Desk::new("wrong");
    fs::write(desk.0.path().join("other.toml"), ONE).expect("a file");
    for arguments in ["accounts list", "integrations list", "flags list", "check"] {
        assert_eq!(desk.run(arguments, b"").code, Some(3), "{arguments}");
        assert_eq!(desk.run(&format!("{arguments} --config other.toml"), b"").code, Some(0), "{arguments}");
        assert_eq!(desk.run(&format!("--config other.toml {arguments}"), b"").code, Some(0), "{arguments}");
        let variable = [("SOAPGATE_CONFIG", "other.toml")];
        assert_eq!(desk.run_with(arguments, &variable, b"").code, Some(0), "{arguments}");
    }
    let err = "none.toml: does not exist; write it, or name another with --config or SOAPGATE_CONFIG";
    desk.fails("flags list --config none.toml", b"", 3, err);
}

#[test]
fn variables_go_before_the_file_for_commands_too() {
    let desk = Desk::new(ONE);
    let elsewhere = [("SOAPGATE__SERVER__DATA_DIR", "elsewhere")];
    assert_eq!(desk.run_with("accounts add reader", &elsewhere, b"x\n").code, Some(0));
    assert!(desk.0.path().join("elsewhere/soapgate.db").is_file());
    assert_eq!(desk.json("accounts list --json"), json!([]), "the usual place knows nothing of it");
    let done = desk.run_with("flags list", &[("SOAPGATE__SERVER__DATADIR", "x")], b"");
    let err = "environment: SOAPGATE__SERVER__DATADIR: sets no key; did you mean SOAPGATE__SERVER__DATA_DIR?\n";
    assert_eq!((done.code, done.err.as_str()), (Some(3), err));
}

#[test]
fn a_store_that_fails_ends_with_4() {
    let desk = Desk::new(ONE);
    fs::create_dir(desk.0.path().join("data")).expect("a folder");
    fs::write(desk.0.path().join("data/soapgate.db"), "x".repeat(4_096)).expect("a file");
    for arguments in ["accounts list", "integrations list", "flags list", "check"] {
        let done = desk.run(arguments, b"");
        assert_eq!(done.code, Some(4), "{arguments}: {}", done.err);
        assert_eq!(done.err.matches("file is not a database").count(), 1, "{arguments}: {}", done.err);
    }
    fs::remove_dir_all(desk.0.path().join("data")).expect("removed");
    fs::write(desk.0.path().join("data"), "no folder").expect("a file");
    let done = desk.run("accounts list", b"");
    assert_eq!(done.code, Some(4), "{}", done.err);
    assert!(done.err.contains("data cannot be made: make it, or change server.data_dir"), "{}", done.err);
}

#[test]
fn a_check_says_what_is_fine_and_touches_nothing() {
    let desk = Desk::new(ONE);
    let out = desk.ok("check --online", b"");
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("ok  configuration: ") && lines[0].ends_with("institutions 01DEMO_INST, routes 1"),
        "{out}"
    );
    assert!(lines[1].starts_with("ok  store: sqlite:/") && lines[1].ends_with("made at the first start"), "{out}");
    assert!(out.ends_with("ok  identity accounts: answers from the store\n"), "{out}");
    assert!(!desk.0.path().join("data").exists());
    desk.ok("flags list", b"");
    assert!(desk.ok("check", b"").contains("soapgate.db, tables of this version\n"));
}

#[test]
fn a_check_names_the_address_that_it_could_not_reach() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let kinds = [
        ("alma", "base_url", format!("http://{closed}"), "api_key = \"l8xx-planted\""),
        ("oidc", "issuer", format!("http://{closed}/realms/x"), "lock_after = 0\nclient_id = \"x\""),
        ("ldap", "url", format!("ldap://{closed}"), "lock_after = 0\nuser_dn = \"uid={user},dc=x\""),
    ];
    for (kind, key, address, more) in kinds {
        let identity = format!("kind = \"{kind}\"\n{key} = \"{address}\"\n{more}\n");
        let desk = Desk::new(&ONE.replacen("kind = \"embedded\"\n", &identity, 1));
        let done = desk.run("check --online", b"");
        let named = format!("{key} = \"{address}\": ");
        assert!(done.code == Some(5) && done.err.contains(&named), "{kind}: {}", done.err);
        assert!(!done.err.contains("planted"), "{}", done.err);
    }
}

#[test]
fn a_check_in_json_is_one_object_whatever_it_finds() {
    let desk = Desk::new(ONE);
    let fine = desk.json("check --json");
    assert_eq!(fine["ok"], true);
    assert!(fine["checks"].as_array().is_some_and(|list| list.iter().all(|check| check["ok"] == true)));

    fs::write(desk.0.path().join("config.toml"), "server = 1\n").expect("a file");
    let done = desk.run("check --json", b"");
    assert_eq!((done.code, done.err.as_str()), (Some(3), ""));
    let wrong: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(wrong["ok"], false);
    let problems: Vec<_> = wrong["checks"].as_array().expect("a list").iter().map(|check| &check["problem"]).collect();
    assert_eq!(problems.last(), Some(&&json!("config.toml:1: server: is an integer; write a table")));
    assert_eq!(problems.len(), 4, "one for each");
}

#[test]
fn help_shows_examples_and_the_exit_codes() {
    let desk = Desk::new(ONE);
    let help = desk.ok("--help", b"");
    assert!(help.contains("Exit codes:\n  0  ok\n  1  refused, or not found\n  2  "), "{help}");
    for arguments in ["serve", "demo", "check", "accounts add", "accounts list", "integrations rotate", "flags list"] {
        let help = desk.ok(&format!("{arguments} --help"), b"");
        assert!(help.contains(&format!("Examples:\n  soapgate {arguments}")), "{help}");
    }
    assert!(desk.ok("--version", b"").starts_with("soapgate "));
}

/// Runs the program with an output that nobody reads.
fn unread(desk: &Desk, arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_soapgate"));
    command.args(arguments).env_clear().current_dir(desk.0.path()).stdin(Stdio::null()).stdout(writer);
    let output = command.stderr(Stdio::piped()).output().expect("it runs");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn an_output_that_nobody_reads_is_a_failure_only_for_a_new_secret() {
    let desk = Desk::new(ONE);
    assert_eq!(unread(&desk, &["accounts", "list"]), (Some(0), String::new()));
    let (code, err) = unread(&desk, &["integrations", "add", INTEGRATION, "--generate"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("its secret could not be shown") && err.contains("soapgate integrations rotate"), "{err}");
}
