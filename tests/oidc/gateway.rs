//! The provider behind a whole gateway, asked by SOAP.

use soapgate::identity::OidcClient;

use crate::PLANTED;
use crate::provider::{FakeProvider, METADATA, TOKEN};
use crate::support::fake::fault::Fault;
use crate::support::gateway::TestGateway;
use crate::support::signin::{Told, register, sign_in};
use crate::support::until::until;

fn config(provider: &FakeProvider, more: &str) -> String {
    let settings = provider.settings();
    let OidcClient::SecretInHead(secret) = &settings.client else { panic!("another proof") };
    format!(
        "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
         management = {{ listen = \"127.0.0.1:0\" }}\ncache = {{ ttl = \"0s\" }}\n\
         [[identity]]\nname = \"sso\"\nkind = \"oidc\"\nflavour = \"keycloak\"\nlock_after = 30\nissuer = \"{}\"\n\
         client_id = \"{}\"\nclient_secret = \"{}\"\n{more}\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"sso\"\n[[route]]\ncontract = \"alma\"\n",
        settings.issuer,
        settings.client_id,
        secret.expose(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_at_the_start_stops_nothing_and_refuses_nobody() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.fault(METADATA, Fault::raw("503 Service Unavailable", "text/html", "<html></html>"));
    let gateway = TestGateway::start(&config(&provider, "breaker_probe = \"1s\"")).await;
    for _ in 0..5 {
        assert_eq!(sign_in(&gateway, "demo", "reader", PLANTED).await, Told::Outage);
    }
    assert_eq!(gateway.metric("soapgate_attempts_spent_total", "").await, 0, "nothing was sent, so nothing is spent");
    provider.fault(METADATA, Fault::None);
    until("it is found", async || sign_in(&gateway, "demo", "reader", PLANTED).await == Told::Yes).await;
    assert_eq!(sign_in(&gateway, "demo", "reader", "guess").await, Told::No);
    provider.fault(TOKEN, Fault::html());
    assert_eq!(sign_in(&gateway, "demo", "reader", "other").await, Told::Outage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_names_of_one_person_share_one_budget() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.add("reader@example.org", PLANTED);
    provider.site(|provider| provider.claims = serde_json::json!({ "preferred_username": "reader" }));
    let gateway = TestGateway::start(&config(&provider, "check_id_token = true")).await;
    let integrations = ["one", "two", "three", "four", "five"];
    register(&gateway, &integrations).await;
    assert_eq!(sign_in(&gateway, "one", "reader@example.org", PLANTED).await, Told::Yes);
    for guess in 0..10 {
        for integration in integrations {
            for name in ["reader", "reader@example.org"] {
                let guess = format!("guess {integration} {name} {guess}");
                assert_eq!(sign_in(&gateway, integration, name, &guess).await, Told::No);
            }
        }
    }
    let sign_ins = provider.site(|provider| provider.sign_ins.clone());
    let asked = sign_ins.iter().filter(|name| name.starts_with("reader")).count();
    assert_eq!(asked, 1 + 10, "per_account after the right one, not twice that");
}
