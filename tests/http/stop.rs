//! The orderly end: readiness falls first, calls in flight end, new connections are refused.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::client::{Connection, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma};
use crate::{CONFIG, until};

fn waiting() -> Post {
    alma("reader", "correct horse battery").with("Expect", "100-continue")
}

/// A call of which the server waits for the body.
async fn begun(gateway: &TestGateway) -> Connection {
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&waiting().head()).await;
    assert_eq!(connection.interim().await, "HTTP/1.1 100 Continue\r\n");
    connection
}

fn body() -> Vec<u8> {
    let post = waiting();
    post.bytes()[post.head().len()..].to_vec()
}

async fn readiness(management: SocketAddr, path: &str) -> (u16, String) {
    let reply = exchange(management, format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await;
    (reply.status(), reply.text().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_falls_then_listeners_close_and_calls_in_flight_end() {
    let gateway = TestGateway::start_tuned(CONFIG, |settings| {
        settings.server.drain_delay = Duration::from_secs(1);
    })
    .await;
    let (soap, management) = (gateway.soap, gateway.management);
    until("it is ready", async || readiness(management, "/readyz").await == (200, "ok\n".to_owned())).await;
    let mut in_flight = begun(&gateway).await;
    let mut idle = Connection::open(soap).await;
    idle.send(&alma("reader", "correct horse battery").bytes()).await;
    idle.reply().await.expect("a reply");

    let stopping = tokio::spawn(gateway.server.stop());
    until("readiness falls", async || readiness(management, "/readyz").await.0 == 503).await;
    assert_eq!(readiness(management, "/readyz").await, (503, "stopping\n".to_owned()));
    assert_eq!(readiness(management, "/livez").await.0, 200, "it lives to its end");
    assert_eq!(readiness(management, "/startupz").await.0, 200, "it has started long ago");
    let late = exchange(soap, &alma("reader", "correct horse battery").bytes()).await;
    assert_eq!(late.status(), 200, "whoever has not seen it yet is still served");

    until("new connections are refused", async || TcpStream::connect(soap).await.is_err()).await;
    assert!(idle.rest().await.is_empty(), "an idle connection is closed");
    in_flight.send(&body()).await;
    let reply = in_flight.reply().await.expect("a reply");
    assert_eq!((reply.status(), reply.header("connection")), (200, Some("close")));
    let answered = Instant::now();
    stopping.await.expect("no panic").expect("an orderly end");
    assert!(answered.elapsed() < Duration::from_secs(4), "nobody waits for what clients keep open");
    assert!(TcpStream::connect(management).await.is_err(), "health is gone last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_waited_for_beyond_the_deadline() {
    let gateway = TestGateway::start_tuned(CONFIG, |settings| {
        settings.server.drain_deadline = Duration::from_millis(300);
    })
    .await;
    let in_flight = begun(&gateway).await;
    let asked = Instant::now();
    gateway.server.stop().await.expect("an end");
    assert!(asked.elapsed() < Duration::from_secs(5), "it does not wait for the body's ten seconds");
    drop(in_flight);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_of_the_last_calls_are_written() {
    let gateway = TestGateway::start(CONFIG).await;
    let operator = gateway.beside().await;
    for user in ["locked", "legacy"] {
        exchange(gateway.soap, &alma(user, "anything").bytes()).await;
    }
    gateway.server.stop().await.expect("an orderly end");
    let flags = operator.all_flags().await;
    let mut accounts: Vec<&str> = flags.iter().map(|flag| flag.account.as_str()).collect();
    accounts.sort_unstable();
    assert_eq!(accounts, ["legacy", "locked"]);
}
