//! The keys of each kind of identity service and of the lock-out shield: what is read, and every line that is said.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::tests::{INSTITUTION, ROUTE, check_whole, settings};
use crate::domain::AttemptRule;
use crate::identity::{IdentityKind, IdentitySettings, PasswordEncoding};

/// What is said about an identity service of these keys, which stand from line 4 on.
pub(super) fn check_identity(kind: &str, keys: &str, lines: &[&str]) {
    let text = format!("[[identity]]\nname = \"accounts\"\nkind = \"{kind}\"\n{keys}\n{INSTITUTION}{ROUTE}");
    check_whole(&text, lines);
}

pub(super) fn read(kind: &str, keys: &str) -> IdentitySettings {
    let text = format!("[[identity]]\nname = \"other\"\nkind = \"{kind}\"\n{keys}\n");
    settings(&text, &[]).identities.remove(0)
}

const ALMA: &str = "base_url = \"https://api-eu.example.org/\"\napi_key = \"planted\"";

#[test]
fn alma_needs_an_address_and_a_key_and_has_a_limit_of_its_own() {
    let identity = read("alma", ALMA);
    assert_eq!((identity.lock_after, identity.guard.requests_per_second), (NonZeroU32::new(15), NonZeroU32::new(25)));
    let IdentityKind::Alma(alma) = identity.kind else { panic!("another kind") };
    assert_eq!(alma.base_url, "https://api-eu.example.org");
    assert_eq!((alma.user_id_type.as_str(), alma.second_look), ("all_unique", true));
    assert_eq!((alma.password_encoding, alma.api_key.expose()), (PasswordEncoding::Utf8, "planted"));
    check_identity(
        "alma",
        "",
        &[
            "c:1: identity[0].base_url: is missing; write an address such as \"https://api-eu.hosted.exlibrisgroup.com\"",
            "c:1: identity[0].api_key: is missing; write it, or api_key_file with the path of a file that holds it",
        ],
    );
    check_identity(
        "alma",
        "base_url = \"http://api.example.org\"\napi_key = \"\"\nuser_id_type = \"a b\"\npassword_encoding = \"x\"",
        &[
            "c:4: identity[0].base_url: is \"http://api.example.org\", where passwords would cross the network in clear; write https://",
            "c:5: identity[0].api_key: is empty; write the secret",
            "c:6: identity[0].user_id_type: is \"a b\"; write a type of identifier in Alma's words, such as \"all_unique\"",
            "c:7: identity[0].password_encoding: is \"x\"; write \"utf-8\" or \"latin-1\"",
        ],
    );
    check_identity(
        "alma",
        "base_url = \"https://me:planted@example.org\"\napi_key_file = \"none\"",
        &[
            "c:4: identity[0].base_url: holds a name or a password; write an address such as \"https://api-eu.hosted.exlibrisgroup.com\"",
            "c:5: identity[0].api_key_file: names a file that cannot be read: No such file or directory (os error 2); write the path of a file that holds the secret",
        ],
    );
}

#[test]
fn a_secret_stands_in_one_place_and_a_file_loses_its_final_line_end_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, " planted \r\n").expect("written");
    let keys = format!("base_url = \"http://127.0.0.1:1\"\napi_key_file = \"{}\"", file.display());
    let IdentityKind::Alma(alma) = read("alma", &keys).kind else { panic!("another kind") };
    assert_eq!(alma.api_key.expose(), " planted ");
    check_identity(
        "alma",
        &format!("{keys}\napi_key = \"planted\""),
        &["c:5: identity[0].api_key_file: stands beside api_key; write one of them"],
    );
}

#[test]
fn the_budget_stays_below_the_lock_of_its_service() {
    let text =
        format!("[[identity]]\nname = \"accounts\"\nkind = \"alma\"\n{ALMA}\nlock_after = 11\n{INSTITUTION}{ROUTE}");
    check_whole(
        &text,
        &[
            "c:6: identity[0].lock_after: is 11, but attempts.per_account = 10 lets 11 through; write per_account = 9 in [identity.attempts] or less",
        ],
    );
    check_whole(&text.replace("lock_after = 11\n", "lock_after = 11\n[identity.attempts]\nper_account = 9\n"), &[]);
    check_whole(&text.replace("lock_after = 11", "lock_after = 0"), &[]);
}

#[test]
fn a_service_takes_the_budgets_of_all_where_it_has_none_of_its_own() {
    let text = "[attempts]\nper_account = 8\nwindow = \"1h\"\nnodes = 2\n[[identity]]\nname = \"other\"\nkind = \"embedded\"\n\
                [identity.attempts]\nper_integration = 3\n";
    let rule = settings(text, &[("SOAPGATE__ATTEMPTS__RECHECK", "5m")]).identities.remove(0).attempts;
    let expected = AttemptRule {
        per_account: 8,
        per_integration: 3,
        window: Duration::from_hours(1),
        per_day: 40,
        recheck: Duration::from_mins(5),
        nodes: 2,
    };
    assert_eq!(rule, expected);
}

#[test]
fn an_institution_chooses_between_services_by_patterns_that_say_something() {
    let institution = "\n[[institution]]\ncode = \"01X\"\nidentity = \"accounts\"\n";
    let identity = "[[identity]]\nname = \"accounts\"\nkind = \"embedded\"\n";
    check_whole(
        &format!("{identity}{institution}[[institution.choice]]\nidentifiers = []\nidentity = \"acounts\"\n{ROUTE}"),
        &[
            "c:9: institution[0].choice[0].identifiers: is missing or empty; write a list of patterns, such as [\"*@staff.example.org\"]",
            "c:10: institution[0].choice[0].identity: is \"acounts\", which no [[identity]] is named; did you mean \"accounts\"?",
        ],
    );
}
