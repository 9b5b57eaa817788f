//! Connections as clients use and misuse them.

use std::time::Duration;

use crate::support::client::{Connection, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, alma_envelope, authenticate_envelope, basic};
use crate::{CONFIG, until};

const OWN: &str = "/soap/authenticate";
const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";

fn right() -> Vec<u8> {
    alma("reader", "correct horse battery").bytes()
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_their_order() {
    let gateway = TestGateway::start(CONFIG).await;
    let wsdl = b"GET /soap/authenticate?wsdl HTTP/1.1\r\nHost: test\r\n\r\n";
    let unknown = b"GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n";
    let wrong = Post::new(OWN, authenticate_envelope("reader", "wrong")).bytes();
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&[&right(), &wsdl[..], &wrong, &unknown[..], &right()].concat()).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let reply = connection.reply().await.expect("a reply");
        let told = ["result&gt;true", "definitions", "return>false", "Fault"];
        seen.push((reply.status(), told.into_iter().find(|word| reply.text().contains(word))));
    }
    let expected = [(200, "result&gt;true"), (200, "definitions"), (200, "return>false"), (404, "Fault")];
    assert_eq!(seen[..4], expected.map(|(status, word)| (status, Some(word))));
    assert_eq!(seen[4], seen[0]);
}

/// Five of the toolkits that were tried sign in only when they are asked to.
#[tokio::test]
async fn a_challenge_leaves_the_connection_fit_for_the_second_try() {
    let gateway = TestGateway::start(CONFIG).await;
    let mut connection = Connection::open(gateway.soap).await;
    let body = alma_envelope("reader", "correct horse battery");
    for first in [Post::new(ALMA, body.clone()), Post::new(ALMA, body).with("Expect", "100-continue")] {
        connection.send(&first.bytes()).await;
        let challenge = connection.reply().await.expect("a reply");
        assert_eq!((challenge.status(), challenge.header("connection")), (401, None));
        connection.send(&right()).await;
        assert_eq!(connection.reply().await.expect("a reply").status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_says_it_sends_no_more_is_answered() {
    let gateway = TestGateway::start(CONFIG).await;
    for request in [right(), alma("reader", "wrong").bytes(), b"GET /x HTTP/1.0\r\n\r\n".to_vec()] {
        let mut connection = Connection::open(gateway.soap).await;
        connection.send(&request).await;
        connection.finish_sending().await;
        assert!(connection.reply().await.is_some());
        assert!(connection.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_is_told_so() {
    let gateway = TestGateway::start(CONFIG).await;
    let request = alma("reader", "correct horse battery").bytes();
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&request[..request.len() - 1]).await;
    connection.finish_sending().await;
    let reply = connection.reply().await.expect("a reply");
    assert_eq!((reply.status(), reply.header("connection")), (400, Some("close")));
}

#[tokio::test]
async fn what_comes_behind_a_body_is_the_next_request_and_nothing_else() {
    let gateway = TestGateway::start(CONFIG).await;
    let post = alma("reader", "correct horse battery");
    let shorter = String::from_utf8(post.bytes()).expect("text").replacen("Content-Length: 2", "Content-Length: 1", 1);
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(shorter.as_bytes()).await;
    let cut = connection.reply().await.expect("a reply");
    assert!(cut.status() == 500 && cut.text().contains("not well-formed"), "{}", cut.text());
    assert_eq!(connection.reply().await.expect("a reply").status(), 400, "half an envelope is no request");
    assert!(connection.rest().await.is_empty());

    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&[right(), b"garbage\r\n\r\n".to_vec()].concat()).await;
    assert_eq!(connection.reply().await.expect("a reply").status(), 200, "the request before it is answered");
    assert_eq!(connection.reply().await.expect("a reply").status(), 400);
}

/// Most toolkits read nothing before they have sent everything.
#[tokio::test]
async fn a_reply_reaches_a_client_that_sends_all_of_a_large_body_first() {
    let gateway = TestGateway::start(CONFIG).await;
    let large = "x".repeat(8 << 20);
    let cases = [
        (Post::new(OWN, authenticate_envelope("reader", &large)), 413),
        (alma("reader", &large), 200),
        (Post::new(ALMA, alma_envelope("reader", &large)), 401),
        (Post::new("/nowhere", large.clone()), 404),
        (Post::new(ALMA, large.clone()).with("Content-Encoding", "gzip"), 415),
    ];
    for (post, status) in cases {
        let mut connection = Connection::open(gateway.soap).await;
        connection.send(&post.bytes()).await;
        let reply = connection.reply().await.expect("a reply");
        assert_eq!((reply.status(), reply.header("connection")), (status, Some("close")));
    }
}

#[tokio::test]
async fn a_reply_reaches_a_client_whose_head_is_far_too_large() {
    let gateway = TestGateway::start(CONFIG).await;
    let long = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Long: {}\r\n\r\n", "x".repeat(4 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: test\r\n{}\r\n", "X-Many: y\r\n".repeat(20_000));
    for request in [long, many] {
        let mut connection = Connection::open(gateway.soap).await;
        connection.send(request.as_bytes()).await;
        assert_eq!(connection.reply().await.expect("a reply").status(), 431);
        assert!(connection.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_call_counts_to_its_end_though_its_client_is_gone() {
    let slow = "[slow_down]\nfree = 0\nstep = \"300ms\"\n";
    let gateway = TestGateway::start(&format!("{CONFIG}{slow}")).await;
    let wrong = basic("AlmaSDK-demo-institutionCode-01DEMO_INST", "wrong");
    let post = Post::new(ALMA, alma_envelope("reader", "correct horse battery")).with("Authorization", &wrong);
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&post.bytes()).await;
    // The secret was checked; the reply waits, because it was wrong.
    until("the secret was checked", async || {
        gateway.metric("soapgate_identity_calls_total", "outcome=\"rejected\"").await == 1
    })
    .await;
    assert!(!connection.readable_within(Duration::ZERO).await);
    drop(connection);
    until("the call is counted", async || gateway.metric("soapgate_calls_total", "unauthorized").await == 1).await;
    let operator = gateway.beside().await;
    until("the integration is flagged", async || !operator.all_flags().await.is_empty()).await;
    assert_eq!(exchange(gateway.soap, &right()).await.status(), 200, "the server is none the worse");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_holds_nothing() {
    let gateway = TestGateway::start(&format!("{CONFIG}[server.limits]\ncalls = 1\n")).await;
    for _ in 0..3 {
        let post = alma("reader", "correct horse battery").with("Expect", "100-continue");
        let mut connection = Connection::open(gateway.soap).await;
        connection.send(&post.head()).await;
        // With the only permit held by one that left, this would never come.
        until("its body is asked for", async || {
            let asked = connection.interim().await == "HTTP/1.1 100 Continue\r\n";
            if !asked {
                connection = Connection::open(gateway.soap).await;
                connection.send(&post.head()).await;
            }
            asked
        })
        .await;
    }
}

#[tokio::test]
async fn without_a_public_address_the_wsdl_names_the_one_listened_on() {
    let gateway = TestGateway::start(CONFIG).await;
    let reply = exchange(gateway.soap, b"GET /soap/authenticate?wsdl HTTP/1.1\r\nHost: evil.example.org\r\n\r\n").await;
    let address = format!("address location=\"http://{}/soap/authenticate\"", gateway.soap);
    assert_eq!(reply.text().matches(&address).count(), 2, "{}", reply.text());
}
