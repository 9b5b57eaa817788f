//! What the guard does for a whole institution: who is asked, how fast, how often in a day, and who learns of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config;
use crate::fake::{FakeAlma, User, faults};
use crate::support::client::exchange;
use crate::support::clock::TestClock;
use crate::support::fake::fault::Fault;
use crate::support::gateway::{Population, TestGateway};
use crate::support::process::ServerProcess;
use crate::support::signin::{Told, register, request, sign_in, told};
use crate::support::until::until;

const PLANTED: &str = "planted-password";
/// No call may take longer.
const DEADLINE: Duration = Duration::from_secs(8);

async fn alma_with(users: usize) -> FakeAlma {
    let alma = FakeAlma::start().await;
    for user in 0..users {
        alma.add(User::new(&[&format!("user{user}")], Some("right")));
    }
    alma
}

/// A gateway whose canary has landed.
async fn start(alma: &FakeAlma, more: &str) -> TestGateway {
    let gateway = TestGateway::start(&config(alma, &format!("second_look = false\n{more}"))).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    gateway
}

/// So many sign-ins at once, each of another account: what they were told, and how long the slowest took.
async fn crowd(gateway: &TestGateway, integrations: &[&'static str], calls: usize) -> (Vec<Told>, Duration) {
    let started = Instant::now();
    let calls: Vec<_> = (0..calls)
        .map(|call| {
            let (address, integration) = (gateway.soap, integrations[call % integrations.len()]);
            tokio::spawn(async move {
                told(&exchange(address, &request(integration, &format!("nobody{call}"), "guess")).await)
            })
        })
        .collect();
    let mut all = Vec::new();
    for call in calls {
        all.push(call.await.expect("no panic"));
    }
    (all, started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identifier_leads_to_one_service_and_no_other_sees_it_whatever_that_one_says() {
    let (alma, staff) = (alma_with(1).await, FakeAlma::start().await);
    staff.add(User::new(&["a@staff.example.org"], Some("right")));
    let more = format!(
        "second_look = false\n[[identity]]\nname = \"staff\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n\
         second_look = false\n",
        staff.base_url(),
        staff.settings().api_key.expose()
    );
    let choice =
        "identity = \"alma\"\n[[institution.choice]]\nidentifiers = [\"*@staff.example.org\"]\nidentity = \"staff\"\n";
    let gateway = TestGateway::start(&config(&alma, &more).replacen("identity = \"alma\"\n", choice, 1)).await;
    for (user, password, expected) in [
        ("A@Staff.example.org", "right", Told::Yes),
        ("a@staff.example.org", "wrong", Told::No),
        ("b@staff.example.org", "wrong", Told::No),
        ("user0", "right", Told::Yes),
        ("user0", "wrong", Told::No),
        ("a@example.org", "wrong", Told::No),
    ] {
        assert_eq!(sign_in(&gateway, "demo", user, password).await, expected, "{user}");
    }
    for fault in [faults::failing(), Fault::html(), Fault::Reset] {
        staff.fault(fault);
        assert_eq!(sign_in(&gateway, "demo", "c@staff.example.org", "right").await, Told::Outage);
    }
    let own = |alma: &FakeAlma| -> Vec<String> {
        alma.presented().into_iter().filter(|name| !name.starts_with("canary-")).collect()
    };
    assert_eq!(own(&alma), ["user0", "user0", "a@example.org"]);
    assert!(own(&staff).iter().all(|name| name.ends_with("@staff.example.org")), "{:?}", own(&staff));
    assert!(own(&staff).len() >= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integration_that_is_too_fast_waits_two_seconds_at_most_and_then_there_is_no_answer() {
    let alma = alma_with(1).await;
    let fast = "requests_per_second = 100000\n[attempts]\nsource_rate = 100000\nintegration_rate = 10\n";
    let gateway = start(&alma, fast).await;
    register(&gateway, &["other"]).await;
    let asked = alma.presented().len();
    let started = Instant::now();
    let ((all, took), other) =
        tokio::join!(crowd(&gateway, &["demo"], 100), sign_in(&gateway, "other", "user0", "right"));
    assert_eq!(other, Told::Yes, "another integration is not in the way");
    let answered = all.iter().filter(|told| **told == Told::No).count();
    // Twenty at once, one, and what two seconds have room for; more came free while they arrived.
    let most = 41 + 10 * usize::try_from(started.elapsed().as_secs() + 1).expect("small");
    assert!((41..=most).contains(&answered), "{answered} in {took:?}");
    assert_eq!(all.iter().filter(|told| **told == Told::Outage).count(), 100 - answered);
    assert_eq!(alma.presented().len() - asked, answered + 1, "who may not wait is not asked about");
    assert!(took >= Duration::from_millis(1_500) && took < DEADLINE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_too_fast_waits_whichever_integrations_it_calls_as() {
    let alma = alma_with(0).await;
    let fast = "requests_per_second = 100000\n[attempts]\nsource_rate = 10\nintegration_rate = 100000\n";
    let gateway = start(&alma, fast).await;
    register(&gateway, &["other"]).await;
    let started = Instant::now();
    let (all, took) = crowd(&gateway, &["demo", "other"], 100).await;
    let answered = all.iter().filter(|told| **told == Told::No).count();
    let most = 41 + 10 * usize::try_from(started.elapsed().as_secs() + 1).expect("small");
    assert!((41..=most).contains(&answered), "{answered} in {took:?}");
    assert_eq!(all.iter().filter(|told| **told == Told::Outage).count(), 100 - answered);
    assert!(took < DEADLINE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_throttles_is_left_alone_for_everybody() {
    let alma = alma_with(10).await;
    let gateway = start(&alma, "").await;
    alma.fault(Fault::too_many(Some(2)));
    let throttled = Instant::now();
    assert_eq!(sign_in(&gateway, "demo", "user0", "right").await, Told::Outage);
    let asked = alma.requests();
    alma.fault(Fault::None);
    for user in 1..10 {
        assert_eq!(sign_in(&gateway, "demo", &format!("user{user}"), "right").await, Told::Outage);
    }
    assert!(alma.requests() == asked || throttled.elapsed() >= Duration::from_secs(2));
    until("it is asked again", async || sign_in(&gateway, "demo", "user1", "right").await == Told::Yes).await;
    assert!(throttled.elapsed() >= Duration::from_secs(2), "{:?}", throttled.elapsed());
    assert_eq!(alma.requests(), asked + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_integration_cannot_spend_the_days_questions_of_the_others() {
    // Ten are set, or forty are left as the service says; one went to the canary.
    for (more, left, of_one, of_other) in [("requests_per_day = 10", 100_000, 5, 4), ("", 40, 20, 10)] {
        let alma = alma_with(50).await;
        alma.set_remaining(left);
        let gateway = start(&alma, more).await;
        register(&gateway, &["other"]).await;
        let mut said = [Vec::new(), Vec::new()];
        for (said, integration) in said.iter_mut().zip(["demo", "other"]) {
            for user in 0..25 {
                let user = format!("user{}", user + if integration == "other" { 25 } else { 0 });
                said.push(sign_in(&gateway, integration, &user, "right").await);
            }
        }
        let yes = |said: &[Told]| said.iter().filter(|told| **told == Told::Yes).count();
        assert_eq!(yes(&said[0]), of_one, "{more}: {:?}", said[0]);
        assert!(yes(&said[1]) >= of_other, "{more}: {:?}", said[1]);
        assert!(!said.concat().contains(&Told::No), "a spent day is no refusal");
        assert_eq!(alma.requests(), 1 + yes(&said[0]) + yes(&said[1]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_yesterday_says_nothing_today() {
    let alma = alma_with(4).await;
    alma.set_remaining(2);
    let (clock, text) = (Arc::new(TestClock::default()), config(&alma, "second_look = false"));
    let gateway = TestGateway::start_at(&text, &[Population::demo()], clock.clone(), |_| {}).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    let sign_in = async |user| sign_in(&gateway, "demo", user, "right").await;
    assert_eq!(sign_in("user0").await, Told::Yes);
    assert_eq!(sign_in("user1").await, Told::Outage, "nothing is left");
    assert_eq!(alma.requests(), 2);

    clock.advance(Duration::from_hours(24));
    alma.set_remaining(100_000);
    alma.fault(faults::failing());
    assert_eq!(sign_in("user2").await, Told::Outage, "the first of the new day meets an outage");
    alma.fault(Fault::None);
    assert_eq!(sign_in("user3").await, Told::Yes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_counted_and_logged_once_without_a_secret() {
    let alma = alma_with(0).await;
    let more = "second_look = false\ntimeout = \"1s\"\nbreaker_outages = 100";
    let mut server = ServerProcess::start(&config(&alma, more), &[Population::demo()]).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    let faults = [
        (Fault::Blackhole, "timed-out"),
        (Fault::SlowBody, "timed-out"),
        (Fault::Slow(Duration::from_secs(20)), "timed-out"),
        (Fault::Reset, "unreachable"),
        (Fault::HangUp, "unreachable"),
        (faults::failing(), "unreachable"),
        (faults::routing(), "unreachable"),
        (faults::truncated_json(), "protocol"),
        (faults::wrong_content_type(), "protocol"),
        (Fault::html(), "protocol"),
        (Fault::lying_ok(), "protocol"),
        (Fault::redirect("http://127.0.0.1:1/"), "protocol"),
        (Fault::huge_body(), "protocol"),
        (Fault::too_many(Some(600)), "throttled"),
    ];
    for (number, (fault, reason)) in faults.iter().enumerate() {
        alma.fault(fault.clone());
        let reply = exchange(server.soap, &request("demo", &format!("planted-user{number}"), PLANTED)).await;
        assert_eq!(told(&reply), Told::Outage, "{fault:?} is {reason}");
    }
    let metrics = exchange(server.management, b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
    for reason in ["timed-out", "unreachable", "protocol", "throttled"] {
        let count = faults.iter().filter(|(_, expected)| *expected == reason).count();
        let line = format!("soapgate_identity_calls_total{{service=\"alma\",outcome=\"{reason}\"}} {count}");
        assert!(metrics.text().lines().any(|metric| metric == line), "{line} in {}", metrics.text());
    }
    server.end();
    let log = String::from_utf8(server.log()).expect("UTF-8");
    let lines = log.lines().filter(|line| line.contains("\"identity.no_answer\""));
    let reasons: Vec<String> = lines
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["reason"].as_str().expect("a reason").to_owned())
        .collect();
    assert_eq!(reasons, faults.map(|(_, reason)| reason.to_owned()));
    assert!(!log.contains("planted"), "a secret, or a name, is in the log");
}
