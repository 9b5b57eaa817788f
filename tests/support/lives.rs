//! Random lives of one account behind two nodes of one store, under budgets of every size: calls, crowds of them, callers
//! that hang up, a service that is slow or does not answer, changed passwords, unlocks, a store that is slow, nodes that
//! are started again or killed. What the service may have counted as failed sign-ins stays within the budget in every
//! window, the store knows of each of them, nobody is told no because of an outage, and a day later the right password is
//! let in. Where sign-ins do not wait for a slow store, nodes count alone meanwhile, and what is promised then is less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sqlx::{AnyConnection, Connection as _, Executor as _};

use soapgate::domain::{AttemptRule, Clock, DAY, IntegrationName, Password, Timestamp};
use soapgate::operator::Secret;
use soapgate::store::DatabaseUrl;

use crate::support::asked::{Asked, History};
use crate::support::client::{Connection, exchange};
use crate::support::clock::TestClock;
use crate::support::fake::fault::Fault;
use crate::support::pair::{LATEST, Node, Patience, USER, account, caller, password, start_pair};
use crate::support::scribe::{Outcome, Scribe};
use crate::support::signin::{Told, request, told};
use crate::support::step::{Call, Health, Step, rule, step};
use crate::support::until::until;

/// Has every write of attempts wait, on either kind of database.
const HOLD: &str = "BEGIN; UPDATE attempt_account SET touched_at = touched_at";

struct Life {
    rule: AttemptRule,
    patience: Patience,
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
    let patience = if seed % 4 == 3 { Patience::Short } else { Patience::Long };
    println!("a life of {steps} steps with seed {seed}, patience {patience:?}");
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &key));
    let steps = proptest::collection::vec(step(), steps).new_tree(&mut runner).expect("steps").current();
    let rule = rule().new_tree(&mut runner).expect("a rule").current();
    println!("{rule:?}");
    let mut life = Box::pin(Life::begin(rule, patience, url, driver_url)).await;
    for (at, step) in steps.iter().enumerate() {
        println!("{at}: {step:?}");
        Box::pin(life.step(step)).await;
        life.settled().await;
        life.check();
    }
    Box::pin(life.end()).await;
}

impl Life {
    async fn begin(rule: AttemptRule, patience: Patience, url: &DatabaseUrl, driver_url: &str) -> Self {
        let clock = Arc::new(TestClock::default());
        let service = Scribe::start(USER, &password(0)).await;
        let nodes = start_pair(&rule, patience, &service, &clock, url).await;
        Self {
            rule,
            patience,
            clock,
            service,
            health: Health::Fine,
            right: 0,
            nodes,
            slots: AnyConnection::connect(driver_url).await.expect("the database"),
            history: History::new(rule, patience),
            own_taken: Vec::new(),
            strays: Vec::new(),
            marks: 0,
        }
    }

