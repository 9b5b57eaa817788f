//! Who still calls, as the counters have it after real calls.

use soapgate::domain::{Dimension, IntegrationName};
use soapgate::operator::{Callers, Usage, UsageRankingView};

use crate::support::client::exchange;
use crate::support::gateway::{Operator, TestGateway};
use crate::support::messages::{Post, alma, alma_envelope, authenticate_envelope, basic};
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";
const SIGN_IN: &str = "UserAuthenticationWebServices.authenticateUser";

fn demo() -> Callers {
    Callers::Integration(IntegrationName::parse(DEMO).expect("a name"))
}

async fn ranking(usage: &Usage, callers: &Callers, by: Dimension) -> UsageRankingView {
    usage.ranking(2, callers, by, 100).await.expect("read")
}

/// The values with how many were accepted, refused and unanswered; the others come last.
fn counts(view: &UsageRankingView) -> Vec<(&str, u64, u64, u64)> {
    let all = view.values.iter().chain(&view.others);
    let mut counts: Vec<_> = all
        .map(|value| (value.value.as_deref().unwrap_or("others"), value.accepted, value.refused, value.unanswered))
        .collect();
    counts.sort_by_key(|(name, ..)| (*name == "others", *name));
    counts
}

async fn calls(gateway: &TestGateway) {
    let own = |user: &str, password: &str| Post::new("/soap/authenticate", authenticate_envelope(user, password));
    let by = |name: &str, secret: &str, body: String| Post::new(ALMA, body).with("Authorization", &basic(name, secret));
    let users = "/almaws/repository/UserWebServices";
    let not_served = alma_envelope("reader", "x").replace("authenticateUser", "getUserDetails");
    let secret = "integration-demo";
    for post in [
        alma("reader", "wrong"),
        alma("reader", "correct horse battery").with("User-Agent", "PHP-SOAP/8.2.29"),
        alma("READER", "correct horse battery").with("User-Agent", "PHP-SOAP/8.2.29"),
        alma("reader", "wrong again"),
        alma("hunter2-as-a-name", "x"),
        alma("locked", "locked-pass-1"),
        alma("", ""),
        by(&DEMO.replace("demo", "Demo"), "wrong", String::new()),
        by(DEMO, secret, "<".to_owned()),
        Post::new(users, not_served).with("Authorization", &basic(DEMO, secret)),
        // Of nobody in particular.
        by("AlmaSDK-hunter2-institutionCode-01DEMO_INST", "wrong", String::new()),
        Post::new(ALMA, ""),
        own("zoë", "p&<>\"'é€ "),
        own("hunter2", "wrong"),
    ] {
        exchange(gateway.soap, &post.bytes()).await;
    }
}

#[tokio::test]
async fn calls_are_counted_by_all_that_tells_who_makes_them() {
    let gateway = TestGateway::start(&format!("{CONFIG}[slow_down]\nstep = \"0s\"\n")).await;
    calls(&gateway).await;
    let operator = gateway.beside().await;
    gateway.server.stop().await.expect("it stops, and writes what it counted");
    let usage = operator.usage();

    let accounts = ranking(&usage, &demo(), Dimension::Account).await;
    assert_eq!(counts(&accounts), [("locked", 0, 1, 0), ("reader", 2, 2, 0), ("others", 0, 3, 2)]);
    let operations = ranking(&usage, &demo(), Dimension::Operation).await;
    let expected =
        [("UserAuthenticationWebServices", 0, 1, 1), (SIGN_IN, 2, 5, 0), ("UserWebServices.getUserDetails", 0, 0, 1)];
    assert_eq!(counts(&operations), expected);
    let agents = ranking(&usage, &demo(), Dimension::Agent).await;
    assert_eq!(counts(&agents), [("", 0, 6, 2), ("PHP-SOAP/8.2.29", 2, 0, 0)]);
    let sources = ranking(&usage, &demo(), Dimension::Source).await;
    assert_eq!(counts(&sources), [("127.0.0.1", 2, 6, 2)]);

    let accounts = ranking(&usage, &Callers::Nameless, Dimension::Account).await;
    assert_eq!(counts(&accounts), [("zoë", 1, 0, 0), ("others", 0, 3, 0)]);
    let overview = usage.overview(2, &Callers::All).await.expect("read");
    let told: Vec<_> = overview.integrations.iter().map(|one| (one.integration.as_deref(), one.calls)).collect();
    assert_eq!(told, [(Some(DEMO), 10), (None, 4)], "in the spelling that is registered, and no invented name");
    let burn_down = usage.burn_down(2, &Callers::All).await.expect("read");
    let legacy: u64 = burn_down.days.iter().map(|day| day.legacy_calls).sum();
    assert_eq!(legacy, 12, "all but those to the gateway's own contract");
}

#[tokio::test]
async fn counters_are_written_while_the_server_runs_and_added_to_after_a_restart() {
    async fn accepted(operator: &Operator) -> u64 {
        let overview = operator.usage().overview(2, &Callers::All).await.expect("read");
        overview.integrations.iter().map(|one| one.accepted).sum()
    }
    let gateway = TestGateway::start(&format!("{CONFIG}[usage]\nwrite_every = \"1s\"\n")).await;
    let call = alma("reader", "correct horse battery").bytes();
    exchange(gateway.soap, &call).await;
    let operator = gateway.beside().await;
    until("the call is counted", async || accepted(&operator).await == 1).await;
    let gateway = gateway.restart().await;
    exchange(gateway.soap, &call).await;
    gateway.server.stop().await.expect("it stops");
    assert_eq!(accepted(&operator).await, 2);
}

#[tokio::test]
async fn accounts_are_not_named_where_nobody_wants_it() {
    let gateway = TestGateway::start(&format!("{CONFIG}[usage]\naccounts = false\n")).await;
    exchange(gateway.soap, &alma("reader", "correct horse battery").bytes()).await;
    let operator = gateway.beside().await;
    gateway.server.stop().await.expect("it stops");
    let accounts = ranking(&operator.usage(), &Callers::All, Dimension::Account).await;
    assert_eq!(counts(&accounts), [("others", 1, 0, 0)]);
}
