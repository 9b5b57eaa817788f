//! Two nodes of one database in front of one service, as random lives have them, and what each of them has heard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use soapgate::config::Settings;
use soapgate::domain::{AccountId, AttemptRule, Institution};
use soapgate::store::DatabaseUrl;

use crate::support::clock::TestClock;
use crate::support::gateway::{Population, TestGateway};
use crate::support::scribe::Scribe;

/// The one user.
pub(crate) const USER: &str = "reader";
/// How long a question may take.
const TIMEOUT: Duration = Duration::from_millis(700);
/// How late a password may reach the service: its slot counts for so much longer than a window.
pub(crate) const LATEST: Duration = TIMEOUT.saturating_add(Duration::from_secs(5));

/// How long a sign-in waits for the store: longer than a slow machine takes, or less than the store is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Long,
    Short,
}

pub(crate) struct Node {
    pub(crate) gateway: TestGateway,
    /// Requests that it was sent.
    pub(crate) sent: u64,
    /// The password that it must ask about whatever was guessed: the one last accepted, as long as it was right.
    pub(crate) knows: Option<u8>,
    /// Passwords that were accepted since it was started.
    pub(crate) accepted: BTreeSet<u8>,
    /// Guesses of which the last that it heard may be a refusal.
    pub(crate) refused: BTreeSet<u8>,
}

impl Node {
    pub(crate) fn new(gateway: TestGateway) -> Self {
        Self { gateway, sent: 0, knows: None, accepted: BTreeSet::new(), refused: BTreeSet::new() }
    }
}

/// Starts both under `rule`.
pub(crate) async fn start_pair(
    rule: &AttemptRule,
    patience: Patience,
    service: &Scribe,
    clock: &Arc<TestClock>,
    url: &DatabaseUrl,
) -> Vec<Node> {
    let AttemptRule { per_account, per_integration, per_day, nodes, .. } = rule;
    let config = service.config(&format!(
            "[attempts]\nnodes = {nodes}\nper_account = {per_account}\nper_integration = {per_integration}\nper_day = {per_day}\n"
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
        settings.shield.store_wait = match patience {
            Patience::Long => Duration::from_secs(10),
            Patience::Short => Duration::from_millis(100),
        };
        settings.shield.rates.per_source = 100_000;
        settings.shield.rates.per_integration = 100_000;
        settings.identities[0].guard.outages = u32::MAX;
        settings.identities[0].timeout = TIMEOUT;
    };
    let mut pair = Vec::new();
    for populations in [std::slice::from_ref(&population), &[]] {
        let gateway = TestGateway::start_apart(&config, populations, clock.clone(), tune).await;
        pair.push(Node::new(gateway));
    }
    pair
}

pub(crate) fn password(guess: u8) -> String {
    format!("guess {guess}")
}

pub(crate) fn caller(number: u8) -> String {
    format!("caller{number}")
}

pub(crate) fn account() -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), USER).expect("an identifier")
}
