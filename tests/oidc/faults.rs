//! Everything that can go wrong at the token endpoint: the right kind of no answer, in time, sent once, and never a no.

use std::time::Duration;

use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{OidcFlavour, OidcSettings, Sent};
use tokio::time::Instant;

use crate::provider::{FakeProvider, METADATA, TOKEN};
use crate::support::fake::fault::Fault;
use crate::support::fake::tls::{Certificate, certificate};
use crate::{PLANTED, TIME, ask, ask_within, check, service};

const JSON: &str = "application/json";
const YES: &str = "{\"access_token\":\"planted\",\"token_type\":\"Bearer\"}";

#[tokio::test]
async fn each_fault_is_the_right_kind_of_no_answer() {
    let elsewhere = FakeProvider::start().await;
    let throttled = NoAnswer::Throttled;
    let bad = |content_type, body| Fault::raw("400 Bad Request", content_type, body);
    let repeated = format!("{{\"error\":\"invalid_client\",\"error_description\":\"no {PLANTED} of reader\"}}");
    let cases = [
        ("truncated JSON", bad(JSON, "{\"error\":\"invalid_gr"), NoAnswer::Protocol),
        ("a truncated yes", Fault::raw("200 OK", JSON, &YES[..40]), NoAnswer::Protocol),
        ("HTML for JSON", Fault::html(), NoAnswer::Protocol),
        ("a wrong content type", bad("text/plain", "{\"error\":\"invalid_grant\"}"), NoAnswer::Protocol),
        ("a yes of a wrong content type", Fault::raw("200 OK", "text/html", YES), NoAnswer::Protocol),
        ("a yes with another status", Fault::raw("201 Created", JSON, YES), NoAnswer::Protocol),
        ("a lying 200", Fault::lying_ok(), NoAnswer::Protocol),
        ("an empty 200", Fault::raw("200 OK", JSON, ""), NoAnswer::Protocol),
        ("a redirect", Fault::redirect(&elsewhere.issuer()), NoAnswer::Protocol),
        ("a huge body", Fault::huge_body(), NoAnswer::Protocol),
        ("429", Fault::too_many(None), throttled(None)),
        ("429 with Retry-After", Fault::too_many(Some(7)), throttled(Some(Duration::from_secs(7)))),
        ("500", Fault::raw("500 Internal Server Error", JSON, "{\"error\":\"unknown_error\"}"), NoAnswer::Unreachable),
        ("500 that says no", Fault::raw("500 x", JSON, "{\"error\":\"invalid_grant\"}"), NoAnswer::Unreachable),
        ("503", Fault::raw("503 Service Unavailable", "text/html", "<html></html>"), NoAnswer::Unreachable),
        ("a reset in the middle", Fault::Reset, NoAnswer::Unreachable),
        ("a text that repeats the question", bad(JSON, &repeated), NoAnswer::Misconfigured),
    ];
    for flavour in [OidcFlavour::Keycloak, OidcFlavour::Canaille, OidcFlavour::Generic] {
        for (what, fault, no_answer) in &cases {
            let provider = FakeProvider::with_reader(PLANTED).await;
            provider.fault(TOKEN, fault.clone());
            let settings = OidcSettings { flavour, ..provider.settings() };
            let error = ask(&service(&settings), "reader", PLANTED).await.expect_err(what);
            check(&error, *no_answer, Sent::Maybe, what);
            assert_eq!(provider.requests(TOKEN), 1, "{what}: a password is sent once");
        }
    }
    assert_eq!(elsewhere.requests(""), 0, "no redirect is followed");
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    let time = Duration::from_millis(300);
    for fault in [Fault::Blackhole, Fault::SlowBody, Fault::Slow(TIME)] {
        let provider = FakeProvider::with_reader(PLANTED).await;
        provider.fault(TOKEN, fault.clone());
        let asked = Instant::now();
        let said = ask_within(&service(&provider.settings()), "reader", PLANTED, time).await;
        check(&said.expect_err("no answer"), NoAnswer::TimedOut, Sent::Maybe, &format!("{fault:?}"));
        assert!(asked.elapsed() < TIME, "{fault:?}: long after its deadline");
        assert_eq!(provider.requests(TOKEN), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn nothing_was_sent_where_no_connection_came_about() {
    let gone = {
        let provider = FakeProvider::start().await;
        provider.settings()
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = ask(&service(&gone), "reader", PLANTED).await.expect_err("refused");
    check(&error, NoAnswer::Unreachable, Sent::No, "refused");
    for kind in [Certificate::Expired, Certificate::OfAnotherHost] {
        let (provider, settings, _folder) = behind_tls(kind).await;
        let error = ask(&service(&settings), "reader", PLANTED).await.expect_err("not trusted");
        check(&error, NoAnswer::Unreachable, Sent::No, &format!("{kind:?}"));
        assert_eq!((provider.requests(METADATA), provider.requests(TOKEN)), (0, 0), "{kind:?}");
    }
    let (_provider, settings, _folder) = behind_tls(Certificate::Good).await;
    let stranger = OidcSettings { ca_file: None, ..settings.clone() };
    let error = ask(&service(&stranger), "reader", PLANTED).await.expect_err("not trusted");
    check(&error, NoAnswer::Unreachable, Sent::No, "signed by a stranger");
    assert_eq!(ask(&service(&settings), "reader", PLANTED).await, Ok(Answer::Accepted), "the good one is trusted");
}

async fn behind_tls(kind: Certificate) -> (FakeProvider, OidcSettings, tempfile::TempDir) {
    let (acceptor, authority) = certificate(kind);
    let provider = FakeProvider::start_tls(acceptor).await;
    provider.add("reader", PLANTED);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority).expect("written");
    let settings = provider.trusting(&file);
    (provider, settings, folder)
}
