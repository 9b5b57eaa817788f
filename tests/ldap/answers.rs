//! What a directory answers, and what the adapter makes of it. Active Directory's texts are its vendor's, as documented.

use std::sync::Arc;

use soapgate::app::SystemClock;
use soapgate::domain::{Answer, NoAnswer, Rejection};
use soapgate::identity::{
    DnTemplate, GuardSettings, Guarded, IdentityService, LdapBind, LdapFind, LdapFlavour, LdapSettings, Sent,
    ServiceSecret,
};
use soapgate::telemetry::Health;
use tokio::time::Instant;

use crate::fake::{Asked, BASE, FakeDirectory, OWN_DN, Person, Reaction};
use crate::{PLANTED, TIME, account, ask, service};

#[tokio::test]
async fn right_wrong_and_unknown() {
    let directory = FakeDirectory::start().await;
    directory.add(Person::new(&["zoë"], "p&<>\"'é€ "));
    let service = service(&directory.settings());
    let answer = async |user: &str, password: &str| ask(&service, user, password).await.expect("an answer").answer;
    assert_eq!(answer("reader", PLANTED).await, Answer::Accepted);
    assert_eq!(answer("READER", PLANTED).await, Answer::Accepted, "any case");
    assert_eq!(answer("Zoë", "p&<>\"'é€ ").await, Answer::Accepted, "any character, unchanged");
    assert_eq!(answer("reader", "guess").await, Answer::Rejected(Rejection::WrongPassword));
    let binds = directory.binds().len();
    assert_eq!(answer("nobody", "guess").await, Answer::Rejected(Rejection::UnknownAccount));
    assert_eq!(directory.binds().len(), binds, "there is nobody to bind as");
}

#[tokio::test]
async fn what_is_typed_is_a_value_and_never_a_part_of_the_filter() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    for identifier in ["*", "reader)(uid=*", "\\2a", "reader\\", "(", "{user}", "a=b,c+d", "reader*"] {
        let said = ask(&service, identifier, PLANTED).await.expect("an answer");
        assert_eq!(said.answer, Answer::Rejected(Rejection::UnknownAccount), "{identifier}");
        let Some(Asked::Search { names, .. }) = directory.asked().pop() else { panic!("a search") };
        assert_eq!(names, [("uid".to_owned(), identifier.to_owned())]);
    }
    assert_eq!(directory.binds(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_password_policy_says_beside_a_bind_counts() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    let cases: [(u8, &'static [u8], Option<Answer>); 7] = [
        (0, &[0x30, 0], Some(Answer::Accepted)),
        (0, &[0x30, 5, 0xa0, 3, 0x80, 1, 9], Some(Answer::Accepted)),
        (0, &[0x30, 3, 0x81, 1, 2], Some(Answer::MustChange)),
        (49, &[0x30, 3, 0x81, 1, 1], Some(Answer::Rejected(Rejection::Locked))),
        (49, &[0x30, 3, 0x81, 1, 0], Some(Answer::Rejected(Rejection::MustChange))),
        (0, &[0x30, 3, 0x81, 1, 1], None),
        (0, b"garbage", None),
    ];
    for (code, control, expected) in cases {
        directory.on_bind(Reaction::Policy(code, control));
        let said = ask(&service, "reader", PLANTED).await;
        assert_eq!(said.as_ref().ok().map(|said| said.answer), expected, "{code} {control:?}");
        if let Err(error) = said {
            assert_eq!((error.no_answer, error.sent), (NoAnswer::Protocol, Sent::Maybe));
        }
    }
    let has_control = directory.asked().iter().all(|asked| match asked {
        Asked::Bind { dn, has_ppolicy, .. } => *has_ppolicy == (dn != OWN_DN),
        Asked::Search { .. } | Asked::StartTls => true,
    });
    assert!(has_control, "every bind but the gateway's own asks for it");
}

#[tokio::test]
async fn active_directory_tells_its_reason_in_a_text() {
    let directory = FakeDirectory::start().await;
    let settings = LdapSettings { flavour: LdapFlavour::ActiveDirectory, ..directory.settings() };
    let service = service(&settings);
    let cases = [
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 525, v4563\0",
            Rejection::UnknownAccount,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 52e, v4563\0",
            Rejection::WrongPassword,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 530, v4563\0",
            Rejection::Policy,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 531, v4563\0",
            Rejection::Policy,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 532, v4563\0",
            Rejection::MustChange,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 533, v4563\0",
            Rejection::Disabled,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 701, v4563\0",
            Rejection::Expired,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 773, v4563\0",
            Rejection::MustChange,
        ),
        (
            "80090308: LdapErr: DSID-0C0903D3, comment: AcceptSecurityContext error, data 775, v4563\0",
            Rejection::Locked,
        ),
    ];
    for (text, why) in cases {
        directory.on_bind(Reaction::Result(49, text));
        let said = ask(&service, "reader", PLANTED).await.expect("an answer");
        assert_eq!(said.answer, Answer::Rejected(why), "{text}");
    }
    let asked = directory.asked();
    assert!(asked.iter().all(|asked| !matches!(asked, Asked::Bind { has_ppolicy: true, .. })), "no control there");
}

#[tokio::test]
async fn places_where_else_could_be_searched_make_nothing_ambiguous() {
    let directory = FakeDirectory::start().await;
    directory.on_search(Reaction::References(3));
    let service = service(&directory.settings());
    assert_eq!(ask(&service, "reader", PLANTED).await.expect("an answer").answer, Answer::Accepted);
    let unknown = ask(&service, "nobody", PLANTED).await.expect("an answer").answer;
    assert_eq!(unknown, Answer::Rejected(Rejection::UnknownAccount));
}

#[tokio::test]
async fn nobody_is_bound_as_where_it_is_not_clear_as_whom() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    let one = ("uid=reader,ou=a,dc=example,dc=org", "reader");
    let cases = [
        (vec![one, ("uid=reader,ou=b,dc=example,dc=org", "reader")], NoAnswer::Misconfigured),
        (vec![("", "reader")], NoAnswer::Protocol),
    ];
    for (entries, no_answer) in cases {
        directory.on_search(Reaction::Entries(entries.clone()));
        let error = ask(&service, "reader", PLANTED).await.expect_err("no answer");
        assert_eq!((error.no_answer, error.sent), (no_answer, Sent::Name), "{entries:?}");
        assert!(!format!("{error} {error:?}").contains("reader"));
    }
    assert_eq!(directory.binds(), Vec::<String>::new());
}

