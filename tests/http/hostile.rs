//! Requests made to cost much: each is answered or cut within its time, and the process stays small.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;

use crate::CONFIG;
use crate::support::client::Connection;
use crate::support::gateway::Population;
use crate::support::messages::{Post, alma, alma_envelope, authenticate_envelope, basic};
use crate::support::process::ServerProcess;

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const OWN: &str = "/soap/authenticate";
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";
/// What all requests together may add to the peak of the process; each alone has 64 MiB.
const GROWTH_KIB: u64 = 64 * 1024;
/// The time of a body and of a call, with room for a slow machine; no request here needs any of it.
const TIME: Duration = Duration::from_secs(18);

fn in_header(blocks: &str) -> String {
    authenticate_envelope("reader", "x").replace("<S:Body>", &format!("<S:Header>{blocks}</S:Header><S:Body>"))
}

fn in_body(markup: &str) -> String {
    alma_envelope("reader", "x").replace("<arg0>", &format!("{markup}<arg0>"))
}

/// What a client that does not escape makes of what is typed.
fn typed(password: &str) -> String {
    alma_envelope("reader", "PASSWORD").replace("PASSWORD", password)
}

fn numbered(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        let _ = write!(all, "{}", each(number));
        all
    })
}

/// `count` names of equal length whose hashes are equal where `h = h * 33 + c`: "Ey" and "FX" hash alike.
fn colliding(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| (0..14).map(|bit| if number >> bit & 1 == 0 { "Ey" } else { "FX" }).collect::<String>())
        .collect()
}

/// The catalogue of WS-Attacker at its default sizes, and what else a receiver must stand, as bodies.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let names = colliding(10_000);
    let attributes = |names: &[String]| names.iter().fold(String::new(), |all, name| all + " " + name + "=''");
    let namespaces =
        |names: &[String]| names.iter().fold(String::new(), |all, name| all + " xmlns:" + name + "='urn:x'");
    let long = "n".repeat(100_000);
    let doctype = |declarations: &str, use_: &str| {
        format!("<!DOCTYPE x [{declarations}]>{}", alma_envelope(use_, "x").replace("&amp;", "&"))
    };
    let laughs = numbered(20, |number| format!("<!ENTITY e{} \"&e{number};&e{number};\">", number + 1));
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let texts = [
        ("1,500 nested elements", in_body(&("<x>".repeat(1_500) + &"</x>".repeat(1_500)))),
        ("75,000 opened elements", in_body(&"<x>".repeat(75_000))),
        ("75,000 tags in the header", in_header(&("<x:x xmlns:x='urn:x'>".to_owned() + &"<x>".repeat(75_000)))),
        ("10,000 colliding attributes", in_body(&format!("<x{}/>", attributes(&names)))),
        ("10,000 colliding namespaces", in_body(&format!("<x{}/>", namespaces(&names)))),
        ("25,000 attributes", in_body(&format!("<x{}/>", numbered(25_000, |number| format!(" a{number}=''"))))),
        ("25,000 elements", in_body(&"<x/>".repeat(25_000))),
        ("25,000 comments", in_body(&"<!--x-->".repeat(25_000))),
        ("as many of everything as is taken", in_body(&numbered(4_000, |n| format!("<x a='{n}' b='&#65;'/>")))),
        ("120 attributes each", in_body(&numbered(250, |_| format!("<x{}/>", attributes(&names[..120]))))),
        ("declarations all over", in_body(&numbered(900, |n| format!("<x xmlns:p{n}='urn:{n}' p{n}:a=''/>")))),
        ("a name of 100,000 characters", in_body(&format!("<{long}/>"))),
        ("an attribute's name of 100,000 characters", in_body(&format!("<x {long}=''/>"))),
        ("an attribute of 100,000 characters", in_body(&format!("<x a='{long}'/>"))),
        ("a namespace of 100,000 characters", in_body(&format!("<x xmlns='{long}'/>"))),
        ("a text of a million characters", alma_envelope("reader", &"x".repeat(1_000_000))),
        ("200,000 references", typed(&"&#65;".repeat(200_000))),
        ("100,000 pieces of text", typed(&"a<![CDATA[]]>".repeat(50_000))),
        ("100,000 line ends", alma_envelope("reader", &"\r\n".repeat(400_000))),
        ("2^20 entities", doctype(&format!("<!ENTITY e0 \"x\">{laughs}"), "&e20;")),
        ("one large entity, often", doctype(&format!("<!ENTITY e \"{long}\">"), &"&e;".repeat(10_000))),
        ("an entity from outside", doctype("<!ENTITY e SYSTEM \"file:///dev/urandom\">", "&e;")),
        ("a parameter entity", doctype("<!ENTITY % e SYSTEM \"http://127.0.0.1:1/\"> %e;", "x")),
        ("a document type that never ends", "<!DOCTYPE x [".to_owned() + &"<!ENTITY e 'x'>".repeat(60_000)),
        ("a comment that never ends", "<!--".to_owned() + &"-".repeat(1_000_000)),
        ("a section that never ends", in_body(&("<![CDATA[".to_owned() + &"]".repeat(1_000_000)))),
        ("an instruction that never ends", "<?x ".to_owned() + &"?".repeat(1_000_000)),
        ("a tag that never ends", "<x ".to_owned() + &" ".repeat(1_000_000)),
        ("a million less-than signs", "<".repeat(1_000_000)),
        ("a million ampersands", in_body(&"&".repeat(1_000_000))),
        ("a million quotes", format!("<x a={}", "'\"".repeat(500_000))),
        ("an array of a billion", in_body("<x arrayType='xsd:int[1000000000]'><item>1</item></x>")),
        ("900 mandatory headers", in_header(&numbered(900, |n| format!("<S:h{n} S:mustUnderstand='1'/>")))),
        ("blanks", " ".repeat(1_048_576)),
    ];
    let mut messages: Vec<_> = texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let text = alma_envelope("reader", &"€".repeat(170_000));
    messages.push(("a text in UTF-16", [&b"\xFF\xFE"[..], &wide(&text)].concat()));
    messages
        .push(("a document type in UTF-16", [&b"\xFF\xFE"[..], &wide(&doctype("<!ENTITY e 'x'>", "&e;"))].concat()));
    messages.push(("bytes of no encoding", vec![0xFF; 1_048_576]));
    messages.push(("zeros", vec![0; 1_048_576]));
    messages
}

