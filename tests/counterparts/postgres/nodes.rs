//! Two nodes on one PostgreSQL: what one does, the other knows.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use soapgate::app::SystemClock;
use soapgate::config::Settings;
use soapgate::domain::{AccountId, Clock, Institution, IntegrationName};
use soapgate::operator::NewAccount;
use soapgate::store::{Database, DatabaseUrl, ListedAccount};

use crate::postgres::server::Postgres;
use crate::support::client::exchange;
use crate::support::gateway::{Population, TestGateway};
use crate::support::messages::{Post, basic};
use crate::support::scribe::{Outcome, Scribe};
use crate::support::signin::{Told, register, request, sign_in, told};
use crate::support::until::until;

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";

/// What is said of both nodes in either's configuration.
const NODES: &str = "[attempts]\nnodes = 2\n[slow_down]\nstep = \"0s\"\n";

/// Two nodes on the database of `url` in front of `service`. They wait for the store as long as a slow machine takes.
async fn patient_pair(service: &Scribe, url: &str) -> [TestGateway; 2] {
    pair(service, url, Duration::from_secs(10)).await
}

/// The same, with sign-ins that wait so long for the store.
pub(super) async fn pair(service: &Scribe, url: &str, store_wait: Duration) -> [TestGateway; 2] {
    pair_with(&service.config(NODES), url, store_wait).await
}

async fn pair_with(config: &str, url: &str, store_wait: Duration) -> [TestGateway; 2] {
    let node = async |populations: &[Population]| {
        let tune = |settings: &mut Settings| {
            settings.database_url = DatabaseUrl::parse(url).expect("a url");
            settings.cache.ttl = Duration::ZERO;
            settings.shield.store_wait = store_wait;
        };
        TestGateway::start_at(config, populations, Arc::new(SystemClock), tune).await
    };
    [node(&[Population::demo()]).await, node(&[]).await]
}

pub(super) fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

/// Signs in with a guess of its own through every one of `callers` on every node, `times` times; nobody is let in. How
/// many of the guesses reached the service.
pub(super) async fn guess(nodes: &[TestGateway], service: &Scribe, callers: &[&str], times: usize) -> usize {
    service.take();
    for time in 0..times {
        for caller in callers {
            for (at, node) in nodes.iter().enumerate() {
                let told = sign_in(node, caller, "reader", &format!("guess {time} by {caller} at {at}")).await;
                assert_ne!(told, Told::Yes);
            }
        }
    }
    service.take().len()
}

