//! What becomes of tokens: an ID token that is wrong is never a yes, and the others are given back.

use std::time::Duration;

use serde_json::{Value, json};
use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{OidcSettings, Sent};
use tokio::time::Instant;

use crate::provider::{CERTS, FakeProvider, REVOKE, TOKEN};
use crate::support::fake::fault::Fault;
use crate::support::until::until;
use crate::{PLANTED, TIME, ask, check, service};

#[tokio::test]
async fn an_id_token_that_is_wrong_is_no_answer_and_never_a_yes() {
    for (what, claims) in [
        ("another issuer", json!({ "iss": "https://planted.example.org" })),
        ("another audience", json!({ "aud": "planted" })),
        ("expired", json!({ "exp": 1 })),
        ("no subject", json!({ "sub": Value::Null })),
    ] {
        let provider = FakeProvider::with_reader(PLANTED).await;
        provider.site(|provider| provider.claims = claims);
        let checked = OidcSettings { check_id_token: true, ..provider.settings() };
        let error = ask(&service(&checked), "reader", PLANTED).await.expect_err(what);
        check(&error, NoAnswer::Protocol, Sent::Maybe, what);
        assert_eq!(provider.requests(TOKEN), 1, "{what}");
        assert_eq!(ask(&service(&provider.settings()), "reader", PLANTED).await, Ok(Answer::Accepted), "unchecked");
    }
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.site(|provider| provider.with_id_token = false);
    let checked = OidcSettings { check_id_token: true, ..provider.settings() };
    let error = ask(&service(&checked), "reader", PLANTED).await.expect_err("none");
    check(&error, NoAnswer::Protocol, Sent::Maybe, "no ID token at all");
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_is_not_published_is_not_looked_for_all_the_time() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&OidcSettings { check_id_token: true, ..provider.settings() });
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
    provider.site(|provider| provider.change_key("second"));
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted), "its keys are read again");
    assert_eq!(provider.requests(CERTS), 2);
    provider.site(|provider| provider.change_key("third"));
    for _ in 0..5 {
        let error = ask(&service, "reader", PLANTED).await.expect_err("unknown");
        check(&error, NoAnswer::Protocol, Sent::Maybe, "a key that nobody knows");
    }
    assert_eq!(provider.requests(CERTS), 2, "but not at every call");
}

#[tokio::test]
async fn a_key_that_changed_under_its_id_is_not_believed() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&OidcSettings { check_id_token: true, ..provider.settings() });
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
    provider.site(|provider| provider.change_key("first"));
    let error = ask(&service, "reader", PLANTED).await.expect_err("another's signature");
    check(&error, NoAnswer::Protocol, Sent::Maybe, "another's signature");
}

#[tokio::test]
async fn what_was_issued_is_given_back_once() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&provider.settings());
    for number in 1..=3 {
        assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
        until("it is given back", async || provider.requests(REVOKE) == number).await;
    }
    assert!(ask(&service, "reader", "guess").await.is_ok());
    let given_back = provider.site(|provider| provider.given_back.clone());
    assert_eq!(given_back, ["planted-refresh-1", "planted-refresh-2", "planted-refresh-3"]);
}

#[tokio::test]
async fn nobody_waits_for_what_is_given_back() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.fault(REVOKE, Fault::Blackhole);
    let service = service(&provider.settings());
    let asked = Instant::now();
    for _ in 0..40 {
        assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
    }
    assert!(asked.elapsed() < TIME, "forty answers in less time than two of them could wait");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(provider.requests(REVOKE) <= 16, "and few go on at once");
}

#[tokio::test]
async fn tokens_are_given_back_only_where_that_can_be_done_safely() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.site(|provider| provider.metadata = json!({ "revocation_endpoint": "http://sso.example.org/revoke" }));
    assert_eq!(ask(&service(&provider.settings()), "reader", PLANTED).await, Ok(Answer::Accepted));
    provider.site(|provider| provider.metadata = json!({ "revocation_endpoint": Value::Null }));
    assert_eq!(ask(&service(&provider.settings()), "reader", PLANTED).await, Ok(Answer::Accepted));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(provider.requests(REVOKE), 0);
}
