//! A password is in no log line, file, metric or reply, wherever it was sent.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use soapgate::app::SystemClock;
use soapgate::domain::Dimension;
use soapgate::operator::{Callers, Usage, UsageRankingView};
use soapgate::store::{Database, DatabaseUrl};

use crate::support::client::{Connection, exchange};
use crate::support::gateway::Population;
use crate::support::messages::{Post, alma_envelope, authenticate_envelope, basic};
use crate::support::process::ServerProcess;
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const OWN: &str = "/soap/authenticate";
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";
/// Where each is planted is in its name; each holds this word.
const WORD: &str = "hunter2";

fn token(password: &str) -> String {
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    format!(
        "<S:Header><w:Security xmlns:w=\"{wsse}\"><w:UsernameToken><w:Username>planted</w:Username>\
         <w:Password>{password}</w:Password></w:UsernameToken></w:Security></S:Header><S:Body>"
    )
}

/// Every way to send a password: right and wrong, in every place, in messages that can be read and that cannot.
fn requests() -> Vec<Vec<u8>> {
    let right = basic(DEMO, "right-secret-hunter2");
    let by = |post: Post| post.with("Authorization", &right);
    let own = authenticate_envelope("planted", "right-body-hunter2");
    let in_token = authenticate_envelope("", "").replace("<S:Body>", &token("right-body-hunter2"));
    let mut requests = vec![
        by(Post::new(ALMA, alma_envelope("planted", "right-body-hunter2"))),
        by(Post::new(ALMA, alma_envelope("planted", "wrong-body-hunter2"))),
        by(Post::new(ALMA, alma_envelope("planted", "right-body-hunter2").replace("arg1", "x:arg1"))),
        by(Post::new(ALMA, alma_envelope("planted", "unescaped-hunter2").replace("unescaped", "a&b<c"))),
        by(Post::new(ALMA, alma_envelope("planted", "raw-hunter2").replace("raw", "\u{1}"))),
        by(Post::new(ALMA, alma_envelope("planted", "reference-hunter2").replace("reference", "&#1;"))),
        by(Post::new(ALMA, alma_envelope("planted", "encoding-hunter2").into_bytes().repeat(2))),
        by(Post::new(ALMA, [&b"\xFF"[..], alma_envelope("planted", "bytes-hunter2").as_bytes()].concat())),
        by(Post::new(ALMA, alma_envelope("hunter2-as-a-name", "name-hunter2"))),
        by(Post::new(ALMA, alma_envelope("planted", &format!("long-{}", "hunter2".repeat(200))))),
        by(Post::new(ALMA, alma_envelope("planted", &format!("larger-{}", "hunter2".repeat(200_000))))),
        by(Post::new(ALMA, "<hunter2 hunter2='hunter2' xmlns:hunter2='hunter2'/>")),
        by(Post::new(ALMA, alma_envelope("planted", "action-hunter2"))).with("SOAPAction", "\"otherOperation\""),
        Post::new(ALMA, alma_envelope("planted", "wrong-secret-hunter2"))
            .with("Authorization", &basic(DEMO, "hunter2")),
        Post::new(ALMA, "").with("Authorization", &basic("hunter2-as-a-name", "hunter2")),
        Post::new(ALMA, "").with("Authorization", "Basic hunter2!"),
        Post::new(ALMA, "").with("Authorization", "Bearer hunter2"),
        Post::new("/nowhere", alma_envelope("planted", "nowhere-hunter2")).with("Authorization", &right),
        Post::new(ALMA, "hunter2").with("Content-Encoding", "hunter2").with("Authorization", &right),
        Post::new(OWN, own.clone()),
        Post::new(OWN, own.replace("right", "wrong")),
        Post::new(OWN, own.replace("</S:Body>", "hunter2</S:Body>")),
        Post::new(OWN, own.replace("n:password", "n:hunter2")),
        Post::new(OWN, own.replace("<S:Body>", "<S:Header><hunter2 S:mustUnderstand='1'/></S:Header><S:Body>")),
        Post::new(OWN, in_token.clone()),
        Post::new(OWN, in_token.replace("right", "wrong")),
        Post::new(OWN, in_token.replace("<w:Password>", "<w:Password Type='x#PasswordDigest'>")),
        Post::new(OWN, in_token.replace("<w:Password>", "<w:Created>hunter2</w:Created><w:Password>")),
        Post::new(OWN, authenticate_envelope("", "")).with("Authorization", &basic("planted", "right-body-hunter2")),
        Post::new(OWN, authenticate_envelope("", "")).with("Authorization", &basic("planted", "wrong-body-hunter2")),
    ]
    .iter()
    .map(Post::bytes)
    .collect::<Vec<_>>();
    requests.push(format!("GET {OWN}?wsdl HTTP/1.1\r\nHost: test\r\nAuthorization: {right}\r\n\r\n").into_bytes());
    requests
        .push(format!("GET {OWN} HTTP/1.1\r\nHost: hunter2 hunter2\r\nAuthorization: {right}\r\n\r\n").into_bytes());
    requests.push(b"POST /hunter2 HTTP/1.1\r\nHost : hunter2\r\nAuthorization : hunter2\r\n\r\nhunter2".to_vec());
    requests
}

