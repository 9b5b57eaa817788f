//! Refusals look the same, whatever the reason.

use std::collections::BTreeSet;

use crate::CONFIG;
use crate::support::client::{Reply, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, authenticate_envelope, basic};

/// Every account of the demo that is refused where passwords that must be changed are, with its reason. The first has
/// a wrong password, the next is unknown; the others have the right one.
const REFUSED: [(&str, &str); 8] = [
    ("reader", "wrong"),
    ("nobody", "wrong"),
    ("locked", "locked-pass-1"),
    ("disabled", "disabled-pass-1"),
    ("expired", "expired-pass-1"),
    ("legacy", "anything"),
    ("mustchange", "temporary-pass-1"),
    ("reader", ""),
];

/// A reply without what is its own in every reply: the date and the incident id.
fn without_its_own(reply: &Reply) -> String {
    let incident = reply.header("x-soapgate-incident").expect("an incident id");
    let head = reply.head.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n");
    format!("{head}\n{}", reply.text()).replace(incident, "****************")
}

/// Sends a call for every refused account; all replies must be this one.
async fn check(gateway: &TestGateway, call: impl Fn(&str, &str) -> Post) {
    let mut replies = BTreeSet::new();
    for (user, password) in REFUSED {
        let reply = exchange(gateway.soap, &call(user, password).bytes()).await;
        replies.insert(without_its_own(&reply));
    }
    assert_eq!(replies.len(), 1, "{replies:#?}");
}

#[tokio::test]
async fn alma_refuses_every_account_with_the_same_bytes() {
    for form in ["errors-exist", "result-false"] {
        let config = CONFIG.replace("\"alma\"", &format!("\"alma\"\nmust_change = \"refuse\"\nrefusal = \"{form}\""));
        check(&TestGateway::start(&config).await, alma).await;
    }
}

#[tokio::test]
async fn the_own_contract_refuses_every_account_with_the_same_bytes() {
    let path = "/soap/authenticate";
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    for form in ["", "\nrefusal = \"false\"", "\nrefusal = \"fault\"", "\nrefusal = \"unauthorized\""] {
        let rules = format!("\"authenticate\"\nmust_change = \"refuse\"{form}");
        let gateway = TestGateway::start(&CONFIG.replace("\"authenticate\"", &rules)).await;
        check(&gateway, |user, password| Post::new(path, authenticate_envelope(user, password))).await;
        check(&gateway, |user, password| {
            Post::new(path, authenticate_envelope("", "")).with("Authorization", &basic(user, password))
        })
        .await;
        check(&gateway, |user, password| {
            let token = format!(
                "<S:Header><w:Security xmlns:w=\"{wsse}\"><w:UsernameToken><w:Username>{user}</w:Username>\
                 <w:Password>{password}</w:Password></w:UsernameToken></w:Security></S:Header><S:Body>"
            );
            Post::new(path, authenticate_envelope("", "").replace("<S:Body>", &token))
        })
        .await;
    }
}

#[tokio::test]
async fn integrations_are_refused_with_the_same_bytes() {
    let gateway = TestGateway::start(&format!("{CONFIG}[slow_down]\nstep = \"0s\"\n")).await;
    let mut replies = BTreeSet::new();
    for name in ["AlmaSDK-demo-institutionCode-01DEMO_INST", "AlmaSDK-x-institutionCode-01DEMO_INST", "reader", ""] {
        for secret in ["wrong", ""] {
            let post = Post::new("/almaws/repository/UserAuthenticationWebServices", "<S:Envelope");
            let reply = exchange(gateway.soap, &post.with("Authorization", &basic(name, secret)).bytes()).await;
            replies.insert(without_its_own(&reply));
        }
    }
    let nobody = Post::new("/almaws/repository/UserAuthenticationWebServices", "<S:Envelope").bytes();
    replies.insert(without_its_own(&exchange(gateway.soap, &nobody).await));
    assert_eq!(replies.len(), 1, "{replies:#?}");
}
