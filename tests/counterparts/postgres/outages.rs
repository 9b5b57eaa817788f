//! A PostgreSQL that is stopped, or says nothing any more, under two nodes: sign-ins go on.

use std::time::Duration;

use soapgate::config::Settings;
use sqlx::{AnyConnection, Connection};

use crate::postgres::nodes::{guess, pair, register_on};
use crate::postgres::server::Postgres;
use crate::support::client::exchange;
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, basic};
use crate::support::scribe::Scribe;
use crate::support::signin::{Told, sign_in};
use crate::support::until::until;

/// As it is outside tests.
const STORE_WAIT: Duration = Duration::from_millis(50);
const CALLERS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

async fn is_alone(node: &TestGateway) -> bool {
    node.metric("soapgate_attempts_alone", "").await == 1
}

/// Waits until both nodes have noticed that the store is back, which they do by themselves.
async fn until_back(nodes: &[TestGateway]) {
    for node in nodes {
        until("the node counts in the store again", async || !is_alone(node).await).await;
    }
}

async fn health(node: &TestGateway) -> String {
    exchange(node.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.text().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_stopped_each_node_allows_its_share_and_tells_of_it_afterwards() {
    let (server, service) = (Postgres::make(), Scribe::start("reader", "right").await);
    let url = server.database().await;
    let nodes = pair(&service, &url, STORE_WAIT).await;
    register_on(&nodes, &CALLERS).await;
    server.act("stop");
    assert_eq!(guess(&nodes, &service, &["one"], 4).await, 4, "floor(4 / 2) by one integration on each node");
    assert_eq!(guess(&nodes, &service, &CALLERS[1..], 2).await, 6, "floor(10 / 2) on each node");
    for node in &nodes {
        assert!(is_alone(node).await, "and it says so");
        assert_eq!(sign_in(node, "one", "another", "anything").await, Told::No, "others are asked about");
    }
    until("health says that the store is away", async || health(&nodes[0]).await.contains("degraded")).await;
    // What must be flagged waits for the store.
    let name = "AlmaSDK-demo-institutionCode-01DEMO_INST";
    let post = Post::new("/almaws/repository/UserAuthenticationWebServices", "");
    let refused = exchange(nodes[0].soap, &post.with("Authorization", &basic(name, "wrong")).bytes()).await;
    assert_eq!(refused.status(), 401);

    server.act("start");
    until_back(&nodes).await;
    assert_eq!(guess(&nodes, &service, &CALLERS, 1).await, 0, "the store knows what was counted alone");
    let [first, second] = nodes;
    // Nodes that remember nothing and wait for the store as long as a slow machine takes.
    let patient = |settings: &mut Settings| settings.shield.store_wait = Duration::from_secs(10);
    let nodes = [first.stop().await.start_tuned(patient).await, second.stop().await.start_tuned(patient).await];
    assert_eq!(guess(&nodes, &service, &CALLERS, 1).await, 0, "and it alone tells nodes that were started anew");
    until("health is good again", async || !health(&nodes[0]).await.contains("degraded")).await;
    let mut connection = AnyConnection::connect(&url).await.expect("the database");
    until("the flag is written", async || {
        let flags: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM flag WHERE identifier = 'demo'")
            .fetch_one(&mut connection)
            .await
            .expect("counted");
        flags == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_is_accepted_with_the_server_stopped_and_after() {
    let (server, service) = (Postgres::make(), Scribe::start("reader", "right").await);
    let nodes = pair(&service, &server.database().await, STORE_WAIT).await;
    for what in ["stop", "start"] {
        server.act(what);
        for node in &nodes {
            for _ in 0..5 {
                assert_eq!(sign_in(node, "demo", "reader", "right").await, Told::Yes, "after {what}");
            }
        }
    }
    until_back(&nodes).await;
    assert_eq!(sign_in(&nodes[0], "demo", "reader", "right").await, Told::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_any_more_holds_no_sign_in_up() {
    let (server, service) = (Postgres::make(), Scribe::start("reader", "right").await);
    let nodes = pair(&service, &server.database().await, STORE_WAIT).await;
    register_on(&nodes, &CALLERS).await;
    server.act("freeze");
    let guessed = guess(&nodes, &service, &CALLERS, 3).await;
    assert!(guessed <= 10, "{guessed}: floor(10 / 2) on each node");
    for node in &nodes {
        assert_eq!(sign_in(node, "one", "another", "anything").await, Told::No);
        assert!(is_alone(node).await);
    }
    server.act("thaw");
    until_back(&nodes).await;
    assert_eq!(guessed + guess(&nodes, &service, &CALLERS, 1).await, 10, "no more than the budget in all");
}
