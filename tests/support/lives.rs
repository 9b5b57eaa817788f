//! Random lives of one account behind two nodes of one store, under budgets of every size: calls, crowds of them, callers
//! that hang up, a service that does not answer, changed passwords, unlocks, nodes that are started again or killed. What
//! the service may have counted as failed sign-ins stays within the budget in every window, the store knows of each of
//! them, nobody is told no because of an outage, and a day later the right password is let in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sqlx::{AnyConnection, Connection as _};

use soapgate::config::Settings;
use soapgate::domain::{AccountId, AttemptRule, Clock, DAY, Institution, IntegrationName, Password, Timestamp};
use soapgate::operator::Secret;
use soapgate::store::DatabaseUrl;

use crate::support::asked::{Asked, History};
use crate::support::client::{Connection, exchange};
use crate::support::clock::TestClock;
use crate::support::fake::fault::Fault;
use crate::support::gateway::{Population, TestGateway};
use crate::support::scribe::{Outcome, Scribe};
use crate::support::signin::{Told, request, told};
use crate::support::step::{Call, Health, Step, rule, step};
use crate::support::until::until;

const USER: &str = "reader";

struct Node {
    gateway: TestGateway,
    /// Requests that it was sent.
    sent: u64,
    /// The password that it must ask about whatever was guessed: the one last accepted, as long as it was right.
    knows: Option<u8>,
    /// Passwords that were accepted since it was started.
    accepted: BTreeSet<u8>,
    /// Guesses of which the last that it heard may be a refusal.
    refused: BTreeSet<u8>,
}

impl Node {
    fn new(gateway: TestGateway) -> Self {
        Self { gateway, sent: 0, knows: None, accepted: BTreeSet::new(), refused: BTreeSet::new() }
    }
}

