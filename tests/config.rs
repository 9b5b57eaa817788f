//! What the configuration says about whole files: the report as an administrator reads it.

#![expect(clippy::expect_used, reason = "a test that cannot make its own file has nothing to say")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use soapgate::config::{Settings, load};

/// Reads a file of this content, with these variables over it; problems name the file as `config.toml`.
fn read(content: &[u8], environment: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    fs::write(&file, content).expect("a file");
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load(&file, environment)
        .map_err(|problems| problems.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn check(content: &str, environment: &[(&str, &str)], report: &str) {
    assert_eq!(read(content.as_bytes(), environment), Err(report.trim_start().to_owned()));
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_in_the_order_of_the_lines() {
    check(
        r#"
[server]
listen = "0.0.0.0:8080"
public_url = "soap.example.org"

[server.limits]
head_bytes = 4096
call_time = "4s"

[database]
url = "postgres://soapgate:s3cret@db/soapgate?sslmode=prefer"

[atempts]
per_account = 10

[[identity]]
name = "accounts"
kind = "embedded"
timout = "3s"

[[institution]]
code = "01DEMO_INST"
identity = "acounts"

[[route]]
contract = "alma"

[[route]]
contract = "alma"
refusal = "fault"

[[route]]
contract = "authenticate"
path = "/almaws/repository/UserAuthenticationWebServices"
institution = "01DEMO_INTS"
"#,
        &[("SOAPGATE__IDENTITY__ACCOUNTS__TIMEOUT", "4s"), ("SOAPGATE__SERVER__LIMITS__CALL", "9")],
        r#"
config.toml:3: server.listen: is 0.0.0.0:8080, where passwords would cross the network in clear; write a loopback address, or put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true
config.toml:4: server.public_url: is no http or https address; write the address that integrations know, such as "https://soap.example.org"
config.toml:7: server.limits.head_bytes: is 4096; write a whole number from 8192 to 1048576
config.toml:11: database.url: lets hashes of passwords cross the network in clear; leave sslmode out, or write verify-full, verify-ca or require
config.toml:13: atempts: is no key here; did you mean 'attempts'?
config.toml:19: identity[0].timout: is no key here; did you mean 'timeout'?
config.toml:23: institution[0].identity: is "acounts", which no [[identity]] is named; did you mean "accounts"?
config.toml:28: route[1].path: is missing, and route[0] serves all of Alma's paths already; write a path of its own
config.toml:30: route[1].refusal: "fault" would let patrons in: a known client takes any fault for an outage of Alma; write "errors-exist" or "result-false"
config.toml:34: route[2].path: is "/almaws/repository/UserAuthenticationWebServices", but route[0] has no path and serves all of Alma's; write another path, or give route[0] one
config.toml:35: route[2].institution: is "01DEMO_INTS", which is no [[institution]]'s code; did you mean "01DEMO_INST"?
environment: SOAPGATE__IDENTITY__ACCOUNTS__TIMEOUT: identity[0].timeout: is 4s, but a call has only 4s (server.limits.call_time), of which it may wait 2s for its turn; write less than 2s
environment: SOAPGATE__SERVER__LIMITS__CALL: sets no key; did you mean SOAPGATE__SERVER__LIMITS__CALLS?"#,
    );
}

#[test]
fn every_syntax_error_is_told_with_its_column() {
    check(
        "[server]\nlisten = 127.0.0.1\n[server]\nréponse = [1,\n",
        &[],
        r"
config.toml:2:15: is not TOML: invalid float
config.toml:3:2: is not TOML: duplicate key
config.toml:4:2: is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`
config.toml:4:14: is not TOML: unclosed array, expected `]`",
    );
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("config.toml");
    let problems = load(&missing, []).expect_err("there is none").to_string();
    let expected = "does not exist; write it, or name another with --config or SOAPGATE_CONFIG";
    assert_eq!(problems, format!("{}: {expected}", missing.display()));

    let problems = load(folder.path(), []).expect_err("a folder").to_string();
    assert!(problems.starts_with(&format!("{}: cannot be read: ", folder.path().display())), "{problems}");

    assert_eq!(
        read(b"[server]\nlisten = \"\xff\"\n", &[]),
        Err("config.toml: is not UTF-8; save it in UTF-8".to_owned())
    );
}

#[test]
fn the_shipped_file_is_right_where_it_stands() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
    let settings = load(&file, []).expect("no problems");
    assert_eq!(settings.file, file);
    assert_eq!(settings.data_dir, file.with_file_name("data"));
    assert_eq!(settings.routes.len(), 2);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let shipped = include_str!("../config.toml").replace('\n', "\r\n");
    let windows = format!("\u{feff}{shipped}");
    assert_eq!(read(windows.as_bytes(), &[]).map(|settings| settings.routes.len()), Ok(2));
    let wrong = windows.replacen("calls = 256", "calls = 0", 1);
    let line = wrong.lines().position(|line| line == "calls = 0").expect("it is there") + 1;
    let report = format!("config.toml:{line}: server.limits.calls: is 0; write a whole number from 1 to 100000");
    assert_eq!(read(wrong.as_bytes(), &[]).map(|_| ()), Err(report));
}
