//! What every key of sections may hold, the shipped file and the environment: what is written, and every line that is
//! said about it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::document::Document;
use crate::config::environment::Environment;
use crate::config::load::{parse, read};
use crate::config::problem::Problems;
use crate::config::settings::Settings;
use crate::domain::{AccountId, Institution};
use crate::gateway::{ContractKind, InstitutionSettings, RouteSettings};
use crate::identity::{IdentityKind, IdentitySettings};

const SHIPPED: &str = include_str!("../../config.toml");
pub(super) const IDENTITY: &str = "\n[[identity]]\nname = \"accounts\"\nkind = \"embedded\"\n";
pub(super) const INSTITUTION: &str = "\n[[institution]]\ncode = \"01X\"\nidentity = \"accounts\"\n";
pub(super) const ROUTE: &str = "\n[[route]]\ncontract = \"alma\"\n";

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    parse(PathBuf::from("/etc/soapgate/config.toml"), text, environment)
        .map_err(|problems| Problems::new("c".as_ref(), problems).lines())
}

/// What is said about `text` followed by the least that a configuration needs.
pub(super) fn check(text: &str, lines: &[&str]) {
    check_with(text, &[], lines);
}

fn check_with(text: &str, environment: &[(&str, &str)], lines: &[&str]) {
    let whole = format!("{text}{IDENTITY}{INSTITUTION}{ROUTE}");
    assert_eq!(load(&whole, environment).map(|_| ()), said(lines), "{text}");
}

/// What is said about a configuration whose lists are those of `text` alone.
pub(super) fn check_whole(text: &str, lines: &[&str]) {
    assert_eq!(load(text, &[]).map(|_| ()), said(lines), "{text}");
}

/// What is said about a route of these keys.
pub(super) fn check_route(keys: &str, lines: &[&str]) {
    check_whole(&format!("[[route]]\n{keys}\n{IDENTITY}{INSTITUTION}"), lines);
}

fn said(lines: &[&str]) -> Result<(), Vec<String>> {
    if lines.is_empty() { Ok(()) } else { Err(lines.iter().map(|line| (*line).to_owned()).collect()) }
}

pub(super) fn settings(text: &str, environment: &[(&str, &str)]) -> Settings {
    load(&format!("{text}{IDENTITY}{INSTITUTION}{ROUTE}"), environment).expect("a configuration without problems")
}

#[test]
fn the_shipped_file_holds_the_built_in_defaults() {
    let institution = Institution::parse("01DEMO_INST").expect("a code");
    let mut expected = Settings::new(PathBuf::from("/etc/soapgate/config.toml"));
    expected.identities = vec![IdentitySettings::new("accounts".to_owned(), IdentityKind::Embedded)];
    expected.institutions = vec![InstitutionSettings {
        code: institution,
        identity: "accounts".to_owned(),
        others: Vec::new(),
        probe_accounts: Vec::new(),
    }];
    expected.routes = vec![RouteSettings::new(ContractKind::Alma), RouteSettings::new(ContractKind::Authenticate)];
    assert_eq!(load(SHIPPED, &[]), Ok(expected));
}

#[test]
fn every_key_that_the_reader_knows_stands_in_the_shipped_file_once() {
    let uncommented: String = SHIPPED.lines().fold(String::new(), |mut text, line| {
        let example = line.strip_prefix("# ").filter(|rest| {
            let is_key = |(key, _): (&str, &str)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            rest.split_once(" = ").is_some_and(is_key) || (rest.starts_with('[') && rest.ends_with(']'))
        });
        text.push_str(example.unwrap_or(line));
        text.push('\n');
        text
    });
    // The example of a password is right for a PostgreSQL only.
    let variable = ("SOAPGATE__DATABASE__URL", "postgres://u@h/d");
    let environment = Environment::new([(variable.0.into(), variable.1.into())]);
    let environment = environment.unwrap_or_else(|_| panic!("one variable"));
    let document =
        Document::parse(&uncommented, environment, "/etc/soapgate".as_ref()).expect("the examples are TOML too");
    read(&document, PathBuf::from("/c"));
    let mut known = document.known();
    // The head of the file says that a secret may stand in a file.
    let secrets = known.clone();
    known.retain(|key| !key.strip_suffix("_file").is_some_and(|secret| secrets.contains(secret)));
    assert_eq!(document.close(), Vec::new(), "the examples are right");
    assert_eq!(written(&uncommented), known);
}

/// The dotted keys that stand in a text, with `[]` in the place of indices.
fn written(text: &str) -> BTreeSet<String> {
    fn walk(prefix: &str, table: &toml::Table, keys: &mut BTreeSet<String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            keys.insert(key.clone());
            match value {
                toml::Value::Table(inner) => walk(&key, inner, keys),
                toml::Value::Array(entries) => {
                    for inner in entries.iter().filter_map(toml::Value::as_table) {
                        walk(&format!("{key}[]"), inner, keys);
                    }
                }
                _ => {}
            }
        }
    }
    let mut keys = BTreeSet::new();
    walk("", &text.parse().expect("TOML"), &mut keys);
    keys
}

