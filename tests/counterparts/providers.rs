//! What the tests of real OpenID Connect providers share.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password, Rejection};
use soapgate::identity::{
    Answered, Ask, IdentityError, IdentityService, OidcService, OidcSettings, SecondLook, ServiceSecret,
};
use tokio::time::Instant;

use crate::support::gateway::{Operator, TestGateway};
use crate::support::until::until;

/// What a busy machine may need for one answer.
const TIME: Duration = Duration::from_mins(1);

pub(crate) const YES: Result<Answer, NoAnswer> = Ok(Answer::Accepted);

pub(crate) const WRONG: Result<Answer, NoAnswer> = Ok(Answer::Rejected(Rejection::WrongPassword));

pub(crate) fn secret(text: &str) -> ServiceSecret {
    ServiceSecret::new(text.to_owned())
}

pub(crate) fn service(settings: &OidcSettings) -> OidcService {
    OidcService::new("sso", settings, Arc::new(SystemClock)).expect("an adapter")
}

pub(crate) fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

pub(crate) async fn answered(service: &OidcService, user: &str, password: &str) -> Result<Answered, IdentityError> {
    let credentials = Credentials::new(account(user), Password::new(password.to_owned())).expect("acceptable");
    let deadline = Instant::now() + TIME;
    let person = credentials.account();
    let ask =
        Ask { credentials: &credentials, person, source: Ipv4Addr::LOCALHOST.into(), integration: None, deadline };
    service.verify(ask).await
}

pub(crate) async fn ask(service: &OidcService, user: &str, password: &str) -> Result<Answer, NoAnswer> {
    answered(service, user, password).await.map(|said| said.answer).map_err(|error| error.no_answer)
}

pub(crate) async fn look(service: &OidcService, user: &str) -> Option<SecondLook> {
    service.look_again(&account(user), Instant::now() + TIME).await.expect("an answer")
}

pub(crate) async fn check(settings: &OidcSettings) -> Result<String, String> {
    service(settings).check(Instant::now() + TIME).await.map_err(|error| error.detail)
}

/// A gateway whose institution is asked about at this provider, with no yes remembered; `keys` are those of its
/// `[[identity]]`.
pub(crate) async fn gateway(keys: &str) -> TestGateway {
    let config = format!(
        "server = {{ listen = \"127.0.0.1:0\", limits = {{ call_time = \"60s\" }}, drain_deadline = \"60s\" }}\n\
         console = {{ listen = \"127.0.0.1:0\" }}\nmanagement = {{ listen = \"127.0.0.1:0\" }}\n\
         cache = {{ ttl = \"0s\" }}\n[[identity]]\nname = \"sso\"\nkind = \"oidc\"\ntimeout = \"50s\"\n{keys}\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"sso\"\n[[route]]\ncontract = \"alma\"\n"
    );
    TestGateway::start(&config).await
}

/// Waits until these accounts are flagged for these reasons, and no other is.
pub(crate) async fn flags_are(operator: &Operator, expected: &[&str]) {
    let mut seen = Vec::new();
    until(&format!("{expected:?}"), async || {
        let flags = operator.all_flags().await;
        seen = flags.iter().map(|flag| format!("{} {}", flag.account, flag.reasons.join(","))).collect();
        seen.sort();
        seen == expected
    })
    .await;
}
