//! Everything that can go wrong on the way: the right kind of no answer, in time, without a secret, and never a no.

use std::time::Duration;

use soapgate::domain::NoAnswer;
use soapgate::identity::{IdentityError, LdapSettings, Sent};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::fake::{FakeDirectory, Reaction};
use crate::support::fake::tls::{Certificate, certificate};
use crate::trust::trusting;
use crate::{PLANTED, TIME, ask, ask_within, service};

/// Long enough for a loopback, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn check(error: &IdentityError, no_answer: NoAnswer, sent: Sent, what: &str) {
    assert_eq!((error.no_answer, error.sent), (no_answer, sent), "{what}: {error}");
    let text = format!("{error} {error:?}");
    for secret in ["planted", "reader", "uid=", "soapgate"] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

#[tokio::test]
async fn each_fault_of_the_bind_is_the_right_kind_of_no_answer_and_nothing_is_sent_again() {
    let cases = [
        ("a reset in the middle", Reaction::Reset, NoAnswer::Unreachable),
        ("an end without an answer", Reaction::End, NoAnswer::Unreachable),
        ("half of an answer", Reaction::HalfThenEnd, NoAnswer::Unreachable),
        ("a notice of disconnection", Reaction::notice(), NoAnswer::Unreachable),
        ("HTML for LDAP", Reaction::html(), NoAnswer::Protocol),
        ("a length without an end", Reaction::indefinite(), NoAnswer::Protocol),
        ("two gigabytes", Reaction::huge(), NoAnswer::Protocol),
        ("brackets in brackets", Reaction::nested(), NoAnswer::Protocol),
        ("an answer to another question", Reaction::WrongId, NoAnswer::Protocol),
        ("the answer to a search", Reaction::Other(5), NoAnswer::Protocol),
        ("a referral", Reaction::Result(10, "planted"), NoAnswer::Misconfigured),
        ("unwilling", Reaction::Result(53, "planted"), NoAnswer::Misconfigured),
        ("busy", Reaction::Result(51, "planted"), NoAnswer::Throttled(None)),
        ("unavailable", Reaction::Result(52, "planted"), NoAnswer::Unreachable),
        ("other", Reaction::Result(80, "planted"), NoAnswer::Unreachable),
    ];
    for (what, reaction, no_answer) in cases {
        let directory = FakeDirectory::start().await;
        directory.on_bind(reaction);
        let error = ask(&service(&directory.settings()), "reader", PLANTED).await.expect_err(what);
        check(&error, no_answer, Sent::Maybe, what);
        assert_eq!(directory.binds().len(), 1, "{what}: a password is sent once");
    }
}

