//! The log's lines of requests that never became calls.

use crate::support::client::{Connection, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, alma_envelope};
use crate::support::process::ServerProcess;
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";

#[tokio::test]
async fn a_request_that_http_refuses_leaves_a_whole_line() {
    let mut server = ServerProcess::start(CONFIG, &[]).await;
    let requests = [
        (Post::new("/elsewhere", "").bytes(), 404, "not-found", "none"),
        (Post::new(ALMA, "").with("Content-Encoding", "gzip").bytes(), 415, "media-type", "alma"),
        (format!("GET {ALMA} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes(), 405, "method-not-allowed", "alma"),
    ];
    for (request, status, ..) in &requests {
        assert_eq!(exchange(server.soap, request).await.status(), *status);
    }
    server.end();
    let log = String::from_utf8(server.log()).expect("UTF-8");
    for (_, status, reason, route) in requests {
        let line = log.lines().find(|line| line.contains(reason)).expect("a line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&line["call.status"], &line["call.route"]), (&status.into(), &route.into()), "{line}");
        assert_eq!(line["call.source"], "127.0.0.1", "{line}");
    }
}

#[tokio::test]
async fn without_lines_for_calls_there_are_none_for_requests_that_http_refuses() {
    let config = format!("{CONFIG}[log]\ncalls = false\n");
    let mut server = ServerProcess::start(&config, &[]).await;
    assert_eq!(exchange(server.soap, &Post::new("/elsewhere", "").bytes()).await.status(), 404);
    server.end();
    let log = String::from_utf8(server.log()).expect("UTF-8");
    assert!(log.contains("server.drained") && !log.contains("not-found"), "{log}");
}

#[tokio::test]
async fn a_request_that_http_refuses_is_counted_at_its_route() {
    let gateway = TestGateway::start(CONFIG).await;
    let request = Post::new(ALMA, alma_envelope("reader", "x")).with("Expect", "tea").bytes();
    assert_eq!(exchange(gateway.soap, &request).await.status(), 417);
    assert_eq!(exchange(gateway.soap, &alma("reader", "correct horse battery").bytes()).await.status(), 200);
    assert_eq!(gateway.metric("soapgate_faults_total", "route=\"alma\",kind=\"expectation\"").await, 1);
    assert_eq!(gateway.metric("soapgate_calls_total", "route=\"alma\"").await, 2);
}

#[tokio::test]
async fn a_head_that_cannot_be_read_leaves_a_line_and_is_counted() {
    let config = CONFIG.replace("[server]", "[server]\nlimits.head_time = \"1s\"\nlimits.head_bytes = 8192");
    let mut server = ServerProcess::start(&config, &[]).await;
    let large = format!("POST {ALMA} HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(9_000));
    assert_eq!(exchange(server.soap, large.as_bytes()).await.status(), 431);
    assert_eq!(exchange(server.soap, b"POST / HTTP/1.1\r\nHost : test\r\n\r\n").await.status(), 400);
    let mut slow = Connection::open(server.soap).await;
    slow.send(b"POST / HTTP/1.1\r\nHost: te").await;
    let slow = slow.reply().await.expect("a reply");
    assert_eq!(slow.status(), 408);
    let incident = slow.header("x-soapgate-incident").expect("an incident");
    let kinds = ["head-malformed", "head-slow", "head-too-large"];
    until("all three are counted", async || {
        let metrics = exchange(server.management, b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
        let counted =
            |kind| metrics.text().contains(&format!("soapgate_faults_total{{route=\"none\",kind=\"{kind}\"}} 1"));
        kinds.iter().all(counted)
    })
    .await;
    server.end();
    let log = String::from_utf8(server.log()).expect("UTF-8");
    for kind in kinds {
        let line = log.lines().find(|line| line.contains(kind)).expect("a line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(
            (line["message"].as_str(), line["call.source"].as_str()),
            (Some("request.unread"), Some("127.0.0.1"))
        );
        assert_eq!(line["call.incident"] == incident, kind == "head-slow", "{line}");
    }
}