#[test]
fn every_kind_of_value_is_read() {
    let settings = settings(
        "[server]\npublic_url = \"https://soap.example.org/base/\"\ndrain_delay = \"500ms\"\n\
         [server.limits]\ncalls = 0x10\nbody_bytes = 65_536\n[hashing]\naccounts = 3\n[log]\ncalls = false\n",
        &[],
    );
    assert_eq!(settings.server.public_url.as_deref(), Some("https://soap.example.org/base"));
    assert_eq!(settings.server.drain_delay, Duration::from_millis(500));
    assert_eq!(settings.server.limits.calls, 16);
    assert_eq!(settings.server.limits.body_bytes, 65_536);
    assert_eq!(settings.hashing.accounts.map(usize::from), Some(3));
    assert!(!settings.log.calls);
}

#[test]
fn paths_are_resolved_against_the_file_and_the_data_folder() {
    let cases = [
        ("", "/etc/soapgate/data", "sqlite:/etc/soapgate/data/soapgate.db"),
        ("server.data_dir = \"/var/lib/s\"\n", "/var/lib/s", "sqlite:/var/lib/s/soapgate.db"),
        ("server.data_dir = \".\"\n", "/etc/soapgate", "sqlite:/etc/soapgate/soapgate.db"),
        ("server.data_dir = \"d\"\ndatabase.url = \"sqlite:x.db\"\n", "/etc/soapgate/d", "sqlite:/etc/soapgate/d/x.db"),
        ("database.url = \"sqlite:///srv/x.db\"\n", "/etc/soapgate/data", "sqlite:/srv/x.db"),
        ("database.url = \"sqlite:50%.db\"\n", "/etc/soapgate/data", "sqlite:/etc/soapgate/data/50%.db"),
    ];
    for (text, folder, url) in cases {
        let settings = settings(text, &[]);
        assert_eq!(
            (settings.data_dir.to_str(), settings.database_url.to_string()),
            (Some(folder), url.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn wrong_types_are_told_with_what_to_write() {
    check(
        "[server]\nlisten = 8080\nplaintext_behind_proxy = \"yes\"\ndrain_delay = 5\nlimits = 3\n\
         [hashing]\nmemory_kib = \"19456\"\n[cache]\nttl = true\n",
        &[
            "c:2: server.listen: is an integer; write an address and a port, such as \"127.0.0.1:8080\"",
            "c:3: server.plaintext_behind_proxy: is a string; write true or false",
            "c:4: server.drain_delay: is an integer; write a span from \"0s\" to \"10m\", such as \"0s\"",
            "c:5: server.limits: is an integer; write a table",
            "c:7: hashing.memory_kib: is a string; write a whole number from 7168 to 47104",
            "c:9: cache.ttl: is a boolean; write a span from \"0s\" to \"1h\", such as \"1m\"",
        ],
    );
    check("server = 1\n", &["c:1: server: is an integer; write a table"]);
    check_whole(
        &format!("identity = 1\ninstitution = [1]\n{ROUTE}"),
        &[
            "c:1: identity: is an integer; write [[identity]] above each entry",
            "c:2: institution[0]: is an integer; write [[institution]] above each entry",
        ],
    );
}

#[test]
fn values_out_of_range_are_told_with_the_range() {
    check(
        "[server.limits]\nhead_bytes = 8191\ncalls = -1\nconnections = 99999999999999999999999\ncall_time = \"1 hour\"\n",
        &[
            "c:2: server.limits.head_bytes: is 8191; write a whole number from 8192 to 1048576",
            "c:3: server.limits.calls: is -1; write a whole number from 1 to 100000",
            "c:4: server.limits.connections: is 99999999999999999999999; write a whole number from 1 to 1000000",
            "c:5: server.limits.call_time: is \"1 hour\"; write a span from \"1s\" to \"5m\", such as \"8s\"",
        ],
    );
}

#[test]
fn unknown_keys_are_told_with_what_was_meant() {
    check(
        "color = 1\n[server]\nlistn = \"x\"\n[server.limits]\nzzzzzz = 1\n[hasing]\na = 1\n",
        &[
            "c:1: color: is no key here; known are attempts, cache, console, database, flags, hashing, identity, institution, log, management, nonces, retention, route, server, slow_down, usage",
            "c:3: server.listn: is no key here; did you mean 'listen'?",
            "c:5: server.limits.zzzzzz: is no key here; known are body_bytes, body_time, call_time, calls, connections, head_bytes, head_time, header_fields, idle_time",
            "c:6: hasing: is no key here; did you mean 'hashing'?",
        ],
    );
    check_route(
        "contract = \"alma\"\nfault_status = { outge = 503 }\nref = 1",
        &[
            "c:3: route[0].fault_status.outge: is no key here; did you mean 'outage'?",
            "c:4: route[0].ref: is no key here; known are account, contract, deprecation, fault_status, institution, integration, integration_check, limits, must_change, outage, path, refusal, strict_encoding_style, sunset",
        ],
    );
}

#[test]
fn keys_of_what_is_not_served_yet_are_refused() {
    check(
        "[server]\ntls = true\n[console]\ncertificate_file = \"c.pem\"\n",
        &[
            "c:2: server.tls: is not served yet; put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true",
            "c:4: console.certificate_file: is not served yet; put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true",
        ],
    );
}

#[test]
fn text_that_is_no_toml_is_told_with_its_column_and_not_quoted() {
    let lines = load("[server]\nlisten = \"127.0.0.1:8080\n[console]\nsecret == 5\n", &[]).expect_err("no TOML");
    assert!(lines.iter().all(|line| line.contains(": is not TOML: ")), "{lines:?}");
    assert!(lines[0].starts_with("c:2:25: is not TOML: "), "{lines:?}");
    assert!(lines.len() > 1, "all of them: {lines:?}");
    assert!(!lines.concat().contains("127.0.0.1"), "{lines:?}");
}

#[test]
fn listeners_outside_loopback_need_a_proxy_that_speaks_tls() {
    let clear = "where passwords would cross the network in clear; write a loopback address, or put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true";
    check(
        "[server]\nlisten = \"0.0.0.0:8080\"\n[console]\nlisten = \"[2001:db8::1]:8081\"\n[management]\nlisten = \"0.0.0.0:9090\"\n",
        &[
            &format!("c:2: server.listen: is 0.0.0.0:8080, {clear}"),
            &format!("c:4: console.listen: is [2001:db8::1]:8081, {clear}"),
        ],
    );
    check("[server]\nlisten = \"0.0.0.0:8080\"\nplaintext_behind_proxy = true\n", &[]);
    for loopback in ["127.3.2.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "127.0.0.1:0"] {
        check(&format!("[server]\nlisten = \"{loopback}\"\n"), &[]);
    }
}

#[test]
fn listeners_do_not_share_a_port() {
    check(
        "[console]\nlisten = \"127.0.0.1:8080\"\n[management]\nlisten = \"0.0.0.0:8080\"\n",
        &[
            "c:2: console.listen: is 127.0.0.1:8080, which server.listen = \"127.0.0.1:8080\" takes; write another port",
            "c:4: management.listen: is 0.0.0.0:8080, which server.listen = \"127.0.0.1:8080\" takes; write another port",
        ],
    );
    check("[server]\nlisten = \"127.0.0.1:0\"\n[console]\nlisten = \"127.0.0.1:0\"\n", &[]);
}

#[test]
fn times_nest() {
    check(
        "[server]\ndrain_deadline = \"2s\"\n[server.limits]\ncall_time = \"3s\"\n[slow_down]\nlongest = \"3s\"\n",
        &[
            "c:2: server.drain_deadline: is 2s, but a call may take 3s (server.limits.call_time); write that or more",
            "c:6: slow_down.longest: is 3s, but a call has only 3s (server.limits.call_time); write less than that",
            "c:8: identity[0].timeout: is 5s, but a call has only 3s (server.limits.call_time), of which it may wait 2s for its turn; write more there",
        ],
    );
    check(
        "[server]\ndrain_deadline = \"7s\"\n[server.limits]\ncall_time = \"7s\"\n",
        &[
            "c:6: identity[0].timeout: is 5s, but a call has only 7s (server.limits.call_time), of which it may wait 2s for its turn; write less than 5s",
        ],
    );
}

#[test]
fn hashing_is_not_weaker_than_recommended() {
    check(
        "[hashing]\nmemory_kib = 12288\niterations = 2\n",
        &["c:3: hashing.iterations: is 2, too few for 12288 KiB; write 3 or more"],
    );
    check("[hashing]\nmemory_kib = 47104\niterations = 1\n", &[]);
    check("[hashing]\nmemory_kib = 7168\n", &["c:1: hashing.iterations: is 2, too few for 7168 KiB; write 5 or more"]);
}

#[test]
fn a_public_url_is_an_http_address_without_a_secret_or_a_query() {
    let write = "write the address that integrations know, such as \"https://soap.example.org\"";
    for url in ["soap.example.org", "ftp://soap.example.org", "https://u:s3cret@soap.example.org", "https://", "/x"] {
        check(
            &format!("[server]\npublic_url = \"{url}\"\n"),
            &[&format!("c:2: server.public_url: is no http or https address; {write}")],
        );
    }
    check(
        "[server]\npublic_url = \"https://h/?wsdl\"\n",
        &[&format!("c:2: server.public_url: is \"https://h/?wsdl\"; {write}, without a query or a fragment")],
    );
}

#[test]
fn log_filters_are_directives() {
    let write = "write a level or directives of it, such as \"info\" or \"info,soapgate=debug\"";
    check("[log]\nfilter = \"soapgate=lots\"\n", &[&format!("c:2: log.filter: is \"soapgate=lots\"; {write}")]);
    check("[log]\nfilter = \"\"\n", &[&format!("c:2: log.filter: is \"\"; {write}")]);
    check("[log]\nfilter = \"info,soapgate=trace\"\n", &[]);
}

#[test]
fn variables_go_before_the_file() {
    let settings = settings(
        "[server]\nlisten = \"127.0.0.1:1\"\n",
        &[
            ("SOAPGATE__SERVER__LISTEN", "127.0.0.1:2"),
            ("SOAPGATE__SERVER__LIMITS__CALLS", "7"),
            ("SOAPGATE__SERVER__PLAINTEXT_BEHIND_PROXY", "true"),
            ("SOAPGATE__CACHE__TTL", "10s"),
            ("SOAPGATE__IDENTITY__ACCOUNTS__TIMEOUT", "1s"),
            ("SOAPGATE__INSTITUTION__01X__PROBE_ACCOUNTS", "Canary, monitoring"),
            ("SOAPGATE_CONFIG", "elsewhere"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(settings.server.listen.port(), 2);
    assert_eq!(settings.server.limits.calls, 7);
    assert!(settings.server.plaintext_behind_proxy);
    assert_eq!(settings.cache.ttl, Duration::from_secs(10));
    assert_eq!(settings.identities[0].timeout, Duration::from_secs(1));
    let probes: Vec<&str> = settings.institutions[0].probe_accounts.iter().map(AccountId::identifier).collect();
    assert_eq!(probes, ["canary", "monitoring"]);
}

#[test]
fn problems_with_variables_name_them() {
    check_with(
        "",
        &[
            ("SOAPGATE__CACHE__TTL", "soon"),
            ("SOAPGATE__IDENTITY__ACCOUNT__TIMEOUT", "1s"),
            ("SOAPGATE__IDENTITY__LDAP__BIND_PASSWORD", "s3cret"),
            ("SOAPGATE__ROUTE__0__PATH", "/"),
            ("SOAPGATE__SERVER__LISTN", "x"),
            ("SOAPGATE__SERVER__LISTEN", "0.0.0.0:8080"),
            ("SOAPGATE__WHATEVER", "x"),
        ],
        &[
            "environment: SOAPGATE__CACHE__TTL: cache.ttl: is \"soon\"; write a span from \"0s\" to \"1h\", such as \"1m\"",
            "environment: SOAPGATE__IDENTITY__ACCOUNT__TIMEOUT: sets no key; did you mean SOAPGATE__IDENTITY__ACCOUNTS__TIMEOUT?",
            "environment: SOAPGATE__IDENTITY__LDAP__BIND_PASSWORD: sets no key of an entry in the file; variables of entries begin with SOAPGATE__IDENTITY__ACCOUNTS__",
            "environment: SOAPGATE__ROUTE__0__PATH: routes have no name to be set by; write them in the file",
            "environment: SOAPGATE__SERVER__LISTEN: server.listen: is 0.0.0.0:8080, where passwords would cross the network in clear; write a loopback address, or put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true",
            "environment: SOAPGATE__SERVER__LISTN: sets no key; did you mean SOAPGATE__SERVER__LISTEN?",
            "environment: SOAPGATE__WHATEVER: sets no key; write SOAPGATE__<SECTION>__<KEY>, such as SOAPGATE__SERVER__LISTEN",
        ],
    );
}

#[test]
fn a_variable_that_could_mean_two_entries_is_refused() {
    let text = "[[identity]]\nname = \"a-b\"\nkind = \"embedded\"\n[[identity]]\nname = \"a_b\"\nkind = \"embedded\"\n";
    check(text, &[]);
    check_with(
        text,
        &[("SOAPGATE__IDENTITY__A_B__TIMEOUT", "1s")],
        &["environment: SOAPGATE__IDENTITY__A_B__…: stands for more than one [[identity]]; rename one of them"],
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![b'x', 0xff]);
    let problems = parse(PathBuf::from("/c"), SHIPPED, [(OsString::from("SOAPGATE__LOG__FILTER"), value)]);
    let lines = Problems::new("c".as_ref(), problems.expect_err("not UTF-8")).lines();
    assert_eq!(lines, ["environment: SOAPGATE__LOG__FILTER: is not UTF-8; write it in UTF-8"]);
}
