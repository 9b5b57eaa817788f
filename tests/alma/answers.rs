//! What a fake Alma answers, and what the adapter makes of it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password, Rejection};
use soapgate::identity::{
    AlmaService, AlmaSettings, Answered, Ask, GuardSettings, Guarded, IdentityError, IdentityService, PasswordEncoding,
    ServiceSecret,
};
use soapgate::telemetry::{Health, Metrics};
use tokio::time::Instant;

use crate::fake::{FakeAlma, User};

/// How long the adapter has; no test waits for it but those of silence.
pub(crate) const TIME: Duration = Duration::from_secs(10);

pub(crate) fn service(settings: &AlmaSettings) -> AlmaService {
    AlmaService::new("alma", settings, Arc::new(SystemClock), Metrics::new()).expect("an adapter")
}

fn guarded(service: AlmaService) -> Guarded {
    Guarded::new(Arc::new(service), &GuardSettings::default(), TIME, Arc::new(SystemClock), &Health::default())
}

pub(crate) fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

pub(crate) async fn ask(service: &AlmaService, user: &str, password: &str) -> Result<Answer, IdentityError> {
    ask_within(service, user, password, TIME).await
}

pub(crate) async fn ask_within(
    service: &AlmaService,
    user: &str,
    password: &str,
    time: Duration,
) -> Result<Answer, IdentityError> {
    let credentials = Credentials::new(account(user), Password::new(password.to_owned())).expect("acceptable");
    let deadline = Instant::now() + time;
    let person = credentials.account();
    let ask =
        Ask { credentials: &credentials, person, source: Ipv4Addr::LOCALHOST.into(), integration: None, deadline };
    service.verify(ask).await.map(|Answered { answer, .. }| answer)
}

#[tokio::test]
async fn right_wrong_unknown_none_and_locked() {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader", "2001"], Some("p&<>\"'é€")));
    alma.add(User::new(&["legacy"], None));
    let service = service(&alma.settings());
    let wrong = Ok(Answer::Rejected(Rejection::WrongPassword));
    assert_eq!(ask(&service, "reader", "p&<>\"'é€").await, Ok(Answer::Accepted));
    assert_eq!(ask(&service, "READER", "p&<>\"'é€").await, Ok(Answer::Accepted), "any case");
    assert_eq!(ask(&service, "2001", "p&<>\"'é€").await, Ok(Answer::Accepted), "any identifier");
    assert_eq!(ask(&service, "reader", "guess").await, wrong);
    assert_eq!(ask(&service, "legacy", "guess").await, wrong, "Alma does not tell");
    assert_eq!(ask(&service, "nobody", "guess").await, Ok(Answer::Rejected(Rejection::UnknownAccount)));
    for _ in 0..14 {
        assert_eq!(ask(&service, "reader", "guess").await, wrong);
    }
    assert!(alma.is_locked("reader"), "fifteen lock it");
    assert_eq!(ask(&service, "reader", "p&<>\"'é€").await, wrong, "and the right one is refused as well");
    alma.advance(Duration::from_mins(30));
    assert_eq!(ask(&service, "reader", "p&<>\"'é€").await, Ok(Answer::Accepted));
    assert_eq!(service.remaining(), Some(100_000 - u64::try_from(alma.requests()).expect("few")));
}

#[tokio::test]
async fn every_identifier_arrives_as_the_one_it_is() {
    let alma = FakeAlma::start().await;
    let service = service(&alma.settings());
    let mut odd: Vec<String> = "!#$%&'()*+,-/:;<=>?@[\\]^_`{|}~\"é€日".chars().map(|c| format!("a{c}b")).collect();
    odd.extend(
        ["a/../b", "a%2fb", "a b", "x@example.org", "..a", "...", "?op=refresh", "a#b", "a%", "%"].map(str::to_owned),
    );
    for identifier in &odd {
        assert_eq!(
            ask(&service, identifier, "x").await,
            Ok(Answer::Rejected(Rejection::UnknownAccount)),
            "{identifier}"
        );
    }
    assert_eq!(alma.presented(), odd);
    for identifier in [".", ".."] {
        assert_eq!(ask(&service, identifier, "x").await, Ok(Answer::Rejected(Rejection::Unacceptable)));
    }
    assert_eq!(alma.presented().len(), odd.len(), "what no path can hold is not asked");
}