    /// A day later the service is there, and whoever knows the password is let in.
    async fn end(mut self) {
        self.step(&Step::Service(Health::Fine)).await;
        for node in 0..self.nodes.len() {
            self.clock.advance(DAY + LATEST);
            let (address, bytes) = self.send(Call { node, caller: 0, guess: self.right });
            match self.patience {
                Patience::Long => assert_eq!(told(&exchange(address, &bytes).await), Told::Yes, "a day later"),
                // A share may be nothing.
                Patience::Short => {
                    until("it is let in", async || told(&exchange(address, &bytes).await) == Told::Yes).await;
                }
            }
            self.note(&[Call { node, caller: 0, guess: self.right }], Heard::ByAll);
            self.settled().await;
            self.check();
        }
        for node in self.nodes {
            assert_eq!(node.gateway.metric("soapgate_attempts_alone", "").await, 0, "the store is not away");
            node.gateway.server.stop().await.expect("it stops");
        }
        self.slots.close().await.expect("closed");
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Call(call) => self.call(*call, 0).await,
            Step::Change(guess) => {
                self.right = *guess;
                self.service.set_password(&password(*guess));
            }
            Step::Crowd(calls) => self.crowd(calls, Store::Answers).await,
            Step::HangUp(call) => self.hang_up(*call).await,
            // What a node counted alone is gone with it.
            Step::Kill(at, ..) if self.patience == Patience::Short => self.restart(*at).await,
            Step::Kill(node, calls, after) => self.kill(*node, calls, Duration::from_millis(*after)).await,
            Step::Late(call, seconds) => self.call(*call, *seconds).await,
            Step::Service(health) => {
                self.health = *health;
                self.service.fault(match health {
                    Health::Failing => Fault::raw("500 Internal Server Error", "application/json", "{}"),
                    Health::Fine => Fault::None,
                    Health::Silent => Fault::Blackhole,
                    Health::Slow => Fault::Slow(Duration::from_millis(30)),
                });
            }
            Step::Restart(at) => self.restart(*at).await,
            Step::SlowStore(calls) => self.crowd(calls, Store::IsSlow).await,
            Step::Unlock => self.unlock().await,
            Step::Wait(minutes) => self.clock.advance(Duration::from_mins(u64::from(*minutes))),
        }
    }

    async fn restart(&mut self, at: usize) {
        let node = self.nodes.remove(at);
        let gateway = node.gateway.restart().await;
        self.nodes.insert(at, Node::new(gateway));
    }

    fn send(&mut self, call: Call) -> (std::net::SocketAddr, Vec<u8>) {
        let node = &mut self.nodes[call.node];
        node.sent += 1;
        (node.gateway.soap, request(&caller(call.caller), USER, &password(call.guess)))
    }

    /// Signs in; the clock moves on meanwhile.
    async fn call(&mut self, call: Call, seconds: u8) {
        // A node that counts alone may not know that the slot of its own was given back on another.
        let must_ask = self.patience == Patience::Long
            && self.nodes[call.node].knows == Some(call.guess)
            && !self.own_may_be_taken();
        let before = self.clock.now();
        let was_refused = self.nodes[call.node].refused.contains(&call.guess);
        let (address, bytes) = self.send(call);
        let moves = async {
            tokio::time::sleep(Duration::from_millis(u64::from(seconds))).await;
            self.clock.advance(Duration::from_secs(u64::from(seconds)));
        };
        let (reply, ()) = tokio::join!(exchange(address, &bytes), moves);
        let told = told(&reply);
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
                    assert!(
                        self.history.may_be_spent(call.caller, before),
                        "nobody refused it, and no budget is spent"
                    );
                    let unknown = self.history.has_unknown_in_the_way(call.caller, self.clock.now());
                    assert!(!unknown, "an outage read as a refusal");
                }
            }
        }
    }

    async fn crowd(&mut self, calls: &[Call], store: Store) {
        if store == Store::IsSlow {
            self.slots.execute(HOLD).await.expect("nobody else writes for long");
        }
        let before: Vec<BTreeSet<u8>> = self.nodes.iter().map(|node| node.refused.clone()).collect();
        let mut answers = tokio::task::JoinSet::new();
        for call in calls {
            let (call, (address, bytes)) = (*call, self.send(*call));
            answers.spawn(async move { (call, told(&exchange(address, &bytes).await)) });
        }
        if store == Store::IsSlow {
            // Longer than the short patience, and not as long as a question may take.
            tokio::time::sleep(Duration::from_millis(250)).await;
            self.slots.execute("ROLLBACK").await.expect("ended");
        }
        let answers = answers.join_all().await;
        for node in &self.nodes {
            let is_alone = async || node.gateway.metric("soapgate_attempts_alone", "").await == 1;
            assert!(self.patience == Patience::Short || !is_alone().await, "it would have waited longer");
            until("it has told the store", async || !is_alone().await).await;
        }
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

    /// A node that has not heard of a newer password holds the slot for the one that it saw accepted.
    fn own_may_be_taken(&self) -> bool {
        let now = self.clock.now();
        self.history.counted(self.rule.counted_window(), now).any(|asked| asked.may_be_own)
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
            node.refused = BTreeSet::new();
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

/// What the store does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Answers,
    IsSlow,
}

/// Whether whoever asked heard what the service said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    ByAll,
    Perhaps,
}
