//! Limits in time, size and number, one at a time.

use std::time::Duration;

use soapgate::config::Settings;
use tokio::time::Instant;

use crate::CONFIG;
use crate::support::client::{Connection, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, authenticate_envelope};

const SHORT: Duration = Duration::from_millis(300);
const OWN: &str = "/soap/authenticate";

fn short_times(settings: &mut Settings) {
    settings.server.limits.head_time = SHORT;
    settings.server.limits.body_time = SHORT;
    settings.server.limits.idle_time = SHORT;
}

/// A call of which the server has its permit and now waits for the body.
async fn call_begun(gateway: &TestGateway, post: &Post) -> Connection {
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&post.head()).await;
    assert_eq!(connection.interim().await, "HTTP/1.1 100 Continue\r\n");
    connection
}

async fn told_too_slow(connection: &mut Connection) {
    let reply = connection.reply().await.expect("a reply");
    assert_eq!((reply.status(), reply.header("connection")), (408, Some("close")));
    assert_eq!(reply.header("content-type"), Some("text/xml; charset=utf-8"));
    let incident = reply.header("x-soapgate-incident").expect("an incident");
    let text =
        format!("<faultcode>S:Client</faultcode><faultstring>The request did not arrive in time (incident {incident})");
    assert!(reply.text().contains(&text), "{}", reply.text());
    assert!(connection.rest().await.is_empty());
}

fn waiting(post: Post) -> Post {
    post.with("Expect", "100-continue")
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_told_so() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(b"POST /soap/authenticate HTTP/1.1\r\nHost:").await;
    told_too_slow(&mut connection).await;

    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&alma("reader", "correct horse battery").bytes()).await;
    assert_eq!(connection.reply().await.expect("a reply").status(), 200);
    connection.send(b"P").await;
    told_too_slow(&mut connection).await;
}

#[tokio::test]
async fn the_management_listener_says_why_it_could_not_read_a_head() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let large = format!("GET /livez HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let cases = [
        ("GET /livez HTTP/1.1\r\nHost : test\r\n\r\n", 400, "the request is malformed\n"),
        ("GET /livez HTTP/1.1\r\nHost", 408, "the request did not arrive in time\n"),
        (&large, 431, "the head of the request is too large\n"),
    ];
    for (request, status, text) in cases {
        let reply = exchange(gateway.management, request.as_bytes()).await;
        assert_eq!((reply.status(), reply.text(), reply.header("connection")), (status, text, Some("close")));
    }
}

#[tokio::test]
async fn a_head_byte_by_byte_gets_no_more_time_than_any_other() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let mut connection = Connection::open(gateway.soap).await;
    let begun = Instant::now();
    while connection.offer(b"X").await && !connection.ended_within(Duration::from_millis(10)).await {}
    assert!(begun.elapsed() >= SHORT, "it had its time");
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    assert!(Connection::open(gateway.soap).await.rest().await.is_empty());
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let mut connection = Connection::open(gateway.soap).await;
    for _ in 0..2 {
        connection.send(&alma("reader", "correct horse battery").bytes()).await;
        assert_eq!(connection.reply().await.expect("a reply").status(), 200);
    }
    assert!(connection.rest().await.is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_is_told_so() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let post = Post::new(OWN, authenticate_envelope("reader", "correct horse battery"));
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&post.head()).await;
    connection.send(b"<S:Envelope").await;
    let reply = connection.reply().await.expect("a reply");
    assert_eq!((reply.status(), reply.header("connection")), (408, Some("close")));
    assert!(reply.text().contains("<faultcode>S:Client</faultcode><faultstring>The request did not arrive in time"));
    assert!(connection.rest().await.is_empty());
}

#[tokio::test]
async fn a_body_byte_by_byte_gets_no_more_time_than_any_other() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let post = alma("reader", "correct horse battery");
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&post.head()).await;
    let begun = Instant::now();
    while connection.offer(b" ").await && !connection.readable_within(Duration::from_millis(10)).await {}
    assert_eq!(connection.reply().await.expect("a reply").status(), 408);
    assert!(begun.elapsed() >= SHORT, "it had its time");
}

#[tokio::test]
async fn a_slow_body_without_a_sign_in_is_challenged() {
    let gateway = TestGateway::start_tuned(CONFIG, short_times).await;
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&Post::new("/almaws/repository/UserAuthenticationWebServices", "<S:Envelope").head()).await;
    let reply = connection.reply().await.expect("a reply");
    assert_eq!((reply.status(), reply.header("connection")), (401, Some("close")));
}

