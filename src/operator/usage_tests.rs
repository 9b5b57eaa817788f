//! What operators are told of calls.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{CallEnd, Day, Dimension, Move, Rejection, Tally};
use crate::identity::fixture::StillClock;
use crate::operator::{Callers, Usage};
use crate::store::suite::flags::{refused, seen};
use crate::store::suite::harness::{self, Fresh, account, at, integration};
use crate::store::{Action, FlagStore, Gathered, UsageCandidate, UsageChange, UsageRanking, UsageStore, UsageValue};

/// 2027-01-15T08:00:00Z, and its day.
const NOW: i64 = 1_800_000_000_000;
const TODAY: i64 = 20_833;
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";
const SIGN_IN: &str = "UserAuthenticationWebServices.authenticateUser";

fn tally(accepted: u64, refused: u64) -> Tally {
    let mut tally = Tally::NONE;
    (0..accepted).for_each(|_| tally.count(CallEnd::Accepted, at(NOW)));
    (0..refused).for_each(|_| tally.count(CallEnd::Refused, at(NOW + 1_000)));
    tally
}

/// Calls of one operation by one program, all of one account but for those of others.
async fn add(fresh: &Fresh, days_ago: i64, name: &str, operation: &str, account: (&str, Tally), others: Tally) {
    let value = |institution: &str, text: &str| UsageValue { institution: institution.into(), value: text.into() };
    let all: Tally = [&account.1, &others].into_iter().collect();
    let ranking = |dimension, value, fresh, others| UsageRanking {
        dimension,
        candidates: vec![UsageCandidate { value, fresh, parked: Tally::NONE }],
        unproven: Vec::new(),
        others,
        kept: 9,
    };
    let change = UsageChange {
        day: Day::from_number(TODAY - days_ago),
        integration: name.to_owned(),
        all,
        rankings: vec![
            ranking(Dimension::Account, value("01DEMO_INST", account.0), account.1, others),
            ranking(Dimension::Agent, value("", "Axis/1.4"), all, Tally::NONE),
            ranking(Dimension::Operation, value("", operation), all, Tally::NONE),
        ],
    };
    fresh.database.usage().add(&change, 0).await.expect("written");
}

async fn bench() -> (Fresh, Usage) {
    let fresh = harness::sqlite().await;
    add(&fresh, 2, DEMO, SIGN_IN, ("reader", tally(2, 0)), Tally::NONE).await;
    add(&fresh, 0, DEMO, SIGN_IN, ("zoë", tally(3, 1)), tally(0, 2)).await;
    add(&fresh, 0, "", "authenticate.authenticateUser", ("reader", tally(1, 0)), Tally::NONE).await;
    add(&fresh, 40, DEMO, SIGN_IN, ("long-ago", tally(9, 0)), Tally::NONE).await;
    let usage = Usage::new(&fresh.database, StillClock::at(NOW) as Arc<_>);
    (fresh, usage)
}

fn shape(view: impl serde::Serialize) -> Value {
    serde_json::to_value(view).expect("JSON")
}

#[tokio::test]
async fn integrations_are_shown_with_what_they_call_the_most() {
    let (_fresh, usage) = bench().await;
    let view = shape(usage.overview(30, &Callers::All).await.expect("read"));
    let expected = json!({
        "from": "2026-12-17", "to": "2027-01-15",
        "integrations": [
            {
                "integration": DEMO, "calls": 8, "accepted": 5, "refused": 3, "unanswered": 0,
                "first": "2027-01-15T08:00:00Z", "last": "2027-01-15T08:00:01Z",
                "accounts": 2, "accounts_complete": false, "top_operation": SIGN_IN, "top_agent": "Axis/1.4",
            },
            {
                "integration": null, "calls": 1, "accepted": 1, "refused": 0, "unanswered": 0,
                "first": "2027-01-15T08:00:00Z", "last": "2027-01-15T08:00:00Z", "accounts": 1,
                "accounts_complete": true, "top_operation": "authenticate.authenticateUser", "top_agent": "Axis/1.4",
            },
        ],
    });
    assert_eq!(view, expected);
}

#[tokio::test]
async fn values_and_others_are_all_calls_however_many_are_shown() {
    let (_fresh, usage) = bench().await;
    for (callers, top, named, others, calls) in [
        (Callers::All, 9, vec![("zoë", 4), ("reader", 3)], Some(2), 9),
        (Callers::All, 1, vec![("zoë", 4)], Some(5), 9),
        (Callers::Integration(integration("DEMO")), 9, vec![("zoë", 4), ("reader", 2)], Some(2), 8),
        (Callers::Integration(integration("other")), 9, vec![], None, 0),
        (Callers::Nameless, 9, vec![("reader", 1)], None, 1),
    ] {
        let view = usage.ranking(30, &callers, Dimension::Account, top).await.expect("read");
        let shown: Vec<(&str, u64)> =
            view.values.iter().map(|value| (value.value.as_deref().unwrap_or_default(), value.calls)).collect();
        assert_eq!(shown, named, "{callers:?}");
        assert_eq!((view.others.map(|others| others.calls), view.calls), (others, calls), "{callers:?}");
    }
}

#[tokio::test]
async fn a_burn_down_tells_legacy_calls_from_others_and_leaves_no_day_out() {
    let (fresh, usage) = bench().await;
    let day = |day, calls, legacy, accepted, integrations| {
        json!({
            "day": day, "calls": calls, "legacy_calls": legacy, "legacy_accepted": accepted,
            "legacy_integrations": integrations,
            "flags_active": 0, "flags_opened": 0, "flags_closed": 0,
        })
    };
    let view = shape(usage.burn_down(30, &Callers::All).await.expect("read"));
    let expected = [day("2027-01-13", 2, 2, 2, 1), day("2027-01-14", 0, 0, 0, 0), day("2027-01-15", 7, 6, 3, 1)];
    assert_eq!(view, json!({ "from": "2026-12-17", "to": "2027-01-15", "days": expected }));
    let flags = fresh.database.flags();
    let day_millis = 24 * 3_600_000;
    let mut ids = Vec::new();
    for (name, moment) in [("stays", NOW - 2 * day_millis), ("goes", NOW - day_millis)] {
        let seen = seen(refused(Rejection::NoPassword), at(moment));
        let gathered = [Gathered { account: account(name), seen: vec![seen] }];
        let recorded = flags.record(&gathered).await.expect("recorded").remove(0);
        ids.push(recorded.expect("a flag").flag);
    }
    let note = Some("left the house".to_owned());
    let dismiss = Action { to_do: Move::Dismiss, actor: "mia".to_owned(), assignee: None, note, at: at(NOW) };
    flags.act(&ids[1], &dismiss).await.expect("done");
    let view = shape(usage.burn_down(30, &Callers::All).await.expect("read"));
    let of_day = |day: &Value| [&day["flags_active"], &day["flags_opened"], &day["flags_closed"]].map(Value::as_u64);
    let queue: Vec<_> = view["days"].as_array().expect("days").iter().map(of_day).collect();
    assert_eq!(queue, [[1, 1, 0], [2, 1, 0], [1, 0, 1]].map(|day| day.map(Some)), "a day tells what it left behind");
    let view = shape(usage.burn_down(41, &Callers::Integration(integration("demo"))).await.expect("read"));
    assert_eq!(view["days"].as_array().map(Vec::len), Some(41), "every day since the first with calls");
}
