//! Everything that can go wrong on the way: the right kind of no answer, in time, without a secret, and never a no.

use std::time::Duration;

use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{AlmaSettings, IdentityError, Sent};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::answers::{TIME, ask, ask_within, service};
use crate::fake::{FakeAlma, User, faults};
use crate::support::fake::fault::Fault;
use crate::support::fake::tls::{Certificate, certificate};

const PLANTED: &str = "planted-password";

fn check(error: &IdentityError, no_answer: NoAnswer, sent: Sent, what: &str) {
    assert_eq!((error.no_answer, error.sent), (no_answer, sent), "{what}: {error}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("planted") && !text.contains("reader"), "{what}: {text}");
}

#[tokio::test]
async fn each_fault_is_the_right_kind_of_no_answer() {
    let elsewhere = FakeAlma::start().await;
    let throttled = NoAnswer::Throttled;
    let cases = [
        ("truncated JSON", faults::truncated_json(), NoAnswer::Protocol),
        ("HTML for JSON", Fault::html(), NoAnswer::Protocol),
        ("a wrong content type", faults::wrong_content_type(), NoAnswer::Protocol),
        ("a lying 200", Fault::lying_ok(), NoAnswer::Protocol),
        ("a redirect", Fault::redirect(&elsewhere.base_url()), NoAnswer::Protocol),
        ("a huge body", Fault::huge_body(), NoAnswer::Protocol),
        ("429", Fault::too_many(None), throttled(None)),
        ("429 with Retry-After", Fault::too_many(Some(7)), throttled(Some(Duration::from_secs(7)))),
        ("500", faults::failing(), NoAnswer::Unreachable),
        ("503 with malformed XML", faults::routing(), NoAnswer::Unreachable),
        ("a reset in the middle", Fault::Reset, NoAnswer::Unreachable),
    ];
    for (what, fault, no_answer) in cases {
        let alma = FakeAlma::start().await;
        alma.add(User::new(&["reader"], Some(PLANTED)));
        alma.fault(fault);
        let error = ask(&service(&alma.settings()), "reader", PLANTED).await.expect_err(what);
        check(&error, no_answer, Sent::Maybe, what);
        assert_eq!(alma.requests(), 1, "{what}: a password is sent once");
    }
    assert_eq!(elsewhere.requests(), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_costs_nobody_a_second_attempt() {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some(PLANTED)));
    let service = service(&alma.settings());
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted));
    // Nobody knows what became of a question that was written to it.
    alma.fault(Fault::HangUp);
    let error = ask(&service, "reader", PLANTED).await.expect_err("no answer");
    check(&error, NoAnswer::Unreachable, Sent::Maybe, "hung up on");
    assert_eq!(alma.requests(), 2, "sent once");
    // One that has ended before is not written to, or not a byte of it: another takes its place.
    alma.fault(Fault::CloseAfter);
    let mut yes = 0;
    for _ in 0..50 {
        match ask(&service, "reader", PLANTED).await {
            Ok(answer) => yes += usize::from(answer == Answer::Accepted),
            Err(error) => check(&error, NoAnswer::Unreachable, Sent::Maybe, "ended while it was written to"),
        }
    }
    assert!(yes > 0 && alma.sign_ins("reader") == 1 + yes, "{yes} of {}", alma.sign_ins("reader"));
    assert!(alma.requests() <= 2 + 50, "a password is sent once");
    alma.fault(Fault::None);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted), "the end was noticed meanwhile");
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    let time = Duration::from_millis(300);
    let faults = [Fault::Blackhole, Fault::SlowBody, Fault::Slow(TIME)];
    for (fault, kept) in faults.iter().flat_map(|fault| [(fault, 0), (fault, 1)]) {
        let alma = FakeAlma::start().await;
        alma.add(User::new(&["reader"], Some(PLANTED)));
        let service = service(&alma.settings());
        for _ in 0..kept {
            assert_eq!(ask(&service, "reader", PLANTED).await, Ok(Answer::Accepted), "its connection is kept");
        }
        alma.fault(fault.clone());
        let asked = Instant::now();
        let error = ask_within(&service, "reader", PLANTED, time).await.expect_err("no answer");
        check(&error, NoAnswer::TimedOut, Sent::Maybe, &format!("{fault:?}"));
        assert!(asked.elapsed() < TIME, "{fault:?}: long after its deadline");
        assert_eq!(alma.requests(), kept + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn nothing_was_sent_where_no_connection_came_about() {
    let gone = {
        let alma = FakeAlma::start().await;
        alma.settings()
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = ask(&service(&gone), "reader", PLANTED).await.expect_err("refused");
    check(&error, NoAnswer::Unreachable, Sent::No, "refused");
    for kind in [Certificate::Expired, Certificate::OfAnotherHost] {
        let (alma, settings, _folder) = behind_tls(kind).await;
        let error = ask(&service(&settings), "reader", PLANTED).await.expect_err("not trusted");
        check(&error, NoAnswer::Unreachable, Sent::No, &format!("{kind:?}"));
        assert_eq!(alma.requests(), 0, "{kind:?}");
    }
    let (_alma, settings, _folder) = behind_tls(Certificate::Good).await;
    let stranger = AlmaSettings { ca_file: None, ..settings.clone() };
    let error = ask(&service(&stranger), "reader", PLANTED).await.expect_err("not trusted");
    check(&error, NoAnswer::Unreachable, Sent::No, "signed by a stranger");
    assert_eq!(ask(&service(&settings), "reader", PLANTED).await, Ok(Answer::Accepted), "the good one is trusted");
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_connecting_costs_no_attempt() {
    // It takes connections and never says a word of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = silent.local_addr().expect("an address");
    let settings = AlmaSettings { base_url: format!("https://{address}"), ..FakeAlma::start().await.settings() };
    let service = service(&settings);
    for time in [Duration::from_millis(100), Duration::from_secs(1)] {
        let asked = Instant::now();
        let error = ask_within(&service, "reader", PLANTED, time).await.expect_err("no connection");
        check(&error, NoAnswer::Unreachable, Sent::No, "silent before TLS");
        assert!(asked.elapsed() < TIME, "{:?}", asked.elapsed());
    }
}

async fn behind_tls(kind: Certificate) -> (FakeAlma, AlmaSettings, tempfile::TempDir) {
    let (acceptor, authority) = certificate(kind);
    let alma = FakeAlma::start_tls(acceptor).await;
    alma.add(User::new(&["reader"], Some(PLANTED)));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority).expect("written");
    let base_url = format!("https://localhost:{}", alma.port());
    let settings = AlmaSettings { base_url, ca_file: Some(file), ..alma.settings() };
    (alma, settings, folder)
}
