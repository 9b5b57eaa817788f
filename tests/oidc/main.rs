//! The `oidc` adapter against a scripted provider that speaks real HTTP. What real providers say, their own tests show.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod answers;
mod checks;
mod discovery;
mod faults;
mod gateway;
mod looks;
mod provider;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;
mod tokens;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password};
use soapgate::identity::{Answered, Ask, IdentityError, IdentityService, OidcService, OidcSettings, Sent};
use tokio::time::Instant;

/// How long the adapter has; no test waits for it but those of silence.
const TIME: Duration = Duration::from_secs(10);
/// What must never be seen.
const PLANTED: &str = "planted-password";

fn service(settings: &OidcSettings) -> OidcService {
    OidcService::new("sso", settings, Arc::new(SystemClock)).expect("an adapter")
}

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

async fn ask(service: &OidcService, user: &str, password: &str) -> Result<Answer, IdentityError> {
    ask_within(service, user, password, TIME).await.map(|Answered { answer, .. }| answer)
}

async fn ask_within(
    service: &OidcService,
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

/// No answer of this kind, and nothing in it of what was asked or of a secret.
fn check(error: &IdentityError, no_answer: NoAnswer, sent: Sent, what: &str) {
    assert_eq!((error.no_answer, error.sent), (no_answer, sent), "{what}: {error}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("planted") && !text.contains("reader"), "{what}: {text}");
}
