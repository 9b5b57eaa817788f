//! Random lives of one account behind two nodes of one store: calls, crowds of them, callers that hang up, a service
//! that does not answer, changed passwords, unlocks, nodes that are started again. What the service may have counted as
//! failed sign-ins stays within the budget in every window, and the store knows of each of them and of no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sqlx::{AnyConnection, Connection as _};

use soapgate::config::Settings;
use soapgate::domain::{AccountId, Clock, DAY, Institution, IntegrationName, Password, Timestamp};
use soapgate::operator::Secret;
use soapgate::store::DatabaseUrl;

use crate::support::client::{Connection, exchange};
use crate::support::fake::fault::Fault;
use crate::support::gateway::{Population, TestGateway};
use crate::support::scribe::{Outcome, Scribe};
use crate::support::signin::{Told, request, told};
use crate::support::until::until;

const USER: &str = "reader";
const WINDOW: Duration = Duration::from_mins(30);
const PER_ACCOUNT: usize = 10;
const PER_DAY: usize = 40;

/// A sign-in through one of two nodes.
#[derive(Clone, Copy, Debug)]
struct Call {
    node: usize,
    caller: u8,
    guess: u8,
}

#[derive(Clone, Debug)]
enum Step {
    /// Somebody signs in and hears the answer.
    Call(Call),
    /// Somebody changes the password at the service.
    Change(u8),
    /// Many sign in at once.
    Crowd(Vec<Call>),
    /// Somebody signs in and does not wait for the answer.
    HangUp(Call),
    /// The service goes wrong from now on, or is mended.
    Service(Health),
    /// A node is started again.
    Restart(usize),
    /// An operator unlocks the account.
    Unlock,
    /// Minutes go by.
    Wait(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Failing,
    Fine,
    Silent,
    Slow,
}

fn call() -> impl Strategy<Value = Call> {
    (0..2_usize, 0..6_u8, 0..16_u8).prop_map(|(node, caller, guess)| Call { node, caller, guess })
}

fn step() -> impl Strategy<Value = Step> {
    let health = prop_oneof![
        2 => Just(Health::Failing), 6 => Just(Health::Fine), 1 => Just(Health::Silent), 2 => Just(Health::Slow),
    ];
    prop_oneof![
        40 => call().prop_map(Step::Call),
        3 => (0..16_u8).prop_map(Step::Change),
        8 => prop::collection::vec(call(), 2..8).prop_map(Step::Crowd),
        6 => call().prop_map(Step::HangUp),
        6 => health.prop_map(Step::Service),
        2 => (0..2_usize).prop_map(Step::Restart),
        1 => Just(Step::Unlock),
        12 => (0..25_u8).prop_map(Step::Wait),
    ]
}

/// A clock that moves when it is told to.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A question that reached the service.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Timestamp,
    guess: u8,
    outcome: Outcome,
}

struct Node {
    gateway: TestGateway,
    /// Calls that were sent to it since it started.
    sent: u64,
    /// The password that it last saw accepted.
    knows: Option<u8>,
}

struct Life {
    clock: Arc<TestClock>,
    service: Scribe,
    health: Health,
    right: u8,
    nodes: Vec<Node>,
    slots: AnyConnection,
    asked: Vec<Asked>,
    /// How many of them an unlock has voided.
    void: usize,
    /// When the slot of a password last accepted was taken and not given back.
    own_taken: Vec<Timestamp>,
    marks: usize,
}

/// Lives one life of `steps` steps on the database of `url`, which the driver calls `driver_url`. The same `seed` gives
/// the same steps.
#[expect(clippy::print_stdout, reason = "shown when a life fails")]
pub(crate) async fn live(seed: u64, steps: usize, url: &DatabaseUrl, driver_url: &str) {
    println!("a life of {steps} steps with seed {seed}");
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &key));
    let steps = prop::collection::vec(step(), steps).new_tree(&mut runner).expect("steps").current();
    let mut life = Life::begin(url, driver_url).await;
    for (at, step) in steps.iter().enumerate() {
        println!("{at}: {step:?}");
        life.step(step).await;
        life.settled().await;
        life.check();
    }
    life.end().await;
}

fn password(guess: u8) -> String {
    format!("guess {guess}")
}

fn caller(number: u8) -> String {
    format!("caller{number}")
}

fn account() -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), USER).expect("an identifier")
}

