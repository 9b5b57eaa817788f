//! What a route says of its own end, on every reply of its own and on no other.

use crate::CONFIG;
use crate::support::client::{Reply, exchange};
use crate::support::gateway::TestGateway;
use crate::support::messages::{Post, alma, authenticate_envelope};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";

fn config(lifecycle: &str) -> String {
    CONFIG.replacen("contract = \"alma\"\n", &format!("contract = \"alma\"\n{lifecycle}"), 1)
}

fn said(reply: &Reply) -> (Option<&str>, Option<&str>) {
    (reply.header("deprecation"), reply.header("sunset"))
}

#[tokio::test]
async fn every_reply_of_the_route_says_it_and_no_other() {
    let lifecycle = "deprecation = \"2026-01-01\"\nsunset = \"2027-06-30\"\n";
    let mut gateway = TestGateway::start(&config(lifecycle)).await;
    let right = alma("reader", "correct horse battery");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes();
    let of_the_route = [
        (right.bytes(), 200),
        (alma("reader", "wrong").bytes(), 200),
        (alma("reader", "x").with("Content-Encoding", "gzip").bytes(), 415),
        (Post::new(ALMA, "").bytes(), 401),
        (Post::new(ALMA, "<").with("Authorization", "Bearer x").bytes(), 401),
        (get(ALMA), 405),
        (get(&format!("{ALMA}?wsdl")), 200),
    ];
    for (request, status) in &of_the_route {
        let reply = exchange(gateway.soap, request).await;
        let expected = (Some("@1767225600"), Some("Wed, 30 Jun 2027 23:59:59 GMT"));
        assert_eq!((reply.status(), said(&reply)), (*status, expected));
    }
    let others = [
        (Post::new("/soap/authenticate", authenticate_envelope("reader", "wrong")).bytes(), 200),
        (get("/soap/authenticate?wsdl"), 200),
        (get("/nowhere"), 404),
    ];
    for (request, status) in &others {
        let reply = exchange(gateway.soap, request).await;
        assert_eq!((reply.status(), said(&reply)), (*status, (None, None)));
    }

    gateway.reload(&config("sunset = \"2028-02-29\"\n"));
    let reply = exchange(gateway.soap, &right.bytes()).await;
    assert_eq!(said(&reply), (None, Some("Tue, 29 Feb 2028 23:59:59 GMT")), "a reload says something else");
    gateway.reload(CONFIG);
    let reply = exchange(gateway.soap, &right.bytes()).await;
    assert_eq!(said(&reply), (None, None));
}
