//! The keys of each kind of identity service and of the lock-out shield: what is read, and every line that is said.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::tests::{INSTITUTION, ROUTE, check_whole, settings};
use crate::domain::AttemptRule;
use crate::identity::{DnTemplate, Filter, IdentityKind, IdentitySettings, LdapFind, LdapFlavour, PasswordEncoding};

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

const CLEAR: &str = "where passwords would cross the network in clear; write ldaps://, or starttls = true";
const FILTER: &str = "write a filter that asks for equality with {user}, such as \"(uid={user})\"";
const NAME: &str = "write a name that begins with {user}, such as \"uid={user},ou=people,dc=example,dc=org\"";

#[test]
fn ldap_takes_a_search_or_a_name_and_a_name_of_its_own() {
    let keys = "url = \"ldap://127.0.0.1:1389\"\nlock_after = 12\nbase_dn = \"dc=x\"\nflavour = \"active-directory\"\n\
                connections = 3\nca_file = \"ca.pem\"\nbind_dn = \"cn=x\"\nbind_password = \"planted\"";
    let identity = read("ldap", keys);
    assert_eq!((identity.lock_after, identity.guard.requests_per_second), (NonZeroU32::new(12), None));
    let IdentityKind::Ldap(ldap) = identity.kind else { panic!("another kind") };
    assert!(!format!("{ldap:?}").contains("planted"));
    let filter = Filter::parse("(uid={user})").expect("a filter");
    assert_eq!(ldap.find, LdapFind::Search { base_dn: "dc=x".to_owned(), filter });
    assert_eq!((ldap.flavour, ldap.starttls, ldap.connections.get()), (LdapFlavour::ActiveDirectory, false, 3));
    assert_eq!(ldap.ca_file.expect("a path"), std::path::Path::new("/etc/soapgate/ca.pem"));
    let bind = ldap.bind.expect("a name of its own");
    assert_eq!((bind.dn.as_str(), bind.password.expose()), ("cn=x", "planted"));
    let IdentityKind::Ldap(ldap) =
        read("ldap", "url = \"ldap://h\"\nstarttls = true\nlock_after = 0\nuser_dn = \"cn={user},dc=x\"").kind
    else {
        panic!("another kind")
    };
    assert_eq!(ldap.find, LdapFind::Template(DnTemplate::parse("cn={user},dc=x").expect("a name")));
    assert_eq!((ldap.flavour, ldap.bind, ldap.connections.get()), (LdapFlavour::Ppolicy, None, 16));
}

#[test]
fn ldap_needs_a_safe_address_and_a_way_to_find_an_entry() {
    check_identity(
        "ldap",
        "",
        &[
            "c:1: identity[0].url: is missing; write an address such as \"ldaps://ldap.example.org\"",
            "c:1: identity[0].base_dn: is missing; write where accounts are, or user_dn",
            "c:1: identity[0].lock_after: is missing; write the number of failed sign-ins after which the service locks an account, or 0 if it never does",
        ],
    );
    check_identity(
        "ldap",
        "url = \"ldap://ldap.example.org\"\nlock_after = 0\nbind_dn = \"cn=x\"\nbase_dn = \"dc=x\"\nfilter = \"(uid={user}*)\"",
        &[
            "c:1: identity[0].bind_password: is missing; write it, or bind_password_file with the path of a file that holds it",
            &format!("c:4: identity[0].url: is \"ldap://ldap.example.org\", {CLEAR}"),
            &format!(
                "c:8: identity[0].filter: is \"(uid={{user}}*)\", in which {{user}} stands elsewhere than in an equality, (uid={{user}}); {FILTER}"
            ),
        ],
    );
    check_identity(
        "ldap",
        "url = \"ldaps://h\"\nstarttls = true\nbind_password = \"planted\"\nbase_dn = \"dc=x\"\nuser_dn = \"uid={user}\"\nlock_after = 11\nflavour = \"ad\"",
        &[
            "c:1: identity[0].bind_dn: is missing; write whose the bind_password is",
            "c:5: identity[0].starttls: is true, but ldaps:// speaks TLS already; write ldap://, or leave it out",
            "c:8: identity[0].user_dn: stands beside base_dn; write one of them",
            "c:9: identity[0].lock_after: is 11, but attempts.per_account = 10 lets 11 through; write per_account = 9 in [identity.attempts] or less",
            "c:10: identity[0].flavour: is \"ad\"; write \"ppolicy\" or \"active-directory\"",
        ],
    );
    check_identity(
        "ldap",
        "url = \"ldap://me:planted@127.0.0.1\"\nlock_after = 0\nuser_dn = \"{user}@example.org\"\nfilter = \"(uid={user})\"\nconnections = 0\nbind_dn = \" \"",
        &[
            "c:4: identity[0].url: is no address of a directory; write an address such as \"ldaps://ldap.example.org\"",
            &format!(
                "c:6: identity[0].user_dn: is \"{{user}}@example.org\", which is no name that begins with {{user}}; {NAME}"
            ),
            "c:7: identity[0].filter: stands beside user_dn, with which nothing is searched; leave it out",
            "c:8: identity[0].connections: is 0; write a whole number from 1 to 1000",
            "c:9: identity[0].bind_dn: is empty; write the name of the gateway's own entry, such as \"cn=soapgate,dc=example,dc=org\"",
        ],
    );
}