/// The same to each route, by a caller that signs in, and what HTTP itself can be made to carry.
fn requests() -> Vec<(String, Vec<u8>)> {
    let sign_in = basic(DEMO, "integration-demo");
    let mut requests = Vec::new();
    for (name, message) in messages() {
        let post = Post::new(ALMA, message.clone()).with("Authorization", &sign_in);
        requests.push((format!("{name}, alma"), post.bytes()));
        requests.push((format!("{name}, authenticate"), Post::new(OWN, message).bytes()));
    }
    let head = "POST /soap/authenticate HTTP/1.1\r\nHost: test\r\nContent-Type: text/xml\r\n";
    let tiny = "1\r\n \r\n".repeat(500_000);
    let extended = format!("1;{}\r\n \r\n", "x".repeat(100_000));
    for (name, text) in [
        (
            "a gzip body",
            format!("{head}Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000)),
        ),
        ("chunks of one byte", format!("{head}Transfer-Encoding: chunked\r\n\r\n{tiny}0\r\n\r\n")),
        ("a chunk's long extension", format!("{head}Transfer-Encoding: chunked\r\n\r\n{extended}0\r\n\r\n")),
        ("a long trailer", format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n", "X: y\r\n".repeat(20_000))),
        ("a head of 1 MiB", format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("20,000 fields", format!("{head}{}\r\n", "X: y\r\n".repeat(20_000))),
        (
            "a long Basic name",
            format!("{head}Authorization: {}\r\nContent-Length: 0\r\n\r\n", basic(&"x".repeat(16_000), "y")),
        ),
        ("a long query", format!("GET /soap/authenticate?{} HTTP/1.1\r\nHost: test\r\n\r\n", "a&".repeat(15_000))),
        ("10,000 requests at once", "GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n".repeat(10_000)),
    ] {
        requests.push((name.to_owned(), text.into_bytes()));
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_answered_in_its_time_and_the_process_stays_small() {
    let mut server = ServerProcess::start(CONFIG, &[Population::demo()]).await;
    // The hash of a password is paid for before.
    let mut connection = Connection::open(server.soap).await;
    connection.send(&alma("reader", "correct horse battery").bytes()).await;
    assert_eq!(connection.reply().await.expect("a reply").status(), 200);
    let before = server.peak_kib();
    for (name, request) in requests() {
        let begun = Instant::now();
        let mut connection = Connection::open(server.soap).await;
        let peak = server.peak_kib();
        connection.offer(&request).await;
        let reply = connection.reply().await.unwrap_or_else(|| panic!("{name} got no reply"));
        assert!(
            !reply.text().contains("true&lt;/result") && !reply.text().contains("return>true"),
            "{name} was let in"
        );
        let took = begun.elapsed();
        assert!(took < TIME, "{name} took {took:?}");
        let grown = server.peak_kib() - peak;
        assert!(grown < GROWTH_KIB, "{name} took {grown} KiB");
    }
    let grown = server.peak_kib() - before;
    assert!(grown < GROWTH_KIB, "all together took {grown} KiB");
    connection.send(&alma("reader", "correct horse battery").bytes()).await;
    assert_eq!(connection.reply().await.expect("a reply").status(), 200, "it serves on as before");
    server.end();
}
