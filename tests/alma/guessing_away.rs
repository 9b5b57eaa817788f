//! Guessing while the store goes, is away and comes back: one budget all the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::config;
use crate::fake::{FakeAlma, User};
use crate::store_away::Locked;
use crate::support::client::exchange;
use crate::support::fake::fault::Fault;
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, register, request, told};
use crate::support::until::until;
use crate::without_store::Store as _;

/// Guesses as fast as it can through one integration until it is over; how many it made.
fn guesser(address: SocketAddr, integration: usize, over: Arc<AtomicBool>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut guesses = 0;
        while !over.load(Ordering::SeqCst) {
            let password = format!("guess {guesses} by {integration}");
            let said = told(&exchange(address, &request(&format!("guesser{integration}"), "reader", &password)).await);
            assert_ne!(said, Told::Yes, "{password}");
            guesses += 1;
        }
        guesses
    })
}

/// Lets sixteen guess while the store goes, is away and comes back, and gives how many of their guesses failed at the
/// service.
async fn guess_through_an_outage_of_the_store(service: Fault) -> usize {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["reader"], Some("right")));
    alma.fault(service);
    let config = format!("slow_down = {{ step = \"0s\" }}\n{}", config(&alma, "requests_per_second = 50000"));
    let gateway = TestGateway::start(&config).await;
    let names: Vec<String> = (0..16).map(|n| format!("guesser{n}")).collect();
    register(&gateway, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut store = Locked::new(&gateway);
    store.away(0).await;
    let guessers: Vec<_> = (0..16).map(|n| guesser(gateway.soap, n, Arc::clone(&over))).collect();
    tokio::time::sleep(Duration::from_secs(4)).await;
    store.back().await;
    until("the store counts again", async || gateway.metric("soapgate_attempts_alone", "").await == 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    over.store(true, Ordering::SeqCst);
    let mut made = 0;
    for guesser in guessers {
        made += guesser.await.expect("it guessed to the end");
    }
    assert!(made > 200, "{made} guesses");
    assert!(!alma.is_locked("reader"));
    alma.failures("reader")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_guess_at_once_while_the_store_is_away_have_one_budget() {
    let failures = guess_through_an_outage_of_the_store(Fault::None).await;
    assert!((1..=11).contains(&failures), "{failures} failures: per_account is ten, and one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_are_under_way_when_the_store_comes_back_are_counted_by_it() {
    let failures = guess_through_an_outage_of_the_store(Fault::Slow(Duration::from_millis(3_900))).await;
    assert!((1..=11).contains(&failures), "{failures} failures: per_account is ten, and one");
}
