//! Random accounts: whom they are asked of, and what becomes of a route where one is let in.

use std::time::{Duration, Instant};

use crate::config;
use crate::fake::FakeAlma;
use crate::support::client::exchange;
use crate::support::fake::fault::Fault;
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, sign_in};
use crate::support::until::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_goes_the_way_of_its_route_to_every_service_of_its_institution() {
    let (alma, staff) = (FakeAlma::start().await, FakeAlma::start().await);
    let more = format!(
        "[[identity]]\nname = \"staff\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n",
        staff.base_url(),
        staff.settings().api_key.expose()
    );
    let choice =
        "identity = \"alma\"\n[[institution.choice]]\nidentifiers = [\"*@staff.example.org\"]\nidentity = \"staff\"\n";
    let routes = "[[route]]\ncontract = \"authenticate\"\ninstitution = \"01DEMO_INST\"\nintegration = \"none\"\naccount = [\"token\"]\n";
    let text = config(&alma, &more).replacen("identity = \"alma\"\n", choice, 1) + routes;
    let gateway = TestGateway::start(&text).await;
    until("both routes have sent theirs", async || alma.presented().len() + staff.presented().len() == 4).await;
    assert!(alma.presented().iter().all(|name| name.starts_with("canary-") && !name.contains('@')));
    assert!(staff.presented().iter().all(|name| name.starts_with("canary-") && name.ends_with("@staff.example.org")));
    until("all are counted", async || gateway.metric("soapgate_identity_calls_total", "canary").await == 4).await;
    assert_eq!(gateway.metric("soapgate_attempts_spent_total", "").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_its_route_would_not_send_is_lost_and_not_asked_about() {
    let (alma, staff) = (FakeAlma::start().await, FakeAlma::start().await);
    let more = format!(
        "[[identity]]\nname = \"staff\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n",
        staff.base_url(),
        staff.settings().api_key.expose()
    );
    let choosing = |identifiers: &str| {
        let choice = format!(
            "identity = \"alma\"\n[[institution.choice]]\nidentifiers = [{identifiers}]\nidentity = \"staff\"\n"
        );
        config(&alma, &more).replacen("identity = \"alma\"\n", &choice, 1)
    };
    let health = async |gateway: &TestGateway| {
        exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.text().to_owned()
    };
    let gateway = TestGateway::start(&choosing("\"boss\"")).await;
    until("it is said", async || health(&gateway).await.contains("staff: no random identifier leads to it")).await;
    assert_eq!((alma.presented().len(), staff.presented().len()), (1, 0));
    let ready = exchange(gateway.management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(ready.status(), 200, "it is degraded, nothing more");

    let gateway = TestGateway::start(&choosing("\"canary-*\"")).await;
    until("both have theirs", async || alma.presented().len() + staff.presented().len() == 3).await;
    assert!(!alma.presented()[1].starts_with("canary-"), "another shape leads to the other one");
    drop(gateway);

    let gateway = TestGateway::start_tuned(&choosing("\"*@x\""), |settings| settings.routes[0].limits.depth = 2).await;
    until("it is said", async || health(&gateway).await.contains("does not read a sign-in")).await;
    assert_eq!((alma.presented().len(), staff.presented().len()), (2, 1), "nobody is asked without the route");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_stands_wherever_its_route_takes_credentials() {
    let alma = FakeAlma::start().await;
    let route = "[[route]]\ncontract = \"authenticate\"\ninstitution = \"01DEMO_INST\"\nintegration = \"none\"\n\
                 account = [\"token\", \"body\", \"basic\"]\n";
    let gateway = TestGateway::start(&(config(&alma, "") + route)).await;
    until("all have landed", async || gateway.metric("soapgate_identity_calls_total", "canary").await == 4).await;
    assert_eq!(alma.presented().len(), 4, "one of Alma's own route, three of the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_lets_a_random_account_in_takes_its_route_out_of_service() {
    let alma = FakeAlma::start().await;
    alma.fault(Fault::Raw("HTTP/1.1 204 No Content\r\n\r\n".to_owned()));
    let mut gateway = TestGateway::start(&config(&alma, "")).await;
    let management = gateway.management;
    let readyz = async || exchange(management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    until("the canary is noticed", async || readyz().await.text().contains("a canary was let in")).await;
    assert_eq!(sign_in(&gateway, "demo", "anybody", "anything").await, Told::Outage);
    let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(health.status() == 503 && health.text().contains("\"failed\""), "{}", health.text());

    alma.fault(Fault::Blackhole);
    gateway.reload(&config(&alma, ""));
    assert_eq!(sign_in(&gateway, "demo", "anybody", "anything").await, Told::Outage, "a reload lets nobody in");
    alma.fault(Fault::None);
    gateway.reload(&config(&alma, "breaker_probe = \"1s\""));
    until("a canary was refused", async || readyz().await.status() == 200).await;
    until("it is served again", async || sign_in(&gateway, "demo", "anybody", "anything").await == Told::No).await;
}

/// A configuration with one institution and one service for each of these, with so much time for a question.
fn many(almas: &[FakeAlma], timeout: Duration) -> String {
    let listeners =
        ["server", "console", "management"].map(|name| format!("{name} = {{ listen = \"127.0.0.1:0\" }}\n"));
    let services = almas.iter().enumerate().map(|(number, alma)| {
        format!(
            "[[identity]]\nname = \"alma{number}\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n\
             timeout = \"{}ms\"\n[[institution]]\ncode = \"0{}DEMO_INST\"\nidentity = \"alma{number}\"\n",
            alma.base_url(),
            alma.settings().api_key.expose(),
            timeout.as_millis(),
            number + 1,
        )
    });
    let route = "[[route]]\ncontract = \"alma\"\n".to_owned();
    listeners.into_iter().chain(services).chain([route]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_are_silent_keep_readiness_no_longer_than_one_of_them() {
    let mut took = Vec::new();
    for count in [1, 6] {
        let mut almas = Vec::new();
        for _ in 0..count {
            let alma = FakeAlma::start().await;
            alma.fault(Fault::Blackhole);
            almas.push(alma);
        }
        let gateway = TestGateway::start(&many(&almas, Duration::from_secs(1))).await;
        let started = Instant::now();
        until("they have landed", async || {
            exchange(gateway.management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await.status() == 200
        })
        .await;
        took.push(started.elapsed());
        assert!(almas.iter().all(|alma| alma.requests() == 1), "each was asked");
    }
    assert!(took[1] < took[0] * 3, "one after the other would be six times as long: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_is_let_in_takes_its_route_out_while_others_are_under_way() {
    let almas = [FakeAlma::start().await, FakeAlma::start().await];
    almas[0].fault(Fault::Raw("HTTP/1.1 204 No Content\r\n\r\n".to_owned()));
    almas[1].fault(Fault::Blackhole);
    let gateway = TestGateway::start(&many(&almas, Duration::from_secs(5))).await;
    until("one has landed", async || {
        let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
        health.text().contains("alma0 let a random account in")
    })
    .await;
    assert_eq!(sign_in(&gateway, "demo", "anybody", "anything").await, Told::Outage);
    let ready = exchange(gateway.management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(ready.text().contains("the first canaries are under way"), "{}", ready.text());
}
