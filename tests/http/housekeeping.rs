//! What a running server does by the calendar, and what it forgets when a command beside it erases somebody.

use std::borrow::Cow;

use soapgate::domain::{AccountId, Fact, GuessFacts, Institution, Move, Rejection, Timestamp};
use soapgate::store::{Action, FlagStore, Gathered, Seen};

use crate::support::client::exchange;
use crate::support::gateway::TestGateway;
use crate::support::messages::alma;
use crate::{CONFIG, until};

const DAY: i64 = 24 * 3_600_000;

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), identifier).expect("an identifier")
}

/// A flag of 1970.
async fn flag(gateway: &TestGateway, identifier: &str, to_do: Move) {
    let (table, moment) = (gateway.beside().await.database.flags(), Timestamp::from_millis(1));
    let fact = Fact::Refused(Rejection::Locked, GuessFacts::default());
    let (integration, source, operation) = (None, None, Cow::Borrowed("authenticateUser"));
    let seen = Seen { fact, integration, source, operation, first: moment, last: moment, count: 1 };
    let gathered = [Gathered { account: account(identifier), seen: vec![seen] }];
    let flag = table.record(&gathered).await.expect("recorded").remove(0).expect("a flag").flag;
    let action = Action { to_do, actor: "mia".to_owned(), assignee: None, note: None, at: moment };
    table.act(&flag, &action).await.expect("done");
}

#[tokio::test]
async fn at_its_start_a_server_wakes_flags_and_removes_what_is_kept_no_longer() {
    let gateway = TestGateway::start(CONFIG).await;
    flag(&gateway, "closed", Move::Resolve).await;
    flag(&gateway, "asleep", Move::Snooze { until: Timestamp::from_millis(DAY) }).await;
    let gateway = gateway.restart().await;
    let operator = gateway.beside().await;
    until("housekeeping", async || {
        let flags = operator.all_flags().await;
        let states: Vec<_> = flags.iter().map(|flag| (flag.account.as_str(), flag.state)).collect();
        states == [("asleep", "open")]
    })
    .await;
    let health = exchange(gateway.management, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(health.text().contains("\"housekeeping\""), "{}", health.text());
}

#[tokio::test]
async fn a_recent_yes_of_somebody_who_is_forgotten_is_dropped() {
    let gateway = TestGateway::start(&format!("{CONFIG}[cache]\nttl = \"1h\"\n")).await;
    let is_let_in = async || {
        exchange(gateway.soap, &alma("reader", "correct horse battery").bytes()).await.text().contains("result&gt;true")
    };
    assert!(is_let_in().await && is_let_in().await);
    let operator = gateway.beside().await;
    let data = gateway.database_file().parent().expect("a folder").to_path_buf();
    operator.accounts().forget(&account("reader"), "ben", &data).await.expect("forgotten");
    until("the yes is dropped", async || !is_let_in().await).await;
}
