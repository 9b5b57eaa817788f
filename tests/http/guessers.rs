//! What somebody who guesses at an integration's secret can do to everybody else, and what the log says of it.

use crate::support::client::exchange;
use crate::support::gateway::{Population, TestGateway};
use crate::support::messages::{Post, alma, alma_envelope, basic};
use crate::support::process::ServerProcess;
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";

fn signed(authorization: Option<&str>) -> Post {
    let post = Post::new(ALMA, alma_envelope("reader", "correct horse battery"));
    match authorization {
        Some(value) => post.with("Authorization", value),
        None => post,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessers_who_are_made_to_wait_take_no_room_from_others() {
    let config = CONFIG.replace("[server]", "[server]\nlimits.calls = 2")
        + "[slow_down]\nfree = 0\nstep = \"5s\"\nlongest = \"5s\"\n";
    let gateway = TestGateway::start(&config).await;
    let guesses: Vec<_> = (0..2)
        .map(|_| {
            let (address, request) = (gateway.soap, signed(Some(&basic(DEMO, "a guess"))).bytes());
            tokio::spawn(async move { exchange(address, &request).await.status() })
        })
        .collect();
    until("both guesses are refused", async || gateway.metric("soapgate_calls_total", "unauthorized").await == 2).await;
    let reply = exchange(gateway.soap, &alma("reader", "correct horse battery").bytes()).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert!(guesses.iter().all(|guess| !guess.is_finished()), "the guessers still wait");
    for guess in guesses {
        guess.abort();
    }
}

#[tokio::test]
async fn the_line_of_a_refused_caller_says_why_and_names_no_invented_integration() {
    let mut server = ServerProcess::start(CONFIG, &[Population::demo()]).await;
    let cases = [
        (None, "no-credential", None),
        (Some("Bearer abc".to_owned()), "no-credential", None),
        (Some("Basic !!!".to_owned()), "unreadable-credential", None),
        (Some(basic("somebody", "a guess")), "no-integration", None),
        (Some(basic("AlmaSDK-demo-institutionCode-ELSEWHERE", "a guess")), "no-integration", None),
        (Some(basic("AlmaSDK-invented-institutionCode-01DEMO_INST", "a guess")), "unknown-account", None),
        (Some(basic(DEMO, "a guess")), "wrong-password", Some(DEMO)),
        (Some(basic(DEMO, "")), "wrong-password", Some(DEMO)),
    ];
    let mut incidents = Vec::new();
    for (authorization, ..) in &cases {
        let reply = exchange(server.soap, &signed(authorization.as_deref()).bytes()).await;
        assert_eq!(reply.status(), 401);
        let head = reply.head.to_ascii_lowercase();
        let incident = head.split("x-soapgate-incident: ").nth(1).and_then(|rest| rest.get(..16)).expect("an incident");
        incidents.push(incident.to_owned());
    }
    server.end();
    let log = String::from_utf8(server.log()).expect("UTF-8");
    for ((_, reason, integration), incident) in cases.iter().zip(&incidents) {
        let line = log.lines().find(|line| line.contains(incident)).expect("the incident's line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["call.reason"], *reason, "{line}");
        assert_eq!(line["integration.id"].as_str(), *integration, "{line}");
    }
}
