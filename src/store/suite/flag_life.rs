//! The life of flags: moves, and the trail that the database protects.

use crate::domain::{FlagState, Move, MoveError, Rejection};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, at, on_every_database};
use crate::store::{Acted, Action, FlagId};

pub(crate) fn action(to_do: Move, moment: i64) -> Action {
    Action { to_do, actor: "mia".to_owned(), assignee: None, note: None, at: at(moment) }
}

async fn flagged(fresh: &Fresh, identifier: &str) -> FlagId {
    let one = vec![seen(refused(Rejection::NoPassword), at(1))];
    record(&fresh.database, identifier, one).await.expect("a flag").flag
}

async fn what_operators_do_is_in_the_trail_with_who_and_why(fresh: Fresh) {
    let (table, id) = (fresh.database.flags(), flagged(&fresh, "legacy").await);
    let assign = Action { assignee: Some("ben".to_owned()), ..action(Move::Assign, 2) };
    assert_eq!(table.act(&id, &assign).await.expect("done"), Acted::Done(FlagState::Assigned));
    let dismiss = Action { note: Some("left the house".to_owned()), ..action(Move::Dismiss, 3) };
    assert_eq!(table.act(&id, &dismiss).await.expect("done"), Acted::Done(FlagState::Dismissed));
    let refused_move = MoveError::Illegal { from: FlagState::Dismissed, to_do: Move::Wait };
    assert_eq!(table.act(&id, &action(Move::Wait, 4)).await.expect("asked"), Acted::Refused(refused_move));
    let nobody = FlagId::from_random([0; 8]);
    assert_eq!(table.act(&nobody, &action(Move::Wait, 4)).await.expect("asked"), Acted::NotFound);
    let detail = table.show(&id).await.expect("shown").expect("there");
    assert_eq!(detail.assignee.as_deref(), Some("ben"));
    let trail: Vec<_> =
        detail.trail.iter().map(|row| (&*row.event, row.actor.as_deref(), row.note.as_deref())).collect();
    let expected = [
        ("open", Some("gateway"), None),
        ("assign", Some("mia"), None),
        ("dismiss", Some("mia"), Some("left the house")),
    ];
    assert_eq!(trail, expected);
    let assignees: Vec<_> = detail.trail.iter().map(|row| row.assignee.as_deref()).collect();
    assert_eq!(assignees, [None, Some("ben"), None]);
    check_totals(&fresh.database).await;
}

async fn a_dismissed_flag_comes_back_only_for_a_new_reason(fresh: Fresh) {
    let (table, id) = (fresh.database.flags(), flagged(&fresh, "legacy").await);
    table.act(&id, &Action { note: Some("no".to_owned()), ..action(Move::Dismiss, 2) }).await.expect("done");
    let same = record(&fresh.database, "legacy", vec![seen(refused(Rejection::NoPassword), at(3))]).await;
    assert_eq!(same.expect("counted").state, FlagState::Dismissed);
    let other = record(&fresh.database, "legacy", vec![seen(refused(Rejection::Expired), at(4))]).await;
    assert_eq!(other.expect("a flag").state, FlagState::Open);
    check_totals(&fresh.database).await;
}

async fn a_flag_sleeps_until_its_day(fresh: Fresh) {
    let (table, id) = (fresh.database.flags(), flagged(&fresh, "legacy").await);
    table.act(&id, &action(Move::Snooze { until: at(50) }, 2)).await.expect("done");
    table.act(&id, &action(Move::Snooze { until: at(100) }, 3)).await.expect("put off");
    assert_eq!(table.wake(at(99)).await.expect("looked"), 0);
    assert_eq!(all(&fresh.database).await[0].snoozed_until, Some(at(100)));
    assert_eq!(table.wake(at(100)).await.expect("looked"), 1);
    let flag = all(&fresh.database).await.remove(0);
    assert_eq!((flag.state, flag.snoozed_until), (FlagState::Open, None));
    let trail = table.show(&id).await.expect("shown").expect("there").trail;
    let until: Vec<_> = trail.iter().map(|row| (&*row.event, row.snoozed_until)).collect();
    assert_eq!(until, [("open", None), ("snooze", Some(at(50))), ("snooze", Some(at(100))), ("wake", None)]);
    check_totals(&fresh.database).await;
}

async fn the_database_refuses_to_change_the_trail(fresh: Fresh) {
    flagged(&fresh, "legacy").await;
    let attempts = [
        "UPDATE trail SET actor = 'x'",
        "UPDATE trail SET seq = 99",
        "DELETE FROM trail",
        "DELETE FROM trail WHERE seq = 1",
        // SQLite does not know the word.
        "TRUNCATE trail",
        "INSERT INTO trail SELECT * FROM trail",
        "INSERT INTO trail_horizon (horizon, at, actor) VALUES (99999999999999, 1, 'x')",
    ];
    for statement in attempts {
        assert!(sqlx::query(statement).execute(fresh.database.pool()).await.is_err(), "{statement}");
    }
    let far = "INSERT INTO trail_horizon (horizon, at, actor) VALUES (1, 1, 'x')";
    sqlx::query(far).execute(fresh.database.pool()).await.expect("long ago is behind every horizon");
    for statement in [
        "DELETE FROM trail",
        "TRUNCATE trail",
        "TRUNCATE trail_horizon",
        "UPDATE trail_horizon SET horizon = 5",
        "DELETE FROM trail_horizon",
    ] {
        assert!(sqlx::query(statement).execute(fresh.database.pool()).await.is_err(), "{statement}");
    }
    let farther = "INSERT INTO trail_horizon (horizon, at, actor) VALUES (2, 1, 'x')";
    sqlx::query(farther).execute(fresh.database.pool()).await.expect("written");
    let removed = sqlx::query("DELETE FROM trail").execute(fresh.database.pool()).await.expect("behind the horizon");
    assert_eq!(removed.rows_affected(), 1);
}

on_every_database![
    what_operators_do_is_in_the_trail_with_who_and_why,
    a_dismissed_flag_comes_back_only_for_a_new_reason,
    a_flag_sleeps_until_its_day,
    the_database_refuses_to_change_the_trail,
];