struct Life {
    rule: AttemptRule,
    clock: Arc<TestClock>,
    service: Scribe,
    health: Health,
    right: u8,
    nodes: Vec<Node>,
    slots: AnyConnection,
    history: History,
    /// When the slot of the password last accepted was taken and not given back.
    own_taken: Vec<Timestamp>,
    /// Slots in the store of questions that a node was killed before it asked, or before it told how they ended.
    strays: Vec<Timestamp>,
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
    let steps = proptest::collection::vec(step(), steps).new_tree(&mut runner).expect("steps").current();
    let rule = rule().new_tree(&mut runner).expect("a rule").current();
    println!("{rule:?}");
    let mut life = Box::pin(Life::begin(rule, url, driver_url)).await;
    for (at, step) in steps.iter().enumerate() {
        println!("{at}: {step:?}");
        Box::pin(life.step(step)).await;
        life.settled().await;
        life.check();
    }
    Box::pin(life.end()).await;
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
    async fn begin(rule: AttemptRule, url: &DatabaseUrl, driver_url: &str) -> Self {
        let clock = Arc::new(TestClock::default());
        let service = Scribe::start(USER, &password(0)).await;
        let AttemptRule { per_account, per_integration, nodes, .. } = rule;
        let config = service.config(&format!(
            "[attempts]\nnodes = {nodes}\nper_account = {per_account}\nper_integration = {per_integration}\n"
        ));
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
            let gateway = TestGateway::start_apart(&config, populations, clock.clone(), tune).await;
            nodes.push(Node::new(gateway));
        }
        Self {
            rule,
            clock,
            service,
            health: Health::Fine,
            right: 0,
            nodes,
            slots: AnyConnection::connect(driver_url).await.expect("the database"),
            history: History::new(rule),
            own_taken: Vec::new(),
            strays: Vec::new(),
            marks: 0,
        }
    }

    /// A day later the service is there, and whoever knows the password is let in.
    async fn end(mut self) {
        self.step(&Step::Service(Health::Fine)).await;
        for node in 0..self.nodes.len() {
            self.clock.advance(DAY);
            let (address, bytes) = self.send(Call { node, caller: 0, guess: self.right });
            assert_eq!(told(&exchange(address, &bytes).await), Told::Yes, "the right password, a day later");
            self.note(&[Call { node, caller: 0, guess: self.right }], Heard::ByAll);
            self.settled().await;
            self.check();
        }
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
            Step::Kill(node, calls, after) => self.kill(*node, calls, Duration::from_millis(*after)).await,
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
                self.nodes.insert(*at, Node::new(gateway));
            }
            Step::Unlock => self.unlock().await,
            Step::Wait(minutes) => self.clock.advance(Duration::from_mins(u64::from(*minutes))),
        }
    }

    fn send(&mut self, call: Call) -> (std::net::SocketAddr, Vec<u8>) {
        let node = &mut self.nodes[call.node];
        node.sent += 1;
        (node.gateway.soap, request(&caller(call.caller), USER, &password(call.guess)))
    }

    async fn call(&mut self, call: Call) {
        let must_ask = self.nodes[call.node].knows == Some(call.guess) && !self.own_is_taken();
        let was_refused = self.nodes[call.node].refused.contains(&call.guess);
        let (address, bytes) = self.send(call);
        let told = told(&exchange(address, &bytes).await);
        let asked = self.note(&[call], Heard::ByAll);
        assert!(asked.len() <= 1, "one call asked twice: {asked:?}");
        match asked.first().map(|asked| asked.outcome) {
            Some(Outcome::Accepted) => assert_eq!(told, Told::Yes),
            Some(Outcome::Refused) => assert_eq!(told, Told::No),
            Some(Outcome::Unanswered) => assert_eq!(told, Told::Outage, "no answer is no refusal"),
            None => {
                assert!(!must_ask, "the password last accepted is always asked");
                assert_ne!(told, Told::Yes, "nobody else says yes");
                if told == Told::No && !was_refused {
                    let now = self.clock.now();
                    assert!(self.history.may_be_spent(call.caller, now), "nobody refused it, and no budget is spent");
                    let unknown = self.history.has_unknown_in_the_way(call.caller, now);
                    assert!(!unknown, "an outage read as a refusal");
                }
            }
        }
    }

    async fn crowd(&mut self, calls: &[Call]) {
        let before: Vec<BTreeSet<u8>> = self.nodes.iter().map(|node| node.refused.clone()).collect();
        let mut answers = tokio::task::JoinSet::new();
        for call in calls {
            let (call, (address, bytes)) = (*call, self.send(*call));
            answers.spawn(async move { (call, told(&exchange(address, &bytes).await)) });
        }
        let answers = answers.join_all().await;
        let asked = self.note(calls, Heard::ByAll);
        assert!(asked.len() <= calls.len(), "{} calls asked {} times", calls.len(), asked.len());
        for (call, told) in answers {
            assert!(told != Told::Yes || call.guess == self.right, "{call:?} was let in");
            if told == Told::Yes {
                self.nodes[call.node].knows = Some(call.guess);
            }
            if told == Told::No && !before[call.node].contains(&call.guess) {
                let was_refused =
                    asked.iter().any(|asked| asked.guess == call.guess && asked.outcome == Outcome::Refused);
                let is_spent = self.history.may_be_spent(call.caller, self.clock.now());
                assert!(was_refused || is_spent, "{call:?} was told no, and nobody refused it");
            }
        }
    }

    async fn hang_up(&mut self, call: Call) {
        self.send_and_leave(call).await;
        let node = &self.nodes[call.node];
        until("the call has ended", async || node.gateway.metric("soapgate_calls_total", "").await == node.sent).await;
        assert!(self.note(&[call], Heard::ByAll).len() <= 1, "one call asked twice");
    }

    async fn send_and_leave(&mut self, call: Call) -> Connection {
        let (address, bytes) = self.send(call);
        let mut connection = Connection::open(address).await;
        connection.send(&bytes).await;
        connection
    }

    /// Kills a node with calls under way.
    async fn kill(&mut self, at: usize, calls: &[Call], after: Duration) {
        let mut connections = Vec::new();
        for call in calls {
            connections.push(self.send_and_leave(*call).await);
        }
        tokio::time::sleep(after).await;
        let node = self.nodes.remove(at);
        let gateway = node.gateway.kill().await.start().await;
        // It may have left its own slot taken.
        if calls.iter().any(|call| node.accepted.contains(&call.guess)) {
            self.own_taken.push(self.clock.now());
        }
        self.nodes.insert(at, Node { gateway, sent: 0, knows: None, ..node });
        // What the service has read by now, it has answered after this.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = self.note(calls, Heard::Perhaps);
        assert!(asked.len() <= calls.len(), "{} calls asked {} times", calls.len(), asked.len());
        self.nodes[at].knows = None;
        (self.nodes[at].accepted, self.nodes[at].refused) = Default::default();
        let strays = self.slots().await.checked_sub(self.expected()).expect("the store knows of each question");
        assert!(strays <= calls.len(), "{strays} slots for {} calls", calls.len());
        self.strays.extend(vec![self.clock.now(); strays]);
    }

    /// Takes over what the service was asked by these calls.
    fn note(&mut self, calls: &[Call], heard: Heard) -> Vec<Asked> {
        let at = self.clock.now();
        let tries = self.service.take();
        let mut times: BTreeMap<u8, usize> = BTreeMap::new();
        let mut asked = Vec::new();
        for one in tries {
            let guess = one.password.strip_prefix("guess ").and_then(|guess| guess.parse().ok());
            let guess: u8 = guess.expect("a password of ours");
            *times.entry(guess).or_default() += 1;
            let by: Vec<&Call> = calls.iter().filter(|call| call.guess == guess).collect();
            let is_right_now = one.outcome == Outcome::Accepted;
            asked.push(Asked {
                at,
                guess,
                outcome: one.outcome,
                callers: by.iter().map(|call| call.caller).collect(),
                may_be_own: is_right_now || by.iter().any(|call| self.nodes[call.node].accepted.contains(&guess)),
                is_lost: heard == Heard::Perhaps,
            });
        }
        for asked in &asked {
            let nodes: BTreeSet<usize> =
                calls.iter().filter(|call| call.guess == asked.guess).map(|call| call.node).collect();
            let by_all = heard == Heard::ByAll && times[&asked.guess] >= nodes.len();
            for at_node in nodes {
                let node = &mut self.nodes[at_node];
                match asked.outcome {
                    Outcome::Accepted => drop(node.accepted.insert(asked.guess)),
                    Outcome::Refused => drop(node.refused.insert(asked.guess)),
                    Outcome::Unanswered => {}
                }
                if by_all && asked.outcome != Outcome::Refused {
                    node.refused.remove(&asked.guess);
                }
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
        self.history.add(&asked);
        asked
    }

    fn own_is_taken(&self) -> bool {
        self.own_taken.iter().any(|at| self.clock.now().since(*at) < self.rule.window)
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
            (node.accepted, node.refused) = Default::default();
        }
        operator.database.close().await;
        self.history.unlock();
        (self.own_taken, self.strays) = Default::default();
    }

    /// How many slots the store must hold.
    fn expected(&self) -> usize {
        let now = self.clock.now();
        self.history.counted(DAY, now).count() + self.strays.iter().filter(|at| now.since(**at) < DAY).count()
    }

    /// How many slots the store holds.
    async fn slots(&mut self) -> usize {
        let since = self.clock.now().before(DAY).as_millis();
        let counted = sqlx::query_scalar("SELECT COUNT(*) FROM attempt_slot WHERE at > $1").bind(since);
        let counted: i64 = counted.fetch_one(&mut self.slots).await.expect("counted");
        usize::try_from(counted).expect("a count")
    }

    /// Waits until the store knows what became of every question: it holds a slot for each one that counts, and none
    /// for any other.
    async fn settled(&mut self) {
        let expected = self.expected();
        until("the store has one slot for each question that counts", async || self.slots().await == expected).await;
    }

    fn check(&self) {
        self.history.check(self.clock.now(), self.own_taken.len());
    }
}

/// Whether whoever asked heard what the service said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    ByAll,
    Perhaps,
}
