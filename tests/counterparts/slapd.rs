//! The `ldap` adapter against a real slapd with the password policy overlay, alone and through the gateway.

use std::num::NonZeroUsize;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use soapgate::domain::{Answer, NoAnswer, Rejection};
use soapgate::identity::{
    DnTemplate, IdentityService, LdapBind, LdapFind, LdapFlavour, LdapSettings, LdapUrl, Sent, ServiceSecret,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::directory::{TIME, account, answer, ask, flags_up_to, listeners, search, service};
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, register, sign_in};
use crate::support::until::until;
use crate::told;

fn settings() -> LdapSettings {
    LdapSettings {
        url: LdapUrl::parse(&format!("ldap://127.0.0.1:{}", told("SLAPD_PORT"))).expect("an address"),
        starttls: false,
        bind: Some(LdapBind { dn: told("SLAPD_OWN"), password: ServiceSecret::new(told("SLAPD_OWN_PASSWORD")) }),
        find: search(&told("SLAPD_BASE"), "(|(uid={user})(mail={user}))"),
        flavour: LdapFlavour::Ppolicy,
        ca_file: None,
        connections: NonZeroUsize::new(4).expect("some"),
    }
}

/// What an administrator reads: the lines of an entry that begin with an attribute's name.
fn read(filter: &str, attribute: &str) -> Vec<String> {
    let output = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &format!("ldap://127.0.0.1:{}", told("SLAPD_PORT"))])
        .args(["-D", &told("SLAPD_ADMIN"), "-w", &told("SLAPD_ADMIN_PASSWORD")])
        .args(["-b", &told("SLAPD_BASE"), filter, attribute])
        .output()
        .expect("ldapsearch");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().filter(|line| line.starts_with(attribute)).map(str::to_owned).collect()
}

fn failures(uid: &str) -> usize {
    read(&format!("(uid={uid})"), "pwdFailureTime").len()
}

#[tokio::test]
async fn every_situation_is_told_as_the_table_says() {
    let service = service(&settings());
    let right = told("SLAPD_PASSWORD");
    let no = Answer::Rejected;
    let cases = [
        ("reader", right.as_str(), Answer::Accepted),
        ("READER", &right, Answer::Accepted),
        ("reader", "guess", no(Rejection::WrongPassword)),
        ("zoë", "p&<>\"'é€ ", Answer::Accepted),
        ("ZOË", "p&<>\"'é€ ", Answer::Accepted),
        ("zoë", "p&<>\"'é€", no(Rejection::WrongPassword)),
        ("mustchange", &right, Answer::MustChange),
        ("mustchange", "guess", no(Rejection::WrongPassword)),
        ("locked", &right, no(Rejection::Locked)),
        ("expired", &right, no(Rejection::MustChange)),
        ("expired", "guess", no(Rejection::WrongPassword)),
        ("grace", &right, Answer::MustChange),
        ("warned", &right, Answer::Accepted),
        ("legacy", "anything", no(Rejection::WrongPassword)),
        ("nobody", "anything", no(Rejection::UnknownAccount)),
        ("*", "anything", no(Rejection::UnknownAccount)),
        ("reader)(uid=*", "anything", no(Rejection::UnknownAccount)),
    ];
    for (user, password, expected) in cases {
        assert_eq!(answer(&service, user, password).await, expected, "{user}");
    }
}

