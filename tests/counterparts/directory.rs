//! What tests of all directories share.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Answer, Credentials, Institution, Password};
use soapgate::identity::{Answered, Ask, Filter, IdentityError, IdentityService, LdapFind, LdapService, LdapSettings};
use tokio::time::Instant;

use crate::support::gateway::TestGateway;
use crate::support::until::until;

/// How long a directory has; no test waits for it.
pub(crate) const TIME: Duration = Duration::from_secs(20);

pub(crate) fn search(base: &str, filter: &str) -> LdapFind {
    LdapFind::Search { base_dn: base.to_owned(), filter: Filter::parse(filter).expect("a filter") }
}

pub(crate) fn service(settings: &LdapSettings) -> LdapService {
    LdapService::new("directory", settings, Arc::new(SystemClock)).expect("an adapter")
}

pub(crate) fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

pub(crate) async fn ask(service: &LdapService, user: &str, password: &str) -> Result<Answered, IdentityError> {
    let credentials = Credentials::new(account(user), Password::new(password.to_owned())).expect("acceptable");
    let deadline = Instant::now() + TIME;
    let person = credentials.account();
    let ask =
        Ask { credentials: &credentials, person, source: Ipv4Addr::LOCALHOST.into(), integration: None, deadline };
    service.verify(ask).await
}

pub(crate) async fn answer(service: &LdapService, user: &str, password: &str) -> Answer {
    ask(service, user, password).await.unwrap_or_else(|error| panic!("{user}: {error}")).answer
}

/// The first sections of a gateway's configuration: free ports.
pub(crate) fn listeners() -> String {
    ["server", "console", "management"].map(|name| format!("{name} = {{ listen = \"127.0.0.1:0\" }}\n")).concat()
}

/// The flags by account, each with its reasons, once that of `fence` is among them: they are written in the order of
/// their calls.
pub(crate) async fn flags_up_to(gateway: &TestGateway, fence: &str) -> Vec<String> {
    let operator = gateway.beside().await;
    let mut seen = Vec::new();
    until("the last flag", async || {
        let flags = operator.all_flags().await;
        seen = flags.iter().map(|flag| format!("{} {}", flag.account, flag.reasons.join(","))).collect();
        seen.sort();
        flags.iter().any(|flag| flag.account == fence)
    })
    .await;
    seen
}
