//! The `ldap` adapter against a domain controller of Samba's, which answers as Active Directory does.

use std::num::NonZeroUsize;

use soapgate::domain::{Answer, NoAnswer, Rejection};
use soapgate::identity::{
    DnTemplate, IdentityService, LdapBind, LdapFind, LdapFlavour, LdapSettings, LdapUrl, Sent, ServiceSecret,
};
use tokio::time::Instant;

use crate::directory::{TIME, account, answer, ask, flags_up_to, listeners, search, service};
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, register, sign_in};
use crate::told;

const FILTER: &str = "(|(sAMAccountName={user})(mail={user}))";

fn address(scheme: &str) -> LdapUrl {
    LdapUrl::parse(&format!("{scheme}://{}", told("SAMBA_ADDRESS"))).expect("an address")
}

fn settings() -> LdapSettings {
    LdapSettings {
        url: address("ldap"),
        starttls: false,
        bind: Some(LdapBind { dn: told("SAMBA_OWN"), password: ServiceSecret::new(told("SAMBA_OWN_PASSWORD")) }),
        find: search(&told("SAMBA_BASE"), FILTER),
        flavour: LdapFlavour::ActiveDirectory,
        ca_file: None,
        connections: NonZeroUsize::new(4).expect("some"),
    }
}

#[tokio::test]
async fn every_sub_code_is_told_as_the_table_says_and_only_for_the_right_password() {
    let service = service(&settings());
    let no = Answer::Rejected;
    let right = told("SAMBA_PASSWORD");
    let cases = [
        ("reader", right.as_str(), Answer::Accepted),
        ("READER@example.org", &right, Answer::Accepted),
        ("zoë", "p&<>\"'é€ ", Answer::Accepted),
        ("mustchange", &right, no(Rejection::MustChange)),
        ("stale", &right, no(Rejection::MustChange)),
        ("disabled", &right, no(Rejection::Disabled)),
        ("expired", &right, no(Rejection::Expired)),
        ("untimely", &right, no(Rejection::Policy)),
        ("nobody", &right, no(Rejection::UnknownAccount)),
        ("*", &right, no(Rejection::UnknownAccount)),
    ];
    for (user, password, expected) in cases {
        assert_eq!(answer(&service, user, password).await, expected, "{user}");
    }
    for user in ["reader", "mustchange", "stale", "disabled", "expired", "untimely"] {
        assert_eq!(answer(&service, user, "guess").await, no(Rejection::WrongPassword), "{user}");
    }
}

#[tokio::test]
async fn it_locks_after_three_and_says_so_whatever_the_password() {
    let service = service(&settings());
    for _ in 0..3 {
        assert_eq!(answer(&service, "lockme", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    }
    for password in ["guess", &told("SAMBA_PASSWORD")] {
        assert_eq!(answer(&service, "lockme", password).await, Answer::Rejected(Rejection::Locked));
    }
    let look = service.look_again(&account("lockme"), Instant::now() + TIME).await;
    assert_eq!(look.expect("an answer").expect("an entry").rejection, Some(Rejection::Locked));
}

#[tokio::test]
async fn a_second_look_finds_what_a_wrong_password_hides() {
    let service = service(&settings());
    let look = async |user: &str| service.look_again(&account(user), Instant::now() + TIME).await.expect("an answer");
    for (user, rejection) in [
        ("disabled", Some(Rejection::Disabled)),
        ("expired", Some(Rejection::Expired)),
        ("mustchange", Some(Rejection::MustChange)),
        ("stale", Some(Rejection::MustChange)),
        ("reader", None),
    ] {
        assert_eq!(look(user).await.expect("an entry").rejection, rejection, "{user}");
    }
    let reader = look("reader@example.org").await.expect("an entry");
    assert_eq!((reader.has_mail, reader.identifiers), (Some(true), vec![account("reader")]));
    assert_eq!(look("nobody").await, None);
}

#[tokio::test]
async fn a_name_that_a_template_made_up_is_a_wrong_password_to_it() {
    let template = DnTemplate::parse(&format!("CN={{user}},CN=Users,{}", told("SAMBA_BASE"))).expect("a name");
    let service = service(&LdapSettings { bind: None, find: LdapFind::Template(template), ..settings() });
    assert_eq!(answer(&service, "Reader", &told("SAMBA_PASSWORD")).await, Answer::Accepted);
    assert_eq!(answer(&service, "nobody", "guess").await, Answer::Rejected(Rejection::WrongPassword));
}

#[tokio::test]
async fn what_is_set_up_wrongly_is_no_refusal() {
    let stranger = LdapBind { dn: told("SAMBA_OWN"), password: ServiceSecret::new("planted-other".to_owned()) };
    let cases = [
        ("our password", Sent::No, LdapSettings { bind: Some(stranger), ..settings() }),
        ("no name of our own", Sent::Name, LdapSettings { bind: None, ..settings() }),
        ("the base", Sent::Name, LdapSettings { find: search("OU=elsewhere,DC=example,DC=org", FILTER), ..settings() }),
        ("another's base", Sent::Name, LdapSettings { find: search("DC=example,DC=com", FILTER), ..settings() }),
    ];
    for (what, sent, settings) in cases {
        let service = service(&settings);
        let error = ask(&service, "reader", &told("SAMBA_PASSWORD")).await.expect_err(what);
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Misconfigured, sent), "{what}: {error}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{what}");
        assert!(service.check(Instant::now() + TIME).await.is_err(), "{what}");
    }
    let said = service(&settings()).check(Instant::now() + TIME).await;
    assert_eq!(said.as_deref(), Ok("signed in as bind_dn, base_dn is there"));
}

