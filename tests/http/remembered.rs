//! What is asked once and remembered, and when it is forgotten.

use std::time::Duration;

use soapgate::domain::{AccountId, Institution, IntegrationName, Password};
use soapgate::operator::{NextSignIn, Secret};
use tokio::time::Instant;

use crate::support::client::exchange;
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, basic};
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const RIGHT: &str = "correct horse battery";
/// What an operator changes takes effect this soon.
const SOON: Duration = Duration::from_secs(2);

fn reader() -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), "reader").expect("an identifier")
}

fn integration() -> IntegrationName {
    IntegrationName::parse("AlmaSDK-demo-institutionCode-01DEMO_INST").expect("a name")
}

async fn accepted(gateway: &TestGateway, password: &str) -> bool {
    exchange(gateway.soap, &alma("reader", password).bytes()).await.text().contains("result&gt;true")
}

/// How many questions were asked of a service with this outcome.
async fn asked(gateway: &TestGateway, service: &str, outcome: &str) -> u64 {
    let labels = format!("service=\"{service}\",outcome=\"{outcome}\"");
    gateway.metric("soapgate_identity_calls_total", &labels).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_first_calls_at_once_are_one_question() {
    let gateway = TestGateway::start(CONFIG).await;
    let request = alma("reader", RIGHT).bytes();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (address, request) = (gateway.soap, request.clone());
            tokio::spawn(async move { exchange(address, &request).await.text().contains("result&gt;true") })
        })
        .collect();
    for call in calls {
        assert!(call.await.expect("no panic"));
    }
    assert_eq!(asked(&gateway, "accounts", "accepted").await, 1);
    assert_eq!(asked(&gateway, "registry", "accepted").await, 1);
    let canaries = gateway.metric("soapgate_identity_calls_total", "canary").await;
    let all = gateway.metric("soapgate_identity_calls_total", "").await;
    assert_eq!(all - canaries, 2, "and nobody was asked anything else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_stands_until_its_recheck() {
    let config = format!("{CONFIG}[attempts]\nrecheck = \"1s\"\n");
    let gateway = TestGateway::start(&config).await;
    for _ in 0..20 {
        assert!(!accepted(&gateway, "wrong").await);
    }
    assert_eq!(asked(&gateway, "accounts", "rejected").await, 1, "the same wrong password is asked once");
    until("it is asked again", async || {
        assert!(!accepted(&gateway, "wrong").await);
        asked(&gateway, "accounts", "rejected").await == 2
    })
    .await;
    assert!(accepted(&gateway, RIGHT).await);
}

#[tokio::test]
async fn somebody_elses_wrong_guess_drops_no_yes() {
    let gateway = TestGateway::start(CONFIG).await;
    assert!(accepted(&gateway, RIGHT).await);
    for guess in ["wrong", "", "correct horse battery "] {
        assert!(!accepted(&gateway, guess).await);
    }
    let hits = gateway.metric("soapgate_cache_hits_total", "").await;
    assert!(accepted(&gateway, RIGHT).await);
    assert_eq!(asked(&gateway, "accounts", "accepted").await, 1, "the yes is still remembered");
    assert_eq!(gateway.metric("soapgate_cache_hits_total", "").await, hits + 2, "the integration's as well");
}

#[tokio::test]
async fn a_yes_is_remembered_for_its_time_only() {
    let gateway = TestGateway::start_tuned(CONFIG, |settings| settings.cache.ttl = Duration::from_millis(50)).await;
    assert!(accepted(&gateway, RIGHT).await);
    until("the yes is asked for again", async || {
        assert!(accepted(&gateway, RIGHT).await);
        asked(&gateway, "accounts", "accepted").await > 1
    })
    .await;
}

/// After a change beside the server `password` must be refused, soon.
async fn refused_soon(gateway: &TestGateway, password: &str) {
    let changed = Instant::now();
    while accepted(gateway, password).await {
        assert!(changed.elapsed() < SOON, "the yes outlived the change");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_new_password_set_beside_the_server_drops_the_yes_for_the_old_one() {
    let gateway = TestGateway::start(CONFIG).await;
    assert!(accepted(&gateway, RIGHT).await);
    let operator = gateway.beside().await;
    operator
        .accounts()
        .set_password(&reader(), Password::new("a new horse".to_owned()), NextSignIn::Free)
        .await
        .expect("changed");
    refused_soon(&gateway, RIGHT).await;
    assert!(accepted(&gateway, "a new horse").await);
}

#[tokio::test]
async fn an_account_locked_or_disabled_beside_the_server_is_refused_soon() {
    let gateway = TestGateway::start(CONFIG).await;
    let operator = gateway.beside().await;
    assert!(accepted(&gateway, RIGHT).await);
    operator.accounts().lock(&reader()).await.expect("locked");
    refused_soon(&gateway, RIGHT).await;
    operator.accounts().unlock(&reader()).await.expect("unlocked");
    until("the no is forgotten", async || accepted(&gateway, RIGHT).await).await;
    operator.accounts().disable(&reader()).await.expect("disabled");
    refused_soon(&gateway, RIGHT).await;
}

#[tokio::test]
async fn an_integration_changed_beside_the_server_is_refused_soon() {
    let gateway = TestGateway::start(CONFIG).await;
    let operator = gateway.beside().await;
    assert!(accepted(&gateway, RIGHT).await);
    operator.integrations().disable(&integration()).await.expect("switched off");
    refused_soon(&gateway, RIGHT).await;
    operator.integrations().enable(&integration()).await.expect("switched on");
    until("it is let in again", async || accepted(&gateway, RIGHT).await).await;
    let secret = Secret::Given(Password::new("another secret".to_owned()));
    operator.integrations().rotate(&integration(), secret, Duration::ZERO).await.expect("rotated");
    refused_soon(&gateway, RIGHT).await;
}

#[tokio::test]
async fn a_registered_integration_is_slowed_and_never_locked_out() {
    let config = format!("{CONFIG}[slow_down]\nfree = 2\nstep = \"100ms\"\nlongest = \"200ms\"\n");
    let gateway = TestGateway::start(&config).await;
    let wrong = Post::new(ALMA, "").with("Authorization", &basic(integration().as_str(), "wrong")).bytes();
    for guess in 1..=6_u32 {
        let asked = Instant::now();
        assert_eq!(exchange(gateway.soap, &wrong).await.status(), 401);
        let least = Duration::from_millis(u64::from(guess.saturating_sub(2).min(2)) * 100);
        assert!(asked.elapsed() >= least, "guess {guess} was told too soon");
    }
    assert!(accepted(&gateway, RIGHT).await, "the right secret is let in all the same");
}