/// Registers further integrations and waits until both nodes know them.
pub(super) async fn register_on(nodes: &[TestGateway; 2], users: &[&str]) {
    register(&nodes[0], users).await;
    until("the other node knows them", async || {
        let last = users.last().expect("one at least");
        exchange(nodes[1].soap, &request(last, "", "")).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlock_takes_effect_on_the_other_node_within_two_seconds() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    for node in &nodes {
        assert_eq!(sign_in(node, "demo", "reader", "stale").await, Told::No);
    }
    service.set_password("stale");
    assert_eq!(sign_in(&nodes[1], "demo", "reader", "stale").await, Told::No, "its recheck is ten minutes away");
    nodes[0].beside().await.accounts().clear_attempts(&account("reader")).await.expect("cleared");
    let unlocked = Instant::now();
    for node in &nodes {
        while sign_in(node, "demo", "reader", "stale").await != Told::Yes {
            assert!(unlocked.elapsed() < Duration::from_secs(2), "still refused after two seconds");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_registers_and_switches_off_the_other_knows_within_two_seconds() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    register_on(&nodes, &["other"]).await;
    assert_eq!(sign_in(&nodes[1], "other", "reader", "right").await, Told::Yes);
    let name = "AlmaSDK-other-institutionCode-01DEMO_INST";
    nodes[0]
        .beside()
        .await
        .integrations()
        .disable(&IntegrationName::parse(name).expect("a name"))
        .await
        .expect("switched off");
    let changed = Instant::now();
    let post = Post::new(ALMA, "").with("Authorization", &basic(name, "integration-demo")).bytes();
    while exchange(nodes[1].soap, &post).await.status() != 401 {
        assert!(changed.elapsed() < Duration::from_secs(2), "still let in after two seconds");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_one_budget_also_when_one_is_started_again() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    let callers = ["one", "two", "three", "four", "five"];
    register_on(&nodes, &callers).await;
    assert_eq!(guess(&nodes, &service, &callers, 1).await, 10, "per_account, over both");
    assert_eq!(guess(&nodes, &service, &callers, 3).await, 0, "shielded on both");
    let [first, second] = nodes;
    let nodes = [first.restart().await, second];
    assert_eq!(guess(&nodes, &service, &callers, 1).await, 0, "a restart forgets no slot");
    assert_eq!(sign_in(&nodes[0], "one", "reader", "right").await, Told::No, "and no node lets one more through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_integration_spends_its_share_over_both_nodes() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    assert_eq!(guess(&nodes, &service, &["demo"], 10).await, 4, "per_integration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_race_on_both_nodes_get_one_budget() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    let callers = ["one", "two", "three", "four", "five"];
    register_on(&nodes, &callers).await;
    service.take();
    let mut racing = tokio::task::JoinSet::new();
    for (caller, node) in callers.into_iter().flat_map(|caller| nodes.iter().map(move |node| (caller, node))) {
        let address = node.soap;
        for number in 0..4 {
            let password = format!("guess {number} by {caller} at {address}");
            let bytes = request(caller, "reader", &password);
            racing.spawn(async move { exchange(address, &bytes).await.status() });
        }
    }
    racing.join_all().await;
    let asked = service.take();
    assert!(asked.iter().all(|asked| asked.outcome == Outcome::Refused));
    assert_eq!(asked.len(), 10, "forty guesses at once");
}

#[tokio::test]
async fn a_check_says_what_it_found_and_no_password() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let url = server.database().await;
    let (whole, password) = (url.clone(), url.split([':', '@']).nth(2).expect("a password").to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    let check = |url: &str| {
        let config = service.config(&format!("[database]\nurl = \"{url}\"\n"));
        std::fs::write(&file, config).expect("a file");
        let done = Command::new(env!("CARGO_BIN_EXE_soapgate")).arg("check").arg("--config").arg(&file).output();
        let done = done.expect("it runs");
        let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(!text.contains(&password), "{text}");
        (done.status.code(), text)
    };
    let (code, text) = check(&whole);
    assert!(code == Some(0) && text.contains("made at the first start"), "{text}");
    let database = Database::open(&DatabaseUrl::parse(&whole).expect("a url")).await.expect("it opens");
    database.close().await;
    let (code, text) = check(&whole);
    assert!(code == Some(0) && text.contains("tables of this version"), "{text}");
    let (code, text) = check(&format!("{whole}_none"));
    assert!(code == Some(4) && text.contains("does not exist"), "{text}");
    let (code, text) = check(&whole.replace("@127.0.0.1:", "@127.0.0.1:1"));
    assert!(code != Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_both_nodes_see_of_one_account_at_once_is_one_flag() {
    let (server, service) = (Postgres::shared(), Scribe::start("reader", "right").await);
    let nodes = patient_pair(&service, &server.database().await).await;
    register_on(&nodes, &["one", "two"]).await;
    let operator = nodes[0].beside().await;
    let list = [ListedAccount { account: account("reader"), others: Vec::new() }];
    let by = ("mia", SystemClock.now());
    let institution = account("reader").institution().clone();
    operator.database.flags().import(&institution, &list, "digest", by, &mut |_| ()).await.expect("imported");
    for time in 0..3 {
        let (guess, other) = (format!("guess {time}"), format!("another guess {time}"));
        let both =
            tokio::join!(sign_in(&nodes[0], "one", "reader", &guess), sign_in(&nodes[1], "two", "reader", &other));
        assert_eq!(both, (Told::No, Told::No));
    }
    let names = ["one", "two"].map(|user| format!("AlmaSDK-{user}-institutionCode-01DEMO_INST"));
    let mut flags = Vec::new();
    until("both nodes' calls are in the flag", async || {
        flags = operator.all_flags().await;
        flags.iter().any(|flag| flag.integrations == names && flag.count == 7)
    })
    .await;
    assert_eq!(flags.len(), 1, "{flags:?}");
    assert_eq!((&*flags[0].account, flags[0].severity), ("reader", "high"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_accounts_that_both_nodes_see_at_once_have_one_flag_each() {
    const NEW: usize = 40;
    let server = Postgres::shared();
    let config = format!(
        "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
         management = {{ listen = \"127.0.0.1:0\" }}\n[[identity]]\nname = \"accounts\"\nkind = \"embedded\"\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"accounts\"\n[[route]]\ncontract = \"alma\"\n{NODES}"
    );
    let nodes = pair_with(&config, &server.database().await, Duration::from_secs(10)).await;
    register_on(&nodes, &["one", "two"]).await;
    let operator = nodes[0].beside().await;
    for n in 0..NEW {
        // One that no password lets in is flagged by its first sign-in.
        let new =
            NewAccount { account: account(&format!("new{n}")), password: None, must_change: false, expires_at: None };
        operator.accounts().add(new).await.expect("added");
    }
    // All at once, so that what the nodes write of them overlaps.
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..NEW {
        for (caller, node) in ["one", "two"].into_iter().zip(&nodes) {
            let (address, bytes) = (node.soap, request(caller, &format!("new{n}"), &format!("a guess by {caller}")));
            racing.spawn(async move { told(&exchange(address, &bytes).await) });
        }
    }
    assert_eq!(racing.join_all().await, [Told::No; 2 * NEW]);
    let names = ["one", "two"].map(|user| format!("AlmaSDK-{user}-institutionCode-01DEMO_INST"));
    let mut flags = Vec::new();
    until("both nodes' calls are in every flag", async || {
        flags = operator.all_flags().await;
        flags.iter().filter(|flag| flag.integrations == names && flag.count == 2).count() == NEW
    })
    .await;
    assert_eq!(flags.len(), NEW, "{flags:?}");
}