#[test]
fn the_password_of_bind_dn_may_stand_in_a_file_or_in_a_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "from a file\n").expect("written");
    let keys = "url = \"ldap://[::1]\"\nlock_after = 0\nbase_dn = \"dc=x\"\nbind_dn = \"cn=x\"";
    let text = format!("[[identity]]\nname = \"my-directory\"\nkind = \"ldap\"\n{keys}\n");
    let secret = |settings: IdentitySettings| {
        let IdentityKind::Ldap(ldap) = settings.kind else { panic!("another kind") };
        ldap.bind.expect("a name of its own").password.expose().to_owned()
    };
    let from_file = format!("{text}bind_password_file = \"{}\"\n", file.display());
    assert_eq!(secret(settings(&from_file, &[]).identities.remove(0)), "from a file");
    let variable = ("SOAPGATE__IDENTITY__MY_DIRECTORY__BIND_PASSWORD", "from a variable");
    assert_eq!(secret(settings(&text, &[variable]).identities.remove(0)), "from a variable");
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
    let smallest = "[identity.attempts]\nper_account = 1\n";
    check_whole(&text.replace("lock_after = 11\n", &format!("lock_after = 3\n{smallest}")), &[]);
    for few in [1, 2] {
        check_whole(
            &text.replace("lock_after = 11\n", &format!("lock_after = {few}\n{smallest}")),
            &[&format!(
                "c:6: identity[0].lock_after: is {few}, but the smallest budget, per_account = 1, lets 2 through: no budget keeps a service from locking that locks after so few; have it lock after 3 or more, and write that here"
            )],
        );
    }
}

#[test]
fn what_nodes_let_through_without_each_other_stays_below_the_lock_too() {
    let text = format!(
        "[attempts]\nnodes = 2\n[[identity]]\nname = \"accounts\"\nkind = \"alma\"\n{ALMA}\n[identity.attempts]\nper_account = 10\n{INSTITUTION}{ROUTE}"
    );
    check_whole(
        &text,
        &[
            "c:3: identity[0].lock_after: is 15, but attempts.per_account = 10 with nodes = 2 lets 17 through; write per_account = 8 in [identity.attempts] or less",
        ],
    );
    check_whole(&text.replace("per_account = 10", "per_account = 8"), &[]);
    check_whole(
        &text.replace("nodes = 2", "nodes = 20"),
        &[
            "c:3: identity[0].lock_after: is 15, but the smallest budget, per_account = 1 with nodes = 20, lets 21 through: no budget keeps a service from locking that locks after so few; have it lock after 22 or more, and write that here",
        ],
    );
}

#[test]
fn what_institutions_let_through_that_share_a_service_stays_below_its_lock_together() {
    let other = "\n[[institution]]\ncode = \"01Y\"\nidentity = \"accounts\"\n";
    let text = format!(
        "[[identity]]\nname = \"accounts\"\nkind = \"alma\"\n{ALMA}\nlock_after = 15\n[identity.attempts]\nper_account = 10\n{INSTITUTION}{other}{ROUTE}"
    );
    let expected = |most, remedy| {
        format!(
            "c:6: identity[0].lock_after: is 15, but it is asked for 2 institutions, whose attempts are counted apart: together they let {most} through; {remedy}"
        )
    };
    let remedy = "write per_account = 6 in [identity.attempts] or less";
    check_whole(&text, &[&expected(22, remedy)]);
    let chosen =
        other.replace("identity =", "identity = \"more\"\n[[institution.choice]]\nidentifiers = [\"*@x\"]\nidentity =");
    let more = "[[identity]]\nname = \"more\"\nkind = \"embedded\"\n";
    check_whole(&format!("{}{chosen}{more}", text.replace(other, "")), &[&expected(22, remedy)]);
    check_whole(&text.replace("per_account = 10", "per_account = 6"), &[]);
    check_whole(&text.replace("lock_after = 15", "lock_after = 0"), &[]);
    check_whole(
        &text
            .replace("\nlock_after = 15", "")
            .replace("kind = \"alma\"", "kind = \"embedded\"\nlock_after = 15")
            .replace(ALMA, ""),
        &[],
    );
    let few = text.replace("lock_after = 15", "lock_after = 4").replace("per_account = 10", "per_account = 1");
    let remedy = "have it lock after 5 or more, and write that here";
    check_whole(&few, &[&expected(4, remedy).replace("is 15", "is 4")]);
}

#[test]
fn a_service_takes_the_budgets_of_all_where_it_has_none_of_its_own() {
    let text = "[attempts]\nper_account = 8\nwindow = \"1h\"\nnodes = 2\n[[identity]]\nname = \"other\"\nkind = \"embedded\"\n\
                [identity.attempts]\nper_integration = 3\n";
    let identity = settings(text, &[("SOAPGATE__ATTEMPTS__RECHECK", "5m")]).identities.remove(0);
    let expected = AttemptRule {
        per_account: 8,
        per_integration: 3,
        window: Duration::from_hours(1),
        on_the_way: Duration::ZERO,
        per_day: 40,
        recheck: Duration::from_mins(5),
        nodes: 2,
    };
    assert_eq!((identity.attempts, identity.guard.nodes), (expected, 2), "its questions are shared out as well");
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
