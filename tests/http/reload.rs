//! A configuration that is replaced while the server runs.

use crate::CONFIG;
use crate::support::client::{Connection, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, authenticate_envelope};

const RIGHT: &str = "correct horse battery";

fn with_alma(rule: &str) -> String {
    CONFIG.replace("\"alma\"", &format!("\"alma\"\n{rule}"))
}

async fn questions(gateway: &TestGateway) -> u64 {
    gateway.metric("soapgate_identity_calls_total", "service=\"accounts\",outcome=\"accepted\"").await
}

async fn sign_in(gateway: &TestGateway, user: &str, password: &str) -> String {
    exchange(gateway.soap, &alma(user, password).bytes()).await.text().to_owned()
}

async fn with_token(gateway: &TestGateway, nonce: &str) -> u16 {
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let token = format!(
        "<S:Header><w:Security xmlns:w=\"{wsse}\"><w:UsernameToken><w:Username>reader</w:Username>\
         <w:Password>{RIGHT}</w:Password><w:Nonce>{nonce}</w:Nonce></w:UsernameToken></w:Security></S:Header><S:Body>"
    );
    let body = authenticate_envelope("", "").replace("<S:Body>", &token);
    exchange(gateway.soap, &Post::new("/soap/authenticate", body).bytes()).await.status()
}

#[tokio::test]
async fn what_the_file_says_now_is_served() {
    let mut gateway = TestGateway::start(CONFIG).await;
    let another = "[[route]]\ncontract = \"authenticate\"\npath = \"/another\"\ninstitution = \"01DEMO_INST\"\nintegration = \"none\"\n";
    let call = Post::new("/another", authenticate_envelope("reader", RIGHT)).bytes();
    assert_eq!(exchange(gateway.soap, &call).await.status(), 404);
    gateway.reload(&format!("{CONFIG}{another}[server.limits]\nbody_bytes = 1024\n"));
    assert!(exchange(gateway.soap, &call).await.text().contains("return>true"));
    let large = Post::new("/another", "x".repeat(1_025)).bytes();
    assert_eq!(exchange(gateway.soap, &large).await.status(), 413, "limits are replaced as well");
    gateway.reload(CONFIG);
    assert_eq!(exchange(gateway.soap, &call).await.status(), 404, "and what is gone from it is not");
}

#[tokio::test]
async fn what_is_remembered_for_unchanged_routes_survives() {
    let mut gateway = TestGateway::start(CONFIG).await;
    assert!(sign_in(&gateway, "reader", RIGHT).await.contains("result&gt;true"));
    assert_eq!(with_token(&gateway, "AAAA").await, 200);
    let asked = questions(&gateway).await;
    gateway.reload(&format!("{CONFIG}[server.limits]\nbody_bytes = 2048\n"));
    assert!(sign_in(&gateway, "reader", RIGHT).await.contains("result&gt;true"));
    assert_eq!(questions(&gateway).await, asked, "the yes is still remembered");
    assert_eq!(with_token(&gateway, "AAAA").await, 500, "and so is the nonce");
    assert_eq!(with_token(&gateway, "BBBB").await, 200);
    assert_eq!(questions(&gateway).await, asked);
}

#[tokio::test]
async fn what_is_remembered_for_a_changed_route_does_not() {
    let mut gateway = TestGateway::start(CONFIG).await;
    assert!(sign_in(&gateway, "mustchange", "temporary-pass-1").await.contains("result&gt;true"));
    gateway.reload(&with_alma("must_change = \"refuse\""));
    assert!(sign_in(&gateway, "mustchange", "temporary-pass-1").await.contains("result&gt;false"));
}

#[tokio::test]
async fn a_bad_file_changes_nothing() {
    let mut gateway = TestGateway::start(&with_alma("refusal = \"result-false\"")).await;
    let before = sign_in(&gateway, "reader", "wrong").await;
    assert!(before.contains("errorsExist&gt;false"));
    assert!(sign_in(&gateway, "reader", RIGHT).await.contains("result&gt;true"));
    let asked = questions(&gateway).await;
    for bad in [
        "",
        "not toml",
        &with_alma("refusal = \"fault\""),
        &format!("{CONFIG}[server.limits]\nbody_bytes = 1024\ncalls = 0\n"),
    ] {
        gateway.reload(bad);
        assert_eq!(sign_in(&gateway, "reader", "wrong").await, before, "{bad}");
        assert!(sign_in(&gateway, "reader", RIGHT).await.contains("result&gt;true"), "{bad}");
    }
    assert_eq!(questions(&gateway).await, asked, "nothing that was remembered is lost");
    let large = alma("reader", &"x".repeat(2_000)).bytes();
    let reply = exchange(gateway.soap, &large).await;
    assert_eq!((reply.status(), reply.header("connection")), (200, None), "no limit of a bad file is applied");
}

#[tokio::test]
async fn calls_in_flight_keep_the_configuration_they_began_with() {
    let mut gateway = TestGateway::start(CONFIG).await;
    let post = alma("reader", "wrong").with("Expect", "100-continue");
    let mut in_flight = Connection::open(gateway.soap).await;
    in_flight.send(&post.head()).await;
    assert_eq!(in_flight.interim().await, "HTTP/1.1 100 Continue\r\n");

    gateway.reload(&with_alma("refusal = \"result-false\""));
    in_flight.send(&post.bytes()[post.head().len()..]).await;
    let old = in_flight.reply().await.expect("a reply");
    assert!(old.text().contains("errorsExist&gt;true"), "{}", old.text());
    in_flight.send(&alma("reader", "wrong").bytes()).await;
    let new = in_flight.reply().await.expect("a reply");
    assert!(
        new.text().contains("errorsExist&gt;false"),
        "the next call on the same connection has the new: {}",
        new.text()
    );
}