#[tokio::test]
async fn silence_after_the_bind_ends_with_the_deadline() {
    for reaction in [Reaction::Silence, Reaction::HalfThenSilence, Reaction::Slow(TIME)] {
        let directory = FakeDirectory::start().await;
        directory.on_bind(reaction.clone());
        let what = format!("{reaction:?}");
        let asked = Instant::now();
        let error = ask_within(&service(&directory.settings()), "reader", PLANTED, SHORT).await.expect_err(&what);
        check(&error, NoAnswer::TimedOut, Sent::Maybe, &what);
        assert!(asked.elapsed() < TIME, "{what}: long after its deadline");
        assert_eq!(directory.binds().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn each_fault_before_the_bind_costs_no_attempt() {
    let cases = [
        ("a reset in the middle", Reaction::Reset, NoAnswer::Unreachable),
        ("an end without an answer", Reaction::End, NoAnswer::Unreachable),
        ("half of an answer", Reaction::HalfThenEnd, NoAnswer::Unreachable),
        ("HTML for LDAP", Reaction::html(), NoAnswer::Protocol),
        ("two gigabytes", Reaction::huge(), NoAnswer::Protocol),
        ("brackets in brackets", Reaction::nested(), NoAnswer::Protocol),
        ("the answer to a bind", Reaction::Other(1), NoAnswer::Protocol),
        ("references without an end", Reaction::References(1_000), NoAnswer::Protocol),
        ("entries without an end", Reaction::Entries(vec![("uid=reader", "reader"); 1_000]), NoAnswer::Protocol),
        ("a referral", Reaction::Result(10, "planted"), NoAnswer::Misconfigured),
        ("no such base", Reaction::Result(32, "planted"), NoAnswer::Misconfigured),
        ("no right to search", Reaction::Result(50, "planted"), NoAnswer::Misconfigured),
        ("busy", Reaction::Result(51, "planted"), NoAnswer::Throttled(None)),
        ("silence", Reaction::Silence, NoAnswer::Unreachable),
        ("half, then silence", Reaction::HalfThenSilence, NoAnswer::Unreachable),
    ];
    for (what, reaction, no_answer) in cases {
        let directory = FakeDirectory::start().await;
        directory.on_search(reaction);
        let asked = Instant::now();
        let time = if what.contains("silence") { SHORT } else { TIME };
        let error = ask_within(&service(&directory.settings()), "reader", PLANTED, time).await.expect_err(what);
        check(&error, no_answer, Sent::Name, what);
        assert!(asked.elapsed() < TIME, "{what}: long after its deadline");
        assert_eq!(directory.binds(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn our_own_sign_in_being_refused_is_our_own_fault_and_is_not_tried_at_once_again() {
    let directory = FakeDirectory::start().await;
    let service = service(&directory.settings());
    directory.on_own_bind(Reaction::Result(49, "planted"));
    for _ in 0..5 {
        let error = ask(&service, "reader", PLANTED).await.expect_err("not let in");
        check(&error, NoAnswer::Misconfigured, Sent::No, "our own name");
    }
    assert_eq!(directory.own_binds(), 1, "it could lock our own account");
    directory.on_own_bind(Reaction::Right);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    assert!(ask(&service, "reader", PLANTED).await.is_ok());
    for (reaction, no_answer) in [
        (Reaction::Reset, NoAnswer::Unreachable),
        (Reaction::html(), NoAnswer::Protocol),
        (Reaction::Silence, NoAnswer::Unreachable),
        (Reaction::Result(52, ""), NoAnswer::Unreachable),
    ] {
        let directory = FakeDirectory::start().await;
        let what = format!("{reaction:?}");
        directory.on_own_bind(reaction);
        let error = ask_within(&crate::service(&directory.settings()), "reader", PLANTED, SHORT).await;
        check(&error.expect_err(&what), no_answer, Sent::No, &what);
    }
}

#[tokio::test]
async fn nothing_was_sent_where_no_connection_came_about() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        listener.local_addr().expect("an address").port()
    };
    let directory = FakeDirectory::start().await;
    let mut settings = directory.settings();
    settings.url.port = gone;
    let error = ask(&service(&settings), "reader", PLANTED).await.expect_err("refused");
    check(&error, NoAnswer::Unreachable, Sent::No, "refused");
    "nowhere.invalid".clone_into(&mut settings.url.host);
    settings.starttls = true;
    let error = ask(&service(&settings), "reader", PLANTED).await.expect_err("no such host");
    check(&error, NoAnswer::Unreachable, Sent::No, "no such host");
}

#[tokio::test]
async fn a_directory_that_takes_connections_and_says_nothing_holds_nobody_for_long() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = silent.local_addr().expect("an address").port();
    let directory = FakeDirectory::start().await;
    let (_, authority) = certificate(Certificate::Good);
    for (is_tls, starttls) in [(true, false), (false, true)] {
        let (mut settings, _folder) = trusting(&directory, &authority);
        (settings.url.port, settings.url.is_tls, settings.starttls) = (port, is_tls, starttls);
        for time in [SHORT, TIME] {
            let asked = Instant::now();
            let error = ask_within(&service(&settings), "reader", PLANTED, time).await.expect_err("silent");
            check(&error, NoAnswer::Unreachable, Sent::No, "a blackhole");
            assert!(asked.elapsed() < TIME, "a connection has less time than a question");
        }
    }
}

#[tokio::test]
async fn passwords_do_not_cross_a_network_in_clear() {
    let directory = FakeDirectory::start().await;
    let mut settings: LdapSettings = directory.settings();
    "ldap.example.org".clone_into(&mut settings.url.host);
    let clock = std::sync::Arc::new(soapgate::app::SystemClock);
    let error = soapgate::identity::LdapService::new("directory", &settings, clock).err().expect("refused");
    assert!(error.to_string().contains("in clear"), "{error}");
}