#[tokio::test]
async fn a_password_that_a_header_would_change_is_not_sent() {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some("secret")));
    let service = service(&alma.settings());
    for password in ["secret ", " secret", "secret\t", "sec\rret", "sec\u{1}ret"] {
        assert_eq!(ask(&service, "reader", password).await, Ok(Answer::Rejected(Rejection::Unacceptable)));
    }
    assert_eq!(alma.requests(), 0, "Alma would have taken the first three for the right one");
}

#[tokio::test]
async fn other_than_ascii_characters_are_written_as_the_setting_says() {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some("é")));
    let latin = AlmaSettings { password_encoding: PasswordEncoding::Latin1, ..alma.settings() };
    assert_eq!(ask(&service(&alma.settings()), "reader", "é").await, Ok(Answer::Accepted));
    assert_eq!(ask(&service(&latin), "reader", "é").await, Ok(Answer::Rejected(Rejection::WrongPassword)));
    assert_eq!(ask(&service(&latin), "reader", "€").await, Ok(Answer::Rejected(Rejection::Unacceptable)));
}

#[tokio::test]
async fn a_key_that_is_wrong_or_may_not_write_is_our_own_fault() {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some("secret")));
    let other = AlmaSettings { api_key: ServiceSecret::new("l8xx-planted-other".to_owned()), ..alma.settings() };
    let error = ask(&service(&other), "reader", "secret").await.expect_err("no answer");
    assert_eq!(error.no_answer, NoAnswer::Misconfigured);
    assert!(!format!("{error} {error:?} {other:?}").contains("planted"));
    let fine = service(&alma.settings());
    let deadline = || Instant::now() + TIME;
    assert!(fine.check(deadline()).await.expect("it works").starts_with("the key may read and write users"));
    assert!(service(&other).check(deadline()).await.expect_err("wrong").detail.contains("no right to read"));
    alma.forbid_writing();
    let error = fine.check(deadline()).await.expect_err("no right");
    assert!(error.detail.contains("no right to write users") && error.detail.contains("FORBIDDEN"), "{error}");
    assert_eq!(alma.sign_ins("reader"), 0, "nobody's account was touched");
}

#[tokio::test]
async fn a_second_look_tells_what_a_refusal_does_not_and_costs_little() {
    let alma = FakeAlma::start().await;
    let mut external = User::new(&["external"], None);
    external.external = true;
    alma.add(external);
    let mut expired = User::new(&["expired", "3001"], Some("secret"));
    expired.expiry_date = Some("2020-01-01Z".to_owned());
    alma.add(expired);
    let service = guarded(service(&alma.settings()));
    let looks = async |user: &str| service.look_again(&account(user), Instant::now() + TIME).await;
    let look = async |user: &str| looks(user).await.expect("an answer");
    assert!(look("external").await.expect("a record").kept_elsewhere);
    let expired = look("3001").await.expect("a record");
    assert_eq!(expired.rejection, Some(Rejection::Expired));
    assert_eq!(expired.identifiers, [account("expired"), account("3001")]);
    assert_eq!(look("nobody").await, None);
    let asked = alma.requests();
    for _ in 0..10 {
        look("3001").await;
        look("nobody").await;
    }
    assert_eq!(alma.requests(), asked, "it is remembered");
    let mut in_doubt = 0;
    for n in 0..100 {
        in_doubt += usize::from(looks(&format!("nobody{n}")).await.is_err());
    }
    assert!(in_doubt > 70 && alma.requests() - asked < 30, "and looked at slowly: {in_doubt} were not");
}

#[tokio::test]
async fn a_day_that_is_nearly_spent_is_kept_for_sign_ins_from_the_first_answer() {
    for (left, looks) in [(60, false), (5_000, true)] {
        let alma = FakeAlma::start().await;
        alma.set_remaining(left);
        alma.add(User::new(&["reader"], Some("secret")));
        let inner = service(&alma.settings());
        assert_eq!(ask(&inner, "reader", "secret").await, Ok(Answer::Accepted));
        let service = guarded(inner);
        let look = service.look_again(&account("reader"), Instant::now() + TIME).await;
        assert_eq!((look.is_ok(), alma.requests()), (looks, 1 + usize::from(looks)), "{left} calls left");
    }
}
