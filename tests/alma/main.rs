//! The `alma` adapter, the guard and the lock-out shield against a fake Alma that speaks real HTTP.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod answers;
mod fake;
mod faults;
mod outage;
mod shield;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;

use crate::fake::FakeAlma;
use crate::support::client::{Reply, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma_envelope, basic};
use crate::support::until::until;

/// A gateway in front of a fake Alma; `more` are further sections.
fn config(alma: &FakeAlma, more: &str) -> String {
    format!(
        "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
         management = {{ listen = \"127.0.0.1:0\" }}\n\
         [[identity]]\nname = \"alma\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n{more}\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"alma\"\n[[route]]\ncontract = \"alma\"\n",
        alma.base_url(),
        alma.settings().api_key.expose(),
    )
}

/// What a call was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Yes,
    No,
    Outage,
}

/// Signs `user` in through one of the demo's integrations.
async fn sign_in(gateway: &TestGateway, integration: &str, user: &str, password: &str) -> Told {
    told(&exchange(gateway.soap, &request(integration, user, password)).await)
}

fn request(integration: &str, user: &str, password: &str) -> Vec<u8> {
    let name = format!("AlmaSDK-{integration}-institutionCode-01DEMO_INST");
    let post = Post::new("/almaws/repository/UserAuthenticationWebServices", alma_envelope(user, password));
    post.with("Authorization", &basic(&name, "integration-demo")).bytes()
}

fn told(reply: &Reply) -> Told {
    match reply.status() {
        200 if reply.text().contains("result&gt;true") => Told::Yes,
        200 => Told::No,
        500 | 503 if reply.text().contains("Fault") => Told::Outage,
        status => panic!("{status}: {}", reply.text()),
    }
}

/// Further integrations with the demo's secret.
async fn register(gateway: &TestGateway, users: &[&str]) {
    use soapgate::domain::{IntegrationName, Password};
    use soapgate::operator::Secret;
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
