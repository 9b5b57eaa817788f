//! Sign-ins on the alma contract, as integrations of `01DEMO_INST` with the demo's secret make them.

use soapgate::domain::{IntegrationName, Password};
use soapgate::operator::Secret;

use crate::support::client::{Reply, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma_envelope, basic};
use crate::support::until::until;

/// What a call was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Yes,
    No,
    Outage,
}

/// Signs `user` in through one of the demo's integrations.
pub(crate) async fn sign_in(gateway: &TestGateway, integration: &str, user: &str, password: &str) -> Told {
    told(&exchange(gateway.soap, &request(integration, user, password)).await)
}

/// The request of a sign-in.
pub(crate) fn request(integration: &str, user: &str, password: &str) -> Vec<u8> {
    let name = format!("AlmaSDK-{integration}-institutionCode-01DEMO_INST");
    let post = Post::new("/almaws/repository/UserAuthenticationWebServices", alma_envelope(user, password));
    post.with("Authorization", &basic(&name, "integration-demo")).bytes()
}

/// What a reply says.
pub(crate) fn told(reply: &Reply) -> Told {
    match reply.status() {
        200 if reply.text().contains("result&gt;true") => Told::Yes,
        200 => Told::No,
        500 | 503 if reply.text().contains("Fault") => Told::Outage,
        status => panic!("{status}: {}", reply.text()),
    }
}

/// Further integrations with the demo's secret.
pub(crate) async fn register(gateway: &TestGateway, users: &[&str]) {
    let operator = gateway.beside().await;
    for user in users {
        let name = IntegrationName::parse(&format!("AlmaSDK-{user}-institutionCode-01DEMO_INST")).expect("a name");
        let secret = Secret::Given(Password::new("integration-demo".to_owned()));
        operator.integrations().add(&name, secret).await.expect("registered");
    }
    // What is registered beside a server is known there within two seconds.
    until("the last integration is known", async || {
        let last = users.last().expect("one at least");
        exchange(gateway.soap, &request(last, "", "")).await.status() == 200
    })
    .await;
}
