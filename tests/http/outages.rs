//! Identity services that do not answer, and faults of our own: every call still ends with a valid reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use soapgate::domain::{Answer, Clock, Timestamp};
use soapgate::http::HttpLimits;
use soapgate::identity::{Answered, Ask, BoxFuture, IdentityError, IdentityService};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::bench::Bench;
use crate::support::client::{Connection, Reply, exchange};
use crate::support::messages::{Post, authenticate_envelope};
use crate::until;

/// An identity service that answers yes as often as it is let, and counts how often it was asked.
struct Held {
    asked: AtomicUsize,
    answers: Semaphore,
}

impl Held {
    fn new() -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), answers: Semaphore::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl IdentityService for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            assert_ne!(ask.credentials.account().identifier(), "panic", "on purpose");
            let answer = self.answers.acquire().await.expect("never closed");
            answer.forget();
            Ok(Answer::Accepted.into())
        })
    }

    fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(std::future::ready(Ok(String::from("holds"))))
    }
}

/// A clock that has stopped working.
struct Broken;

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        panic!("on purpose");
    }
}

fn call(user: &str) -> Vec<u8> {
    Post::new("/soap/authenticate", authenticate_envelope(user, "secret")).bytes()
}

fn limits(call_time: Duration) -> HttpLimits {
    HttpLimits { call_time, ..HttpLimits::default() }
}

fn is_outage(reply: &Reply, text: &str) -> bool {
    let fault = format!("<S:Fault><faultcode>S:Server</faultcode><faultstring>{text} (incident ");
    reply.status() == 500 && reply.header("x-soapgate-incident").is_some() && reply.text().contains(&fault)
}

#[tokio::test]
async fn a_service_that_never_answers_is_an_outage_by_the_end_of_the_calls_time() {
    let held = Held::new();
    let bench = Bench::start(held.clone(), limits(Duration::from_millis(100))).await;
    let reply = exchange(bench.soap, &call("reader")).await;
    assert!(is_outage(&reply, "The sign-in cannot be checked now"), "{}", reply.text());
    assert_eq!(held.asked(), 1);
}

#[tokio::test]
async fn a_call_that_gives_up_ends_nothing_for_those_who_ask_the_same() {
    let held = Held::new();
    let bench = Bench::start(held.clone(), limits(Duration::from_millis(500))).await;
    let first = tokio::spawn({
        let address = bench.soap;
        async move { exchange(address, &call("reader")).await }
    });
    until("the first is asked", async || held.asked() == 1).await;
    assert!(is_outage(&first.await.expect("no panic"), "The sign-in cannot be checked now"));
    let mut second = Connection::open(bench.soap).await;
    second.send(&call("reader")).await;
    held.answers.add_permits(1);
    let reply = second.reply().await.expect("a reply");
    assert!(reply.text().contains("<n:return>true</n:return>"), "{}", reply.text());
    assert_eq!(held.asked(), 1, "the question that was open answered both");
}

#[tokio::test]
async fn a_hundred_calls_at_once_wait_for_one_question() {
    let held = Held::new();
    let bench = Bench::start(held.clone(), limits(Duration::from_secs(20))).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut connection = Connection::open(bench.soap).await;
        connection.send(&call("reader")).await;
        waiting.push(connection);
    }
    until("it is asked", async || held.asked() == 1).await;
    held.answers.add_permits(100);
    for mut connection in waiting {
        let reply = connection.reply().await.expect("a reply");
        assert!(reply.text().contains("<n:return>true</n:return>"), "{}", reply.text());
    }
    assert_eq!(held.asked(), 1);
}

#[tokio::test]
async fn a_question_is_asked_to_its_end_though_everybody_is_gone() {
    let held = Held::new();
    let bench = Bench::start(held.clone(), limits(Duration::from_secs(20))).await;
    let mut connection = Connection::open(bench.soap).await;
    connection.send(&call("reader")).await;
    until("it is asked", async || held.asked() == 1).await;
    drop(connection);
    held.answers.add_permits(1);
    bench.endpoint.finish().await;
    let metrics = bench.metrics.encode().expect("text");
    let counted = "soapgate_calls_total{route=\"/soap/authenticate\",outcome=\"accepted\",reason=\"\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains("soapgate_identity_calls_total{service=\"held\",outcome=\"accepted\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_panic_of_an_identity_service_is_an_outage_of_one_call() {
    let held = Held::new();
    let bench = Bench::start(held.clone(), limits(Duration::from_secs(20))).await;
    let mut connection = Connection::open(bench.soap).await;
    connection.send(&call("panic")).await;
    let reply = connection.reply().await.expect("a reply");
    assert!(is_outage(&reply, "The sign-in cannot be checked now"), "{}", reply.text());
    held.answers.add_permits(1);
    connection.send(&call("reader")).await;
    assert_eq!(connection.reply().await.expect("a reply").status(), 200, "the same connection goes on");
}

#[tokio::test]
async fn a_panic_of_our_own_is_a_valid_fault() {
    let bench = Bench::start_at(Held::new(), HttpLimits::default(), Arc::new(Broken)).await;
    let mut connection = Connection::open(bench.soap).await;
    for _ in 0..2 {
        connection.send(&call("reader")).await;
        let reply = connection.reply().await.expect("a reply");
        assert!(is_outage(&reply, "The server failed to answer"), "{}", reply.text());
    }
    let soap12 = Post::new("/soap/authenticate", "<").bytes();
    let soap12 = String::from_utf8(soap12).expect("text").replace("text/xml", "application/soap+xml");
    let reply = exchange(bench.soap, soap12.as_bytes()).await;
    assert!(reply.status() == 500 && reply.text().contains("<env:Value>env:Receiver</env:Value>"), "{}", reply.text());
}
