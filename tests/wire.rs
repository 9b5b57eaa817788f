//! What stands on the wire: `fixtures/wire/<area>/<name>.http` is sent as it is, and `<name>.reply` must come back.
//!
//! The `date` field is left out of replies and an incident id is masked as 16 `*`; all other bytes are compared. The
//! pairs of an area run in the order of its `index.txt`, which says of each what it shows, against one server with
//! `fixtures/wire/config.toml` and the accounts of `fixtures/demo/data.toml` and `fixtures/wire/data.toml`. A time in a
//! request is written `{now minus 00000240}` or `{now plus 000000090}`, in seconds, as long as the time itself.
//!
//! `SOAPGATE_WIRE=write cargo test --test wire` writes the replies as they are now: read the difference before you
//! commit it. `tests/wire/length.py FILE…` corrects the Content-Length of requests that were edited by hand.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

#[path = "wire/fixtures.rs"]
mod fixtures;
#[path = "wire/masks.rs"]
mod masks;
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;

use std::fmt::Write;
use std::fs;

use crate::fixtures::{Fixture, folders, open};
use crate::masks::masked;
use crate::support::client::Connection;
use crate::support::gateway::{Population, TestGateway};

const CONFIG: &str = include_str!("../fixtures/wire/config.toml");
const DATA: &str = include_str!("../fixtures/wire/data.toml");
const OTHER_DATA: &str = include_str!("../fixtures/wire/other.toml");

/// Sends every request of an area and tells every reply that differs.
async fn check(area: &str) {
    let write = std::env::var("SOAPGATE_WIRE").is_ok_and(|word| word == "write");
    let populations = [Population::demo(), Population::read(DATA), Population::read(OTHER_DATA)];
    let gateway = TestGateway::start_with(CONFIG, &populations).await;
    let mut wrong = String::new();
    for fixture in open(area) {
        let came = masked(&answer(&gateway, &fixture).await);
        if write {
            fs::write(&fixture.reply_file, &came).expect("a file");
            continue;
        }
        let expected = fs::read(&fixture.reply_file).unwrap_or_default();
        if came != expected {
            let _ = writeln!(
                wrong,
                "\n--- {area}/{}: {}\nexpected: {}\ncame:     {}",
                fixture.name,
                fixture.shows,
                expected.escape_ascii(),
                came.escape_ascii()
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The bytes that come back to one request on a connection of its own: interim replies and exactly one reply. Where
/// the reply says that the connection closes, it must.
async fn answer(gateway: &TestGateway, fixture: &Fixture) -> Vec<u8> {
    let mut connection = Connection::open(gateway.soap).await;
    connection.send(&fixture.request).await;
    let Some(reply) = connection.reply_to(fixture.method()).await else { return Vec::new() };
    if reply.header("connection") != Some("close") {
        connection.finish_sending().await;
    }
    let more = connection.rest().await;
    [&reply.interim, reply.head.as_bytes(), b"\r\n", &reply.body, &more].concat()
}

#[test]
fn every_folder_is_an_area_with_whole_pairs_that_its_index_names() {
    let areas = folders();
    assert_eq!(areas, AREAS, "an area needs a test of its own below");
    let problems: Vec<String> = areas.iter().flat_map(|area| fixtures::problems(area)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Makes a test of each area.
macro_rules! areas {
    ($($area:literal => $test:ident,)*) => {
        const AREAS: &[&str] = &[$($area),*];
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                check($area).await;
            }
        )*
    };
}

areas! {
    "alma-refusals" => what_a_patron_can_type_is_never_a_fault,
    "alma-services" => every_service_answers_at_its_paths,
    "alma-sign-in" => an_old_integration_notices_nothing,
    "authenticate" => credentials_stand_where_the_route_says,
    "basic" => integrations_sign_in_by_basic,
    "clients" => messages_of_real_toolkits_are_read,
    "encoding" => bytes_become_text_as_the_standards_say,
    "http" => http_itself_is_kept_to,
    "profiles" => a_route_answers_in_its_profile,
    "soap" => envelopes_are_read_strictly,
    "token" => username_tokens_are_read_strictly,
    "wsdl" => documents_are_served_to_anybody,
}