#[tokio::test]
async fn tls_from_the_first_byte_and_by_starttls() {
    let ca_file = Some(std::path::PathBuf::from(told("SAMBA_CA_FILE")));
    for (scheme, starttls) in [("ldaps", false), ("ldap", true)] {
        let trusting = LdapSettings { url: address(scheme), starttls, ca_file: ca_file.clone(), ..settings() };
        assert_eq!(answer(&service(&trusting), "reader", &told("SAMBA_PASSWORD")).await, Answer::Accepted, "{scheme}");
        let stranger = LdapSettings { ca_file: None, ..trusting };
        let error = ask(&service(&stranger), "reader", &told("SAMBA_PASSWORD")).await.expect_err("not trusted");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_the_gateway_each_is_refused_and_flagged_as_the_table_says_and_nobody_is_locked() {
    let config = format!(
        "{}[[identity]]\nname = \"directory\"\nkind = \"ldap\"\nurl = \"{}\"\nlock_after = 3\n\
         bind_dn = \"{}\"\nbind_password = \"{}\"\nbase_dn = \"{}\"\nfilter = \"{FILTER}\"\n\
         flavour = \"active-directory\"\n[identity.attempts]\nper_account = 1\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"directory\"\n[[route]]\ncontract = \"alma\"\n",
        listeners(),
        address("ldap"),
        told("SAMBA_OWN"),
        told("SAMBA_OWN_PASSWORD"),
        told("SAMBA_BASE"),
    );
    let gateway = TestGateway::start_tuned(&config, |settings| settings.cache.ttl = std::time::Duration::ZERO).await;
    register(&gateway, &["one", "two"]).await;
    let right = told("SAMBA_PASSWORD");
    assert_eq!(sign_in(&gateway, "demo", "shielded", &right).await, Told::Yes);
    for guess in 0..10 {
        for (integration, name) in [("one", "shielded"), ("two", "SHIELDED"), ("demo", "Shielded")] {
            assert_eq!(sign_in(&gateway, integration, name, &format!("guess {integration} {guess}")).await, Told::No);
        }
    }
    assert_eq!(sign_in(&gateway, "two", "shielded", &right).await, Told::Yes, "three would have locked it");
    for _ in 0..3 {
        assert_eq!(answer(&service(&settings()), "locked", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    }
    for user in ["mustchange", "stale", "disabled", "untimely", "expired", "nobody", "locked"] {
        assert_eq!(sign_in(&gateway, "demo", user, &right).await, Told::No, "{user}");
    }
    let flags = flags_up_to(&gateway, "locked").await;
    assert_eq!(flags, ["expired expired", "locked locked", "mustchange must-change", "stale must-change"]);
}
