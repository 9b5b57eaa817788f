//! A directory that finds everybody and lets nobody bind: most calls are answered at once, and it is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::PLANTED;
use crate::fake::{FakeDirectory, Person, Reaction};
use crate::people::config;
use crate::support::client::exchange;
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, request, sign_in, told};
use crate::support::until::until;

const PROBE: Duration = Duration::from_secs(1);
/// How long a question may take.
const TIMEOUT: Duration = Duration::from_millis(500);
/// For what takes no time.
const SLACK: Duration = Duration::from_secs(1);
const USERS: usize = 40;
const CALLERS: usize = 16;

async fn is_well(gateway: &TestGateway) -> bool {
    let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    !health.text().contains("\"degraded\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_finds_everybody_and_lets_nobody_bind_is_left_alone() {
    let directory = FakeDirectory::start().await;
    for user in 0..USERS {
        directory.add(Person::new(&[&format!("user{user}")], PLANTED));
    }
    let times = format!("breaker_probe = \"1s\"\ntimeout = \"{}ms\"\nlock_after", TIMEOUT.as_millis());
    let text = config(&directory).replacen("lock_after", &times, 1);
    let gateway = TestGateway::start_tuned(&text, |settings| settings.cache.ttl = Duration::ZERO).await;
    until("canaries have landed", async || is_well(&gateway).await).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", PLANTED).await, Told::Yes);

    directory.on_bind(Reaction::Silence);
    let ended = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (address, ended) = (gateway.soap, Arc::clone(&ended));
            tokio::spawn(async move {
                for call in 0.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    let user = format!("user{}", (caller * 5 + call) % USERS);
                    let said = told(&exchange(address, &request("demo", &user, PLANTED)).await);
                    assert_eq!(said, Told::Outage);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    until("it is noticed", async || !is_well(&gateway).await).await;
    // Those that were asked before it was left alone have their ends.
    tokio::time::sleep(TIMEOUT).await;
    let (noticed, asked) = (Instant::now(), directory.binds().len());
    while noticed.elapsed() < PROBE * 5 {
        assert!(!is_well(&gateway).await, "nothing has changed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ended.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.expect("nobody was told no");
    }
    let asked = directory.binds().len() - asked;
    assert!((1..=3 * 5).contains(&asked), "a few in each interval wait for all others, not {asked}");

    directory.on_bind(Reaction::Right);
    let back = Instant::now();
    until("it is found again", async || sign_in(&gateway, "demo", "reader", PLANTED).await == Told::Yes).await;
    assert!(back.elapsed() <= PROBE + TIMEOUT + SLACK, "{:?}", back.elapsed());
    assert!(is_well(&gateway).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_back_is_found_while_nobody_calls() {
    let directory = FakeDirectory::start().await;
    let text = config(&directory).replacen("lock_after", "breaker_probe = \"1s\"\ntimeout = \"500ms\"\nlock_after", 1);
    let gateway = TestGateway::start_tuned(&text, |settings| settings.cache.ttl = Duration::ZERO).await;
    directory.on_bind(Reaction::End);
    for user in ["reader", "reader", "reader"] {
        assert_eq!(sign_in(&gateway, "demo", user, PLANTED).await, Told::Outage);
    }
    assert!(!is_well(&gateway).await);
    directory.on_bind(Reaction::Right);
    let back = Instant::now();
    until("it is found again", async || is_well(&gateway).await).await;
    assert!(back.elapsed() <= PROBE * 2 + SLACK, "{:?}", back.elapsed());
}
