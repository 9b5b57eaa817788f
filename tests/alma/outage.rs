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

/// How a service is away.
#[derive(Clone, Copy, Debug)]
enum Away {
    /// It fails, in four ways one after the other.
    Failing,
    /// It refuses connections.
    Refusing,
    /// It takes requests and says nothing.
    Silent,
}

impl Away {
    /// Has it away for so long, and back again.
    async fn pass(self, alma: &FakeAlma, away: Duration) {
        match self {
            Self::Failing => {
                for fault in [faults::failing(), Fault::Reset, Fault::too_many(None), Fault::html()] {
                    alma.fault(fault);
                    tokio::time::sleep(away / 4).await;
                }
            }
            Self::Refusing => {
                alma.close();
                tokio::time::sleep(away).await;
            }
            Self::Silent => {
                alma.fault(Fault::Blackhole);
                tokio::time::sleep(away).await;
            }
        }
    }

    fn end(self, alma: &FakeAlma) {
        match self {
            Self::Failing | Self::Silent => alma.fault(Fault::None),
            Self::Refusing => alma.open(),
        }
    }
}

/// Eight callers sign in again and again while the service is away, all of them as one of so many users. Tells how it went.
async fn pass(kind: Away, users: usize) -> String {
    let alma = FakeAlma::start().await;
    for user in 0..users {
        alma.add(User::new(&[&format!("user{user}")], Some("right")));
    }
    // Half a minute with the usual ten seconds between probes, or a tenth of both; no less of a question's own time.
    let (away, probe) = if std::env::var_os("SOAPGATE_OUTAGE_WHOLE").is_some() {
        (Duration::from_secs(30), Duration::from_secs(10))
    } else {
        (Duration::from_secs(3), Duration::from_secs(1))
    };
    let more = format!("breaker_probe = \"{}s\"\ntimeout = \"{}ms\"", probe.as_secs(), probe.as_millis() / 2);
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
                    let user = format!("user{}", (caller * 5 + call) % users);
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
    kind.pass(&alma, away).await;
    let others = others.end(away / 4, away).await;
    assert!(gateway.metric("soapgate_identity_calls_total", "held-back").await > 0, "it is left alone");
    let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(health.status() == 200 && health.text().contains("\"degraded\""), "{}", health.text());
    kind.end(&alma);
    let back = Instant::now();
    until("it is found again", async || sign_in(&gateway, "demo", "user0", "right").await == Told::Yes).await;
    let back = back.elapsed();
    // A probe goes by itself; who is asked about then is known.
    assert!(back <= probe + Duration::from_secs(2), "{back:?}");
    ended.store(true, Ordering::Relaxed);
    for caller in callers {
        let (yes, outages, slowest) = caller.await.expect("nobody was told no");
        assert!(yes + outages > 0);
        assert!(slowest < CALL_TIME, "a call outlived its deadline: {slowest:?}");
    }
    let ready = exchange(gateway.management, b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(ready.status(), 200, "an outage never turns readiness");
    let how = format!("away for {away:?}, found again after {back:?}, with a probe every {probe:?}");
    format!("{kind:?}, {users} users: {how}; another institution: {others}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_under_load_tells_nobody_no_and_harms_no_other_institution() {
    println!("{}", pass(Away::Failing, 40).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_refuses_connections_or_is_silent_is_found_again() {
    for kind in [Away::Refusing, Away::Silent] {
        println!("{}", pass(kind, 40).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_with_one_account_alone_is_over_for_it_as_soon() {
    for kind in [Away::Failing, Away::Refusing, Away::Silent] {
        println!("{}", pass(kind, 1).await);
    }
}
