//! Flags.

use crate::domain::{Reason, Severity, Timestamp};
use crate::store::suite::harness::{Fresh, account, at, integration, on_every_database};
use crate::store::{FlagChange, FlagRecord, FlagState, FlagStore};

fn flagged(identifier: &str, reason: Reason, moment: Timestamp) -> FlagChange {
    FlagChange { account: account(identifier), reason, integration: None, at: moment }
}

fn by(user: &str, change: FlagChange) -> FlagChange {
    FlagChange { integration: Some(integration(user)), ..change }
}

async fn an_account_has_one_flag_that_gathers_everything(fresh: Fresh) {
    let flags = fresh.database.flags();
    let changes = [
        by("b", flagged("legacy", Reason::MustChange, at(20))),
        by("a", flagged("LEGACY", Reason::NoPassword, at(30))),
        by("b", flagged("legacy", Reason::MustChange, at(10))),
        flagged("legacy", Reason::Expired, at(25)),
    ];
    let ids = flags.record(&changes).await.expect("recorded");
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let expected = FlagRecord {
        id: ids[0].clone(),
        account: account("legacy"),
        state: FlagState::Open,
        reasons: vec![Reason::Expired, Reason::MustChange, Reason::NoPassword],
        severity: Severity::High,
        first_seen: at(10),
        last_seen: at(30),
        count: 4,
        integrations: vec![integration("a").to_string(), integration("b").to_string()],
    };
    assert_eq!(flags.list().await.expect("listed"), [expected]);
}

async fn a_flag_keeps_its_id_from_one_write_to_the_next(fresh: Fresh) {
    let flags = fresh.database.flags();
    let change = [flagged("legacy", Reason::NoPassword, at(1))];
    let first = flags.record(&change).await.expect("recorded");
    let second = flags.record(&change).await.expect("recorded");
    assert_eq!(first, second);
    assert_eq!(first[0].as_str().len(), 16);
}

async fn flags_are_listed_by_severity_and_then_by_the_latest(fresh: Fresh) {
    let flags = fresh.database.flags();
    let changes = [
        flagged("expired", Reason::Expired, at(90)),
        flagged("first", Reason::NoPassword, at(10)),
        flagged("second", Reason::Locked, at(20)),
        flagged("robot", Reason::IntegrationRefused, at(1)),
    ];
    flags.record(&changes).await.expect("recorded");
    let listed = flags.list().await.expect("listed");
    let identifiers: Vec<&str> = listed.iter().map(|flag| flag.account.identifier()).collect();
    assert_eq!(identifiers, ["robot", "second", "first", "expired"]);
}

async fn every_reason_can_be_stored_and_read(fresh: Fresh) {
    let flags = fresh.database.flags();
    let changes = Reason::ALL.map(|reason| flagged(reason.code(), reason, at(1)));
    flags.record(&changes).await.expect("recorded");
    let listed = flags.list().await.expect("listed");
    assert_eq!(listed.len(), Reason::ALL.len());
    for flag in listed {
        assert_eq!(flag.reasons.len(), 1);
        assert_eq!(flag.reasons[0].code(), flag.account.identifier());
        assert_eq!(flag.reasons[0].severity(), flag.severity);
    }
}

async fn nothing_recorded_is_nothing_listed(fresh: Fresh) {
    let flags = fresh.database.flags();
    assert_eq!(flags.record(&[]).await.expect("recorded"), []);
    assert_eq!(flags.list().await.expect("listed"), []);
}

on_every_database![
    an_account_has_one_flag_that_gathers_everything,
    a_flag_keeps_its_id_from_one_write_to_the_next,
    flags_are_listed_by_severity_and_then_by_the_latest,
    every_reason_can_be_stored_and_read,
    nothing_recorded_is_nothing_listed,
];