#[tokio::test]
async fn a_template_needs_no_search() {
    let directory = FakeDirectory::start().await;
    directory.add(Person::new(&["a\\2cb"], PLANTED));
    let template = DnTemplate::parse(&format!("uid={{user}},{BASE}")).expect("a name");
    let settings = LdapSettings { bind: None, find: LdapFind::Template(template), ..directory.settings() };
    let service = service(&settings);
    let answer = async |user: &str| ask(&service, user, PLANTED).await.expect("an answer").answer;
    assert_eq!(answer("reader").await, Answer::Accepted);
    assert_eq!(answer("a,b").await, Answer::Accepted, "escaped");
    directory.on_bind(Reaction::Result(32, ""));
    assert_eq!(answer("nobody").await, Answer::Rejected(Rejection::UnknownAccount));
    let asked = directory.asked().len();
    for identifier in ["zoë", "\u{ff52}eader", "re\u{ad}ader", "read  er"] {
        assert_eq!(answer(identifier).await, Answer::Rejected(Rejection::Unacceptable), "{identifier}");
    }
    assert_eq!(directory.asked().len(), asked, "what a directory could take for another's is not asked");
    assert!(directory.asked().iter().all(|asked| matches!(asked, Asked::Bind { .. })));
    let look = service.look_again(&account("reader"), Instant::now() + TIME).await;
    assert_eq!(look, Ok(None), "nobody may look");
}

#[tokio::test]
async fn a_second_look_reads_what_the_entry_says() {
    let directory = FakeDirectory::start().await;
    let person = Person::new(&["locked", "alias"], PLANTED).with("pwdAccountLockedTime", "000001010000Z");
    directory.add(person.with("mail", "locked@example.org"));
    let guard = GuardSettings::default();
    let service = Arc::new(service(&directory.settings()));
    let service = Guarded::new(service, &guard, TIME, Arc::new(SystemClock), &Health::default());
    let looks = async |user: &str| service.look_again(&account(user), Instant::now() + TIME).await;
    let look = async |user: &str| looks(user).await.expect("an answer");
    let locked = look("locked").await.expect("an entry");
    assert_eq!((locked.rejection, locked.has_mail), (Some(Rejection::Locked), Some(true)));
    assert_eq!(locked.identifiers, [account("alias")]);
    let reader = look("reader").await.expect("an entry");
    assert_eq!((reader.rejection, reader.has_mail, reader.kept_elsewhere), (None, None, false));
    assert_eq!(look("nobody").await, None);
    assert_eq!(directory.binds(), Vec::<String>::new(), "no password is needed");
    let (searches, mut in_doubt) = (directory.asked().len(), 0);
    for n in 0..100 {
        look("reader").await;
        in_doubt += usize::from(looks(&format!("nobody{n}")).await.is_err());
    }
    assert!(in_doubt > 20, "who may not be looked at is not nobody: {in_doubt}");
    assert!(directory.asked().len() - searches < 80, "and they are not many");
}

#[tokio::test]
async fn a_check_touches_nobody_and_says_what_is_wrong() {
    let directory = FakeDirectory::start().await;
    let deadline = || Instant::now() + TIME;
    let good = service(&directory.settings()).check(deadline()).await;
    let said = "signed in as bind_dn, base_dn is there, the password policy control is offered";
    assert_eq!(good.as_deref(), Ok(said));
    assert_eq!(directory.binds(), Vec::<String>::new());
    let find = |base: &str| match directory.settings().find {
        LdapFind::Search { filter, .. } => LdapFind::Search { base_dn: base.to_owned(), filter },
        LdapFind::Template(_) => panic!("a search"),
    };
    let elsewhere = LdapSettings { find: find("ou=elsewhere"), ..directory.settings() };
    let error = service(&elsewhere).check(deadline()).await.expect_err("no such base");
    assert!(error.detail.contains("base_dn is not there"), "{error}");
    let bind = LdapBind { dn: OWN_DN.to_owned(), password: ServiceSecret::new("planted-other".to_owned()) };
    let stranger = LdapSettings { bind: Some(bind), ..directory.settings() };
    let error = service(&stranger).check(deadline()).await.expect_err("not known");
    assert_eq!((error.no_answer, error.sent), (NoAnswer::Misconfigured, Sent::No));
    assert_eq!(error.detail, "bind_dn or bind_password is wrong");
}
