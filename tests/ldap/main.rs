//! The `ldap` adapter against a scripted directory that speaks real bytes, over TCP and TLS. Its messages are written
//! and read by the `lber` crate, so that the adapter's own reading and writing is not compared with itself.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod answers;
mod connections;
mod fake;
mod faults;
mod outage;
mod people;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;
mod trust;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Credentials, Institution, Password};
use soapgate::identity::{Answered, Ask, IdentityError, IdentityService, LdapService, LdapSettings};
use tokio::time::Instant;

/// How long the adapter has; no test waits for it but those of silence.
const TIME: Duration = Duration::from_secs(10);
const PLANTED: &str = "planted-password";

fn service(settings: &LdapSettings) -> LdapService {
    LdapService::new("directory", settings, Arc::new(SystemClock)).expect("an adapter")
}

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

async fn ask(service: &LdapService, user: &str, password: &str) -> Result<Answered, IdentityError> {
    ask_within(service, user, password, TIME).await
}

async fn ask_within(
    service: &LdapService,
    user: &str,
    password: &str,
    time: Duration,
) -> Result<Answered, IdentityError> {
    let credentials = Credentials::new(account(user), Password::new(password.to_owned())).expect("acceptable");
    let deadline = Instant::now() + time;
    let person = credentials.account();
    let ask =
        Ask { credentials: &credentials, person, source: Ipv4Addr::LOCALHOST.into(), integration: None, deadline };
    service.verify(ask).await
}