impl Life {
    async fn begin(url: &DatabaseUrl, driver_url: &str) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000)));
        let service = Scribe::start(USER, &password(0)).await;
        let config = service.config("[attempts]\nnodes = 2\n");
        let integrations: String = (0..6)
            .map(|number| {
                let name = format!("AlmaSDK-{}-institutionCode-01DEMO_INST", caller(number));
                format!("[[integration]]\nname = \"{name}\"\nsecret = \"integration-demo\"\n")
            })
            .collect::<Vec<_>>()
            .concat();
        let population = Population::read(&format!("institution = \"01DEMO_INST\"\n{integrations}"));
        let tune = |settings: &mut Settings| {
            settings.database_url = url.clone();
            settings.cache.ttl = Duration::ZERO;
            // What a slow machine does to these is not what is looked at here.
            settings.shield.store_wait = Duration::from_secs(10);
            settings.shield.rates.per_source = 100_000;
            settings.shield.rates.per_integration = 100_000;
            settings.identities[0].guard.outages = u32::MAX;
            settings.identities[0].timeout = Duration::from_millis(400);
        };
        let mut nodes = Vec::new();
        for populations in [std::slice::from_ref(&population), &[]] {
            let gateway = TestGateway::start_at(&config, populations, clock.clone(), tune).await;
            nodes.push(Node { gateway, sent: 0, knows: None });
        }
        Self {
            clock,
            service,
            health: Health::Fine,
            right: 0,
            nodes,
            slots: AnyConnection::connect(driver_url).await.expect("the database"),
            asked: Vec::new(),
            void: 0,
            own_taken: Vec::new(),
            marks: 0,
        }
    }

    async fn end(self) {
        for node in self.nodes {
            assert_eq!(node.gateway.metric("soapgate_attempts_alone", "").await, 0, "the store was never away");
            node.gateway.server.stop().await.expect("it stops");
        }
        self.slots.close().await.expect("closed");
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Call(call) => self.call(*call).await,
            Step::Change(guess) => {
                self.right = *guess;
                self.service.set_password(&password(*guess));
            }
            Step::Crowd(calls) => self.crowd(calls).await,
            Step::HangUp(call) => self.hang_up(*call).await,
            Step::Service(health) => {
                self.health = *health;
                self.service.fault(match health {
                    Health::Failing => Fault::raw("500 Internal Server Error", "application/json", "{}"),
                    Health::Fine => Fault::None,
                    Health::Silent => Fault::Blackhole,
                    Health::Slow => Fault::Slow(Duration::from_millis(30)),
                });
            }
            Step::Restart(at) => {
                let node = self.nodes.remove(*at);
                let gateway = node.gateway.restart().await;
                self.nodes.insert(*at, Node { gateway, sent: 0, knows: None });
            }
            Step::Unlock => self.unlock().await,
            Step::Wait(minutes) => {
                self.clock.0.fetch_add(i64::from(*minutes) * 60_000, Ordering::SeqCst);
            }
        }
    }

    fn send(&mut self, call: Call) -> (std::net::SocketAddr, Vec<u8>) {
        let node = &mut self.nodes[call.node];
        node.sent += 1;
        (node.gateway.soap, request(&caller(call.caller), USER, &password(call.guess)))
    }

    async fn call(&mut self, call: Call) {
        let must_ask = self.nodes[call.node].knows == Some(call.guess) && !self.own_is_taken();
        let (address, bytes) = self.send(call);
        let told = told(&exchange(address, &bytes).await);
        let asked = self.note(&[call]);
        assert!(asked.len() <= 1, "one call asked twice: {asked:?}");
        match asked.first().map(|asked| asked.outcome) {
            Some(Outcome::Accepted) => assert_eq!(told, Told::Yes),
            Some(Outcome::Refused) => assert_eq!(told, Told::No),
            Some(Outcome::Unanswered) => assert_eq!(told, Told::Outage, "no answer is no refusal"),
            None => {
                assert!(!must_ask, "the password last accepted is always asked");
                assert_ne!(told, Told::Yes, "nobody else says yes");
                let was_refused = self.asked.iter().any(|asked| asked.outcome == Outcome::Refused);
                assert!(told == Told::Outage || was_refused, "nobody was ever refused");
            }
        }
    }

    async fn crowd(&mut self, calls: &[Call]) {
        let mut answers = tokio::task::JoinSet::new();
        for call in calls {
            let (call, (address, bytes)) = (*call, self.send(*call));
            answers.spawn(async move { (call, told(&exchange(address, &bytes).await)) });
        }
        let answers = answers.join_all().await;
        let asked = self.note(calls);
        assert!(asked.len() <= calls.len(), "{} calls asked {} times", calls.len(), asked.len());
        for (call, told) in answers {
            assert!(told != Told::Yes || call.guess == self.right, "{call:?} was let in");
            if told == Told::Yes {
                self.nodes[call.node].knows = Some(call.guess);
            }
        }
    }

    async fn hang_up(&mut self, call: Call) {
        let (address, bytes) = self.send(call);
        let mut connection = Connection::open(address).await;
        connection.send(&bytes).await;
        drop(connection);
        let node = &self.nodes[call.node];
        until("the call has ended", async || node.gateway.metric("soapgate_calls_total", "").await == node.sent).await;
        assert!(self.note(&[call]).len() <= 1, "one call asked twice");
    }

    /// Takes over what the service was asked by these calls.
    fn note(&mut self, calls: &[Call]) -> Vec<Asked> {
        let at = self.clock.now();
        let asked: Vec<Asked> = self
            .service
            .take()
            .into_iter()
            .map(|asked| {
                let guess = asked.password.strip_prefix("guess ").and_then(|guess| guess.parse().ok());
                Asked { at, guess: guess.expect("a password of ours"), outcome: asked.outcome }
            })
            .collect();
        for asked in &asked {
            for call in calls.iter().filter(|call| call.guess == asked.guess) {
                let node = &mut self.nodes[call.node];
                match asked.outcome {
                    Outcome::Accepted if calls.len() == 1 => node.knows = Some(asked.guess),
                    Outcome::Refused | Outcome::Unanswered if node.knows == Some(asked.guess) => {
                        node.knows = None;
                        self.own_taken.push(at);
                    }
                    Outcome::Accepted | Outcome::Refused | Outcome::Unanswered => {}
                }
            }
        }
        self.asked.extend(&asked);
        asked
    }

    fn own_is_taken(&self) -> bool {
        self.own_taken.iter().any(|at| self.clock.now().since(*at) < WINDOW)
    }

    /// Unlocks the account, and waits until both nodes know: of an integration that was registered after it they have
    /// learned by the same feed.
    async fn unlock(&mut self) {
        let operator = self.nodes[0].gateway.beside().await;
        operator.accounts().clear_attempts(&account()).await.expect("cleared");
        self.marks += 1;
        let mark = format!("mark{}", self.marks);
        let name = IntegrationName::parse(&format!("AlmaSDK-{mark}-institutionCode-01DEMO_INST")).expect("a name");
        let secret = Secret::Given(Password::new("integration-demo".to_owned()));
        operator.integrations().add(&name, secret).await.expect("registered");
        for node in &mut self.nodes {
            until("the node has heard of it", async || {
                node.sent += 1;
                exchange(node.gateway.soap, &request(&mark, "", "")).await.status() == 200
            })
            .await;
            node.knows = None;
        }
        operator.database.close().await;
        (self.void, self.own_taken) = (self.asked.len(), Vec::new());
    }

    /// What the service may have counted as failed sign-ins in the last `span`, but for what was unlocked.
    fn counted(&self, span: Duration) -> impl Iterator<Item = &Asked> {
        let now = self.clock.now();
        let counts = move |asked: &&Asked| asked.outcome != Outcome::Accepted && now.since(asked.at) < span;
        self.asked[self.void..].iter().filter(counts)
    }

    /// Waits until the store knows what became of every question: it holds a slot for each one that counts, and none
    /// for any other.
    async fn settled(&mut self) {
        let expected = i64::try_from(self.counted(DAY).count()).expect("few");
        let since = self.clock.now().before(DAY).as_millis();
        let slots = &mut self.slots;
        until("the store has one slot for each question that counts", async || {
            let counted = sqlx::query_scalar("SELECT COUNT(*) FROM attempt_slot WHERE at > $1").bind(since);
            let counted: i64 = counted.fetch_one(&mut *slots).await.expect("counted");
            counted == expected
        })
        .await;
    }

    fn check(&self) {
        let in_window = self.counted(WINDOW).count();
        assert!(in_window <= PER_ACCOUNT + 1, "{in_window} in a window: {:?}", self.asked);
        let last = self.asked.iter().rfind(|asked| asked.outcome == Outcome::Accepted).map(|asked| asked.at);
        let today = self.counted(DAY).filter(|asked| last.is_none_or(|last| asked.at > last)).count();
        assert!(today <= PER_DAY + self.own_taken.len(), "{today} in a day: {:?}", self.asked);
    }
}