/// What a password looks like: itself, and in Base64 at any of the three places where its first byte can stand.
fn shapes() -> Vec<String> {
    let in_base64 = |before: &str| {
        let encoded = STANDARD.encode(format!("{before}{WORD}"));
        // Without the characters that its neighbours decide as well.
        encoded.trim_end_matches('=')[4..encoded.trim_end_matches('=').len() - 1].to_owned()
    };
    vec![WORD.to_owned(), in_base64("a"), in_base64("ab"), in_base64("abc")]
}

/// Who called, by account, as the server left it.
async fn usage(server: &ServerProcess) -> UsageRankingView {
    let files = server.database_files();
    let (file, _) = files.iter().find(|(path, _)| path.ends_with("soapgate.db")).expect("the database");
    let database = Database::open(&DatabaseUrl::Sqlite(file.into())).await.expect("it opens");
    let usage = Usage::new(&database, Arc::new(SystemClock));
    let view = usage.ranking(2, &Callers::All, Dimension::Account, 100).await.expect("read");
    database.close().await;
    view
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for shape in shapes() {
        let found = bytes.windows(shape.len()).position(|window| window == shape.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(300)..(at + 100).min(bytes.len())];
            panic!("{what} holds {shape}: {}", String::from_utf8_lossy(around));
        }
    }
}

#[tokio::test]
async fn a_planted_password_is_found_nowhere() {
    let planted = Population::read(
        r#"
        institution = "01DEMO_INST"
        [[integration]]
        name = "AlmaSDK-demo-institutionCode-01DEMO_INST"
        secret = "right-secret-hunter2"
        [[account]]
        id = "planted"
        password = "right-body-hunter2"
        "#,
    );
    let config = format!("{CONFIG}[log]\nfilter = \"trace\"\n[slow_down]\nstep = \"0s\"\n");
    let mut server = ServerProcess::start(&config, &[planted]).await;
    let requests = requests();
    let mut accepted = 0;
    for request in &requests {
        let reply = exchange(server.soap, request).await;
        accepted += usize::from(reply.text().contains("true&lt;/result") || reply.text().contains("return>true"));
        assert_clean("a reply", reply.head.as_bytes());
        assert_clean("a reply", &reply.body);
    }
    assert_eq!(accepted, 4, "the right passwords were let in");

    // Somebody who leaves with half a password sent.
    let mut left = Connection::open(server.soap).await;
    left.send(&requests[0][..requests[0].len() - 80]).await;
    drop(left);

    let metrics = exchange(server.management, b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(metrics.text().contains("soapgate_calls_total"));
    assert_clean("the metrics", &metrics.body);
    until("flags are written", async || String::from_utf8_lossy(&server.log()).contains("flag.recorded")).await;
    for (path, bytes) in server.database_files() {
        assert_clean(&path.display().to_string(), &bytes);
    }
    server.end();
    let usage = usage(&server).await;
    let named: Vec<&str> = usage.values.iter().filter_map(|account| account.value.as_deref()).collect();
    assert_eq!(named, ["planted"], "a name that no account has may be a password");
    assert!(usage.others.as_ref().is_some_and(|others| others.refused > 0), "{usage:?}");
    assert_clean("the counters of calls", format!("{usage:?}").as_bytes());
    let log = server.log();
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("\"level\":\"DEBUG\"") && text.contains("server.drained"), "all there is was logged: {text}");
    assert_clean("the log", &log);
    for (path, bytes) in server.database_files() {
        assert_clean(&path.display().to_string(), &bytes);
    }
}

#[test]
fn the_search_would_find_a_password() {
    for name in ["", "x", "xy", "AlmaSDK-demo-institutionCode-01DEMO_INST"] {
        let sent = basic(name, "a-hunter2-b");
        assert!(shapes().iter().any(|shape| sent.contains(shape)), "{sent}");
    }
}
