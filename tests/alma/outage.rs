//! A service that is away under load: every call is answered in time, none is told "no", and it is found again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config;
use crate::fake::{FakeAlma, User, faults};
use crate::support::client::exchange;
use crate::support::fake::fault::Fault;
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, authenticate_envelope};
use crate::support::signin::{Told, request, sign_in, told};
use crate::support::until::until;

const OTHERS: &str = r#"
[[identity]]
name = "accounts"
kind = "embedded"
[[institution]]
code = "02OTHER"
identity = "accounts"
[[route]]
contract = "authenticate"
institution = "02OTHER"
integration = "none"
"#;

/// How long a call may take.
const CALL_TIME: Duration = Duration::from_secs(8);

/// Calls of another institution, one after the other, beside those of the one whose service goes away.
struct Others {
    is_away: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    /// How long each took, before and while the service is away.
    calling: JoinHandle<[Vec<Duration>; 2]>,
}

impl Others {
    fn begin(address: SocketAddr) -> Self {
        let (is_away, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let calling = tokio::spawn({
            let (is_away, ended) = (Arc::clone(&is_away), Arc::clone(&ended));
            async move {
                let mut took = [Vec::new(), Vec::new()];
                while !ended.load(Ordering::SeqCst) {
                    let part = usize::from(is_away.load(Ordering::SeqCst));
                    let user = format!("nobody{}", took[part].len());
                    let asked = Instant::now();
                    let post = Post::new("/soap/authenticate", authenticate_envelope(&user, "x"));
                    let reply = exchange(address, &post.bytes()).await;
                    assert!(reply.status() == 200 && reply.text().contains(">false<"), "{}", reply.text());
                    took[part].push(asked.elapsed());
                }
                took
            }
        });
        Self { is_away, ended, calling }
    }

    /// Every call was answered in time, and not many fewer than before. Tells how many.
    async fn end(self, before: Duration, away: Duration) -> String {
        self.ended.store(true, Ordering::SeqCst);
        let took = self.calling.await.expect("every call was answered");
        let slowest = took.iter().flatten().max().copied().unwrap_or_default();
        let per_second = |took: &[Duration], span: Duration| {
            f64::from(u32::try_from(took.len()).expect("not so many")) / span.as_secs_f64()
        };
        let (of_before, of_away) = (per_second(&took[0], before), per_second(&took[1], away));
        assert!(slowest < CALL_TIME, "a call outlived its deadline: {slowest:?}");
        let text = format!("{of_before:.0} calls a second before, {of_away:.0} while it is away, slowest {slowest:?}");
        assert!(of_before > 0.0 && of_away >= of_before / 5.0, "{text}");
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_under_load_tells_nobody_no_and_harms_no_other_institution() {
    let alma = FakeAlma::start().await;
    for user in 0..40 {
        alma.add(User::new(&[&format!("user{user}")], Some("right")));
    }
    // Half a minute with the usual ten seconds between probes, or a tenth of both.
    let (away, probe) = if std::env::var_os("SOAPGATE_OUTAGE_WHOLE").is_some() {
        (Duration::from_secs(30), Duration::from_secs(10))
    } else {
        (Duration::from_secs(3), Duration::from_secs(1))
    };
    let more = format!("breaker_probe = \"{}s\"", probe.as_secs());
    let gateway = TestGateway::start_tuned(&format!("{}{OTHERS}", config(&alma, &more)), |settings| {
        settings.cache.ttl = Duration::ZERO;
    })
    .await;
    assert_eq!(sign_in(&gateway, "demo", "user0", "right").await, Told::Yes);
    let ended = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (address, ended) = (gateway.soap, Arc::clone(&ended));
            tokio::spawn(async move {
                let (mut yes, mut outages, mut slowest) = (0, 0, Duration::ZERO);
                for call in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let user = format!("user{}", (caller * 5 + call) % 40);
                    let asked = Instant::now();
                    match told(&exchange(address, &request("demo", &user, "right")).await) {
                        Told::Yes => yes += 1,
                        Told::Outage => outages += 1,
                        Told::No => panic!("an outage was told as a no"),
                    }
                    slowest = slowest.max(asked.elapsed());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (yes, outages, slowest)
            })
        })
        .collect();
    let others = Others::begin(gateway.soap);
    tokio::time::sleep(away / 4).await;
    others.is_away.store(true, Ordering::SeqCst);
    for fault in [faults::failing(), Fault::Reset, Fault::too_many(None), Fault::html()] {
        alma.fault(fault);
        tokio::time::sleep(away / 4).await;
    }
    println!("another institution: {}", others.end(away / 4, away).await);
    assert!(gateway.metric("soapgate_identity_calls_total", "held-back").await > 0, "it is left alone");
    let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(health.status() == 200 && health.text().contains("\"degraded\""), "{}", health.text());
    alma.fault(Fault::None);
    let back = Instant::now();
    until("it is found again", async || sign_in(&gateway, "demo", "user1", "right").await == Told::Yes).await;
    println!("away for {away:?}, found again after {:?}, with a probe every {probe:?}", back.elapsed());
    // The probe goes with the next question, which comes at once under load.
    assert!(back.elapsed() <= probe + Duration::from_secs(2), "{:?}", back.elapsed());
    ended.store(true, Ordering::Relaxed);
    for caller in callers {
        let (yes, outages, slowest) = caller.await.expect("nobody was told no");
        assert!(yes + outages > 0);
        assert!(slowest < CALL_TIME, "a call outlived its deadline: {slowest:?}");
    }
    let ready = exchange(gateway.management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(ready.status(), 200, "an outage never turns readiness");
}

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
    assert_eq!(gateway.metric("soapgate_identity_calls_total", "canary").await, 4);
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