#[tokio::test]
async fn a_call_beyond_the_cap_gets_the_outage_reply_before_its_body_is_read() {
    let route = |path: &str, account: &str| {
        format!(
            "[[route]]\ncontract = \"authenticate\"\npath = \"{path}\"\ninstitution = \"01DEMO_INST\"\n\
             integration = \"none\"\naccount = [\"{account}\"]\noutage = \"refuse\"\n"
        )
    };
    let (body, basic) = (route("/body", "body"), route("/basic", "basic"));
    let config = format!("{CONFIG}{body}{basic}[server.limits]\ncalls = 1\n");
    let gateway = TestGateway::start(&config).await;
    let first = waiting(alma("reader", "correct horse battery"));
    let mut begun = call_begun(&gateway, &first).await;

    let reply = exchange(gateway.soap, &waiting(alma("reader", "correct horse battery")).head()).await;
    assert!(reply.interim.is_empty(), "its body is not asked for");
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")));
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(reply.text().contains("<faultcode>S:Server</faultcode><faultstring>The sign-in cannot be checked now"));

    let soap12 = String::from_utf8(waiting(Post::new(OWN, "x")).head()).expect("text");
    let reply = exchange(gateway.soap, soap12.replace("text/xml", "application/soap+xml").as_bytes()).await;
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")));
    assert!(reply.text().contains("<env:Value>env:Receiver</env:Value>"), "{}", reply.text());

    let reply = exchange(gateway.soap, &waiting(Post::new("/body", "x")).head()).await;
    assert_eq!(reply.status(), 200, "a route may refuse in an outage");
    assert!(reply.text().contains("<n:return>false</n:return>"), "{}", reply.text());
    let reply = exchange(gateway.soap, &waiting(Post::new("/basic", "x")).head()).await;
    assert_eq!(reply.status(), 401, "each in the form of what it takes");

    begun.send(&first.bytes()[first.head().len()..]).await;
    assert_eq!(begun.reply().await.expect("a reply").status(), 200, "the first call is none the worse");
    assert_eq!(exchange(gateway.soap, &alma("reader", "correct horse battery").bytes()).await.status(), 200);
}

#[tokio::test]
async fn a_connection_beyond_the_cap_waits_for_another_to_end() {
    let gateway = TestGateway::start_tuned(CONFIG, |settings| settings.server.limits.connections = 2).await;
    let request = alma("reader", "correct horse battery").bytes();
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(gateway.soap).await;
        connection.send(&request).await;
        connection.reply().await.expect("a reply");
        held.push(connection);
    }
    let mut third = Connection::open(gateway.soap).await;
    third.send(&request).await;
    for _ in 0..50 {
        held[0].send(&request).await;
        held[0].reply().await.expect("a reply");
    }
    assert!(!third.readable_within(Duration::ZERO).await, "fifty calls were answered meanwhile");
    held.pop();
    assert_eq!(third.reply().await.expect("a reply").status(), 200);
}

#[tokio::test]
async fn a_nonce_that_nobody_has_room_for_lets_nobody_in() {
    let gateway = TestGateway::start(&format!("{CONFIG}[nonces]\nentries = 1\n")).await;
    let token = |nonce: &str| {
        let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
        let header = format!(
            "<w:Security xmlns:w=\"{wsse}\"><w:UsernameToken><w:Username>reader</w:Username>\
             <w:Password>correct horse battery</w:Password><w:Nonce>{nonce}</w:Nonce></w:UsernameToken></w:Security>"
        );
        let body = authenticate_envelope("", "").replace("<S:Body>", &format!("<S:Header>{header}</S:Header><S:Body>"));
        Post::new(OWN, body).bytes()
    };
    assert_eq!(exchange(gateway.soap, &token("AAAA")).await.status(), 200);
    let reply = exchange(gateway.soap, &token("BBBB")).await;
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")));
    assert!(reply.text().contains("<faultcode>S:Server</faultcode>"), "{}", reply.text());
    let reply = exchange(gateway.soap, &token("AAAA")).await;
    assert!(reply.text().contains("wsse:InvalidSecurity"), "what is remembered is not forgotten: {}", reply.text());
}