#[tokio::test]
async fn slapd_locks_after_three_and_says_so_whatever_the_password() {
    let service = service(&settings());
    for _ in 0..3 {
        assert_eq!(answer(&service, "lockme", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    }
    assert_eq!(failures("lockme"), 3, "one attempt is one failure");
    for password in ["guess", &told("SLAPD_PASSWORD")] {
        assert_eq!(answer(&service, "lockme", password).await, Answer::Rejected(Rejection::Locked));
    }
}

#[tokio::test]
async fn a_template_needs_no_search_and_does_not_tell_who_is_unknown() {
    let template = DnTemplate::parse(&format!("uid={{user}},{}", told("SLAPD_BASE"))).expect("a name");
    let service = service(&LdapSettings { bind: None, find: LdapFind::Template(template), ..settings() });
    assert_eq!(answer(&service, "Reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted);
    assert_eq!(answer(&service, "nobody", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    assert_eq!(answer(&service, "a,b=c+d", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    let said = service.check(Instant::now() + TIME).await;
    assert!(said.as_ref().is_ok_and(|said| said.starts_with("connected, anonymous")), "{said:?}");
}

#[tokio::test]
async fn slapd_reads_many_spellings_as_one_and_the_adapter_does_not() {
    let spellings = ["\u{ff4f}k", "o\u{ad}k", "\u{24de}k"];
    assert_eq!(read(&format!("(uid={})", spellings[0]), "uid"), ["uid: ok"], "or there is nothing to fear");
    let service = service(&settings());
    for spelling in spellings {
        let said = ask(&service, spelling, "guess").await.expect("an answer");
        assert_eq!((said.answer, said.person), (Answer::Rejected(Rejection::UnknownAccount), None), "{spelling:?}");
    }
    assert_eq!(failures("ok"), 0, "nobody was bound as");
    let said = ask(&service, "OK", &told("SLAPD_PASSWORD")).await.expect("an answer");
    assert_eq!((said.answer, said.person), (Answer::Accepted, Some(account("ok"))));
}

#[tokio::test]
async fn all_names_of_an_entry_are_one_person() {
    let service = service(&settings());
    for name in ["z2001", "A2001", "Alias@Example.org"] {
        let said = ask(&service, name, &told("SLAPD_PASSWORD")).await.expect("an answer");
        assert_eq!((said.answer, said.person), (Answer::Accepted, Some(account("a2001"))), "{name}");
    }
}

#[tokio::test]
async fn two_entries_of_one_name_are_no_answer_and_nobody_is_bound_as() {
    let service = service(&LdapSettings { find: search(&told("SLAPD_SUFFIX"), "(uid={user})"), ..settings() });
    let error = ask(&service, "twin", &told("SLAPD_PASSWORD")).await.expect_err("two");
    assert_eq!((error.no_answer, error.sent), (NoAnswer::Misconfigured, Sent::Name), "{error}");
    assert_eq!(answer(&service, "reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted);
}

#[tokio::test]
async fn what_is_set_up_wrongly_is_no_refusal() {
    let stranger = LdapBind { dn: told("SLAPD_OWN"), password: ServiceSecret::new("planted-other".to_owned()) };
    let cases = [
        ("our password", Sent::No, LdapSettings { bind: Some(stranger), ..settings() }),
        ("our rights", Sent::Name, LdapSettings { bind: None, ..settings() }),
        (
            "the base",
            Sent::Name,
            LdapSettings { find: search("ou=elsewhere,dc=example,dc=org", "(uid={user})"), ..settings() },
        ),
        (
            "another's base",
            Sent::Name,
            LdapSettings { find: search("dc=example,dc=com", "(uid={user})"), ..settings() },
        ),
    ];
    for (what, sent, settings) in cases {
        let service = service(&settings);
        let error = ask(&service, "reader", &told("SLAPD_PASSWORD")).await.expect_err(what);
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Misconfigured, sent), "{what}: {error}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{what}");
        assert!(service.check(Instant::now() + TIME).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_and_by_starttls() {
    let ca_file = Some(std::path::PathBuf::from(told("SLAPD_CA_FILE")));
    let at = |scheme: &str, port: &str| LdapUrl::parse(&format!("{scheme}://localhost:{}", told(port))).expect("a URL");
    for (url, starttls) in [(at("ldaps", "SLAPD_TLS_PORT"), false), (at("ldap", "SLAPD_PORT"), true)] {
        let trusting = LdapSettings { url: url.clone(), starttls, ca_file: ca_file.clone(), ..settings() };
        assert_eq!(answer(&service(&trusting), "reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted, "{url}");
        let stranger = LdapSettings { ca_file: None, ..trusting.clone() };
        let error = ask(&service(&stranger), "reader", &told("SLAPD_PASSWORD")).await.expect_err("not trusted");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No), "{error}");
        let mut elsewhere = trusting;
        "127.0.0.1".clone_into(&mut elsewhere.url.host);
        let error = ask(&service(&elsewhere), "reader", &told("SLAPD_PASSWORD")).await.expect_err("another name");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No), "{error}");
    }
}

#[tokio::test]
async fn connections_that_slapd_ends_are_replaced() {
    let service = service(&settings());
    for _ in 0..2 {
        assert_eq!(answer(&service, "reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted);
        // slapd ends those on which nothing was said for two seconds.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(answer(&service, "reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted);
}

/// A slapd of a test's own. It ends with its value.
struct Spare(Child);

impl Spare {
    async fn start() -> Self {
        let command = told("SLAPD_SPARE_COMMAND");
        let mut words = command.lines();
        let mut command = Command::new(words.next().expect("a program"));
        let child = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let address = format!("127.0.0.1:{}", told("SLAPD_SPARE_PORT"));
        until("slapd listens", async || tokio::net::TcpStream::connect(&address).await.is_ok()).await;
        Self(child.expect("slapd starts"))
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_slapd_that_comes_back_is_asked_again() {
    let url = LdapUrl::parse(&format!("ldap://127.0.0.1:{}", told("SLAPD_SPARE_PORT"))).expect("an address");
    let service = service(&LdapSettings { url, ..settings() });
    for _ in 0..3 {
        let spare = Spare::start().await;
        assert_eq!(answer(&service, "reader", &told("SLAPD_PASSWORD")).await, Answer::Accepted);
        assert_eq!(answer(&service, "zoë", "guess").await, Answer::Rejected(Rejection::WrongPassword));
        assert_eq!(answer(&service, "zoë", "p&<>\"'é€ ").await, Answer::Accepted);
        drop(spare);
        let error = ask(&service, "reader", &told("SLAPD_PASSWORD")).await.expect_err("it is away");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No), "{error}");
    }
}

#[tokio::test]
async fn many_at_once_share_a_few_connections() {
    let service = Arc::new(service(&settings()));
    let mut asks = JoinSet::new();
    for turn in 0..400 {
        let service = Arc::clone(&service);
        asks.spawn(async move {
            let right = turn % 3 != 0;
            let password = if right { told("SLAPD_PASSWORD") } else { "guess".to_owned() };
            (right, answer(&service, &format!("user{}", turn % 20), &password).await)
        });
    }
    for (right, answer) in asks.join_all().await {
        let expected = if right { Answer::Accepted } else { Answer::Rejected(Rejection::WrongPassword) };
        assert_eq!(answer, expected, "no answer is another's");
    }
}

#[tokio::test]
async fn a_check_says_what_works_and_a_second_look_what_is_wrong() {
    let service = service(&settings());
    let said = service.check(Instant::now() + TIME).await;
    let works = "signed in as bind_dn, base_dn is there, the password policy control is offered";
    assert_eq!(said.as_deref(), Ok(works));
    let look = async |user: &str| service.look_again(&account(user), Instant::now() + TIME).await.expect("an answer");
    assert_eq!(look("locked").await.expect("an entry").rejection, Some(Rejection::Locked));
    assert_eq!(look("mustchange").await.expect("an entry").rejection, Some(Rejection::MustChange));
    let alias = look("z2001").await.expect("an entry");
    assert_eq!((alias.rejection, alias.has_mail, alias.identifiers), (None, Some(true), vec![account("a2001")]));
    assert_eq!(look("nobody").await, None);
}

fn config(more: &str) -> String {
    format!(
        "{}[[identity]]\nname = \"directory\"\nkind = \"ldap\"\nurl = \"ldap://127.0.0.1:{}\"\nlock_after = 3\n\
         bind_dn = \"{}\"\nbind_password = \"{}\"\nbase_dn = \"{}\"\nfilter = \"(|(uid={{user}})(mail={{user}}))\"\n{more}\n\
         [identity.attempts]\nper_account = 1\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"directory\"\n[[route]]\ncontract = \"alma\"\n",
        listeners(),
        told("SLAPD_PORT"),
        told("SLAPD_OWN"),
        told("SLAPD_OWN_PASSWORD"),
        told("SLAPD_BASE"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_the_gateway_each_is_told_yes_or_no_and_flagged_as_the_table_says() {
    let gateway = TestGateway::start(&config("")).await;
    let right = told("SLAPD_PASSWORD");
    let cases = [
        ("mustchange", right.as_str(), Told::Yes),
        ("expired", &right, Told::No),
        ("grace", &right, Told::Yes),
        ("warned", &right, Told::Yes),
        ("legacy", "anything", Told::No),
        ("nobody", "anything", Told::No),
        ("Zoë", "p&<>\"'é€ ", Told::Yes),
        ("reader", "", Told::No),
        ("reader", &right, Told::Yes),
        ("locked", &right, Told::No),
    ];
    for (user, password, expected) in cases {
        assert_eq!(sign_in(&gateway, "demo", user, password).await, expected, "{user}");
    }
    let seen = flags_up_to(&gateway, "locked").await;
    assert_eq!(seen, ["expired must-change", "grace must-change", "locked locked", "mustchange must-change"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_the_gateway_nobody_locks_an_account_at_slapd() {
    let gateway = TestGateway::start_tuned(&config(""), |settings| settings.cache.ttl = Duration::ZERO).await;
    register(&gateway, &["one", "two"]).await;
    let right = told("SLAPD_PASSWORD");
    assert_eq!(sign_in(&gateway, "demo", "shielded", &right).await, Told::Yes);
    for guess in 0..10 {
        for (integration, name) in
            [("one", "shielded"), ("two", "SHIELDED"), ("demo", " Shielded "), ("one", "\u{ff53}hielded")]
        {
            let told = sign_in(&gateway, integration, name, &format!("guess {integration} {guess}")).await;
            assert_eq!(told, Told::No, "{name}");
        }
    }
    assert_eq!(failures("shielded"), 1, "per_account, by whatever spelling");
    assert_eq!(sign_in(&gateway, "two", "shielded", &right).await, Told::Yes, "its owner signs in");
}

#[tokio::test]
async fn the_command_that_checks_a_configuration_tries_the_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |config: &str| {
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_soapgate"))
            .args(["check", "--online", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .output()
            .expect("the program");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    };
    let (code, said) = check(&config(""));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the password policy control is offered"), "{said}");
    let (code, said) = check(&config("").replace(&told("SLAPD_OWN_PASSWORD"), "planted-other"));
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("bind_dn or bind_password is wrong") && !said.contains("planted"), "{said}");
}
