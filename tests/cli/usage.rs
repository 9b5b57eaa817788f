//! `soapgate usage`: what it prints, for people and for programs.

use std::borrow::Cow;

use serde_json::json;
use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, CallEnd, Clock, Day, Dimension, Fact, Institution, Tally};
use soapgate::store::{
    Database, DatabaseUrl, FlagStore, Gathered, Seen, UsageCandidate, UsageChange, UsageRanking, UsageStore, UsageValue,
};

use crate::{Desk, INTEGRATION, ONE};

/// Counts three calls of today, as a server does: two of the reader, one of nobody known; and flags the reader.
fn count(desk: &Desk) {
    desk.ok("usage", b"");
    let url = DatabaseUrl::Sqlite(desk.0.path().join("data/soapgate.db"));
    let now = SystemClock.now();
    let (accepted, refused) = (Tally::one(CallEnd::Accepted, now), Tally::one(CallEnd::Refused, now));
    let reader: Tally = [&accepted, &refused].into_iter().collect();
    let all: Tally = [&reader, &refused].into_iter().collect();
    let ranking = |dimension, institution: &str, value: &str, fresh, others| UsageRanking {
        dimension,
        candidates: vec![UsageCandidate {
            value: UsageValue { institution: institution.into(), value: value.into() },
            fresh,
            parked: Tally::NONE,
        }],
        unproven: Vec::new(),
        others,
        kept: 100,
    };
    let operation = "UserAuthenticationWebServices.authenticateUser";
    let change = UsageChange {
        day: Day::of(now),
        integration: INTEGRATION.to_owned(),
        all,
        rankings: vec![
            ranking(Dimension::Account, "01DEMO_INST", "reader", reader, refused),
            ranking(Dimension::Agent, "", "", all, Tally::NONE),
            ranking(Dimension::Operation, "", operation, all, Tally::NONE),
            ranking(Dimension::Source, "", "192.0.2.1", all, Tally::NONE),
        ],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let database = Database::open(&url).await.expect("it opens");
        database.usage().add(&change, 0).await.expect("written");
        let institution = Institution::parse("01DEMO_INST").expect("a code");
        let account = AccountId::parse(&institution, "reader").expect("an identifier");
        let seen = Seen {
            fact: Fact::MustChange,
            integration: None,
            source: None,
            operation: Cow::Borrowed(operation),
            first: now,
            last: now,
            count: 1,
        };
        database.flags().record(&[Gathered { account, seen: vec![seen] }]).await.expect("a flag");
        database.close().await;
    });
}

/// The cells of each line but the head's.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .skip(1)
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[test]
fn who_calls_is_shown_in_every_way() {
    let desk = Desk::new(ONE);
    assert!(desk.ok("usage", b"").starts_with("no calls from "));
    assert!(desk.ok("usage --by agent", b"").starts_with("no calls from "));
    assert!(desk.ok("usage --burn-down", b"").starts_with("no calls from "));
    count(&desk);

    let overview = desk.ok("usage", b"");
    let line = &cells(&overview)[0];
    assert_eq!(line[..6], [INTEGRATION, "3", "1", "2", "0", "1+"], "{overview}");
    assert_eq!(line[8..], ["UserAuthenticationWebServices.authenticateUser", "(none)"], "{overview}");
    let accounts = desk.ok("usage --by account", b"");
    assert!(accounts.starts_with("ACCOUNT  INSTITUTION  CALLS  "), "{accounts}");
    let lines = cells(&accounts);
    assert_eq!(lines[0][..6], ["reader", "01DEMO_INST", "2", "1", "1", "0"], "{accounts}");
    assert_eq!(lines[1][..5], ["others", "1", "0", "1", "0"], "{accounts}");
    let sources = desk.ok(&format!("usage --integration {INTEGRATION} --by source --days 2"), b"");
    assert_eq!(cells(&sources)[0][..2], ["192.0.2.1", "3"], "{sources}");
    let burn_down = desk.ok("usage --burn-down", b"");
    assert_eq!(cells(&burn_down)[0][1..], ["3", "1", "1", "3", "1", "1", "0"], "{burn_down}");
    assert!(desk.ok("usage --integration none", b"").starts_with("no calls from "));

    let overview = desk.json("usage --json");
    assert_eq!(overview["integrations"][0]["integration"], INTEGRATION);
    let agents = desk.json("usage --by agent --json");
    assert_eq!((&agents["by"], &agents["calls"], &agents["others"]), (&json!("agent"), &json!(3), &json!(null)));
    assert_eq!(agents["values"][0]["value"], "", "an agent that says nothing");
    assert_eq!(desk.json("usage --burn-down --json")["days"][0]["legacy_calls"], 3);
}

#[test]
fn a_question_that_makes_no_sense_ends_with_2() {
    let desk = Desk::new(ONE);
    for arguments in [
        "usage --days 0",
        "usage --by colour",
        "usage --by agent --burn-down",
        "usage --top 5",
        "usage --integration demo",
        "usage reader",
    ] {
        let done = desk.run(arguments, b"");
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{arguments}");
    }
    let help = desk.ok("usage --help", b"");
    assert!(help.contains("Examples:\n  soapgate usage\n"), "{help}");
}
