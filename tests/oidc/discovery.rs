//! Finding the provider: nothing of a password leaves before it is found, and one that is away stops nothing.

use std::time::Duration;

use serde_json::json;
use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{OidcSettings, Sent};
use tokio::time::Instant;

use crate::provider::{CERTS, FakeProvider, METADATA, TOKEN};
use crate::support::fake::fault::Fault;
use crate::{PLANTED, TIME, ask, ask_within, check, service};

const JSON: &str = "application/json";

fn faults(elsewhere: &str) -> Vec<(&'static str, Fault, NoAnswer)> {
    let throttled = NoAnswer::Throttled;
    vec![
        ("truncated JSON", Fault::raw("200 OK", JSON, "{\"issuer\":\"http"), NoAnswer::Protocol),
        ("HTML for JSON", Fault::raw("200 OK", "text/html", "<html>Sign in</html>"), NoAnswer::Protocol),
        ("a lying 200", Fault::lying_ok(), NoAnswer::Protocol),
        ("a redirect", Fault::redirect(elsewhere), NoAnswer::Protocol),
        ("a huge body", Fault::huge_body(), NoAnswer::Protocol),
        ("429", Fault::too_many(None), throttled(None)),
        ("429 with Retry-After", Fault::too_many(Some(7)), throttled(Some(Duration::from_secs(7)))),
        ("404", Fault::raw("404 Not Found", JSON, "{\"error\":\"Realm does not exist\"}"), NoAnswer::Misconfigured),
        ("500", Fault::raw("500 Internal Server Error", JSON, "{}"), NoAnswer::Unreachable),
        ("503", Fault::raw("503 Service Unavailable", "text/html", "<html></html>"), NoAnswer::Unreachable),
        ("a reset in the middle", Fault::Reset, NoAnswer::Unreachable),
    ]
}

#[tokio::test]
async fn each_fault_is_the_right_kind_of_no_answer_and_sends_nothing() {
    let elsewhere = FakeProvider::start().await;
    for path_end in [METADATA, CERTS] {
        for (what, fault, no_answer) in faults(&elsewhere.issuer()) {
            let what = format!("{what} at {path_end}");
            let provider = FakeProvider::with_reader(PLANTED).await;
            provider.fault(path_end, fault);
            let settings = OidcSettings { check_id_token: true, ..provider.settings() };
            let error = ask(&service(&settings), "reader", PLANTED).await.expect_err(&what);
            check(&error, no_answer, Sent::No, &what);
            assert_eq!((provider.requests(path_end), provider.requests(TOKEN)), (1, 0), "{what}");
        }
    }
    assert_eq!(elsewhere.requests(""), 0, "no redirect is followed");
}

#[tokio::test]
async fn metadata_of_another_or_without_a_safe_endpoint_are_not_believed() {
    for (what, changes) in [
        ("another issuer", json!({ "issuer": "https://planted.example.org" })),
        ("an endpoint in clear", json!({ "token_endpoint": "http://planted.example.org/token" })),
        ("no keys", json!({ "jwks_uri": null })),
        ("keys in clear", json!({ "jwks_uri": "http://planted.example.org/keys" })),
    ] {
        let provider = FakeProvider::with_reader(PLANTED).await;
        provider.site(|provider| provider.metadata = changes);
        let settings = OidcSettings { check_id_token: true, ..provider.settings() };
        let error = ask(&service(&settings), "reader", PLANTED).await.expect_err(what);
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Misconfigured, Sent::No), "{what}: {error}");
        assert_eq!(provider.requests(TOKEN), 0, "{what}");
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline_and_sends_nothing() {
    let time = Duration::from_millis(300);
    for fault in [Fault::Blackhole, Fault::SlowBody, Fault::Slow(TIME)] {
        let provider = FakeProvider::with_reader(PLANTED).await;
        provider.fault(METADATA, fault.clone());
        let asked = Instant::now();
        let service = service(&provider.settings());
        let (one, other) =
            tokio::join!(ask_within(&service, "reader", PLANTED, time), ask_within(&service, "other", PLANTED, time));
        for error in [one.expect_err("no answer"), other.expect_err("no answer")] {
            check(&error, NoAnswer::Unreachable, Sent::No, &format!("{fault:?}"));
        }
        assert!(asked.elapsed() < TIME, "{fault:?}: long after its deadline");
        assert_eq!(provider.requests(TOKEN), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_provider_that_comes_back_is_found_and_one_that_goes_is_not_forgotten() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&provider.settings());
    provider.fault(METADATA, Fault::raw("503 Service Unavailable", JSON, "{}"));
    assert!(ask(&service, "reader", PLANTED).await.is_err());
    provider.fault(METADATA, Fault::None);
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
    provider.fault(METADATA, Fault::Blackhole);
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted), "what is known is enough");
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&provider.settings());
    provider.fault(METADATA, Fault::too_many(Some(600)));
    for _ in 0..5 {
        let error = ask(&service, "reader", PLANTED).await.expect_err("throttled");
        assert!(matches!(error.no_answer, NoAnswer::Throttled(Some(_))) && error.sent == Sent::No, "{error:?}");
    }
    assert_eq!(provider.requests(METADATA), 1);
}

#[tokio::test]
async fn a_hundred_first_calls_find_it_once() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let service = service(&provider.settings());
    let mut asks = tokio::task::JoinSet::new();
    let service = std::sync::Arc::new(service);
    for _ in 0..100 {
        let service = std::sync::Arc::clone(&service);
        asks.spawn(async move { ask(&service, "reader", PLANTED).await });
    }
    for said in asks.join_all().await {
        assert_eq!(said, Ok(Answer::Accepted));
    }
    assert_eq!(provider.requests(METADATA), 1);
}
