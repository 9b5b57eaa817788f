//! The life of flags: moves, the trail that the database protects, pages.

use std::cmp::Reverse;

use crate::domain::{Fact, FlagState, Move, MoveError, Reason, Rejection, Severity};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, on_every_database};
use crate::store::{Acted, Action, FlagCursor, FlagFilter, FlagId, FlagOrder, FlagRecord, FlagStore, Gathered};

fn action(to_do: Move, moment: i64) -> Action {
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

/// Every filter, in pages of every size, gives what a look at all flags gives.
async fn pages_show_what_the_filter_says_and_nothing_twice(fresh: Fresh) {
    let table = fresh.database.flags();
    let reasons = [Rejection::Expired, Rejection::Locked, Rejection::NoPassword];
    for n in 0..30_i64 {
        let rejection = reasons[usize::try_from(n % 3).expect("small")];
        let id = record(&fresh.database, &format!("p{:02}", n / 2 * 7 % 23), vec![seen(refused(rejection), at(n / 4))])
            .await;
        let id = id.expect("a flag").flag;
        if n % 5 == 0 {
            table.act(&id, &action(Move::Resolve, 50)).await.expect("done");
        }
    }
    check_totals(&fresh.database).await;
    let everything = all(&fresh.database).await;
    assert!(everything.len() > 12);
    let here = Some(account("x").institution().clone());
    let filters = [
        FlagFilter::default(),
        FlagFilter { institution: here.clone(), ..FlagFilter::default() },
        FlagFilter { states: vec![FlagState::Resolved, FlagState::Open], ..FlagFilter::default() },
        FlagFilter { reason: Some(Reason::Locked), ..FlagFilter::default() },
        FlagFilter { severity: Some(Severity::Medium), states: vec![FlagState::Open], ..FlagFilter::default() },
        FlagFilter { reason: Some(Reason::Locked), severity: Some(Severity::High), ..FlagFilter::default() },
        FlagFilter { reason: Some(Reason::Locked), institution: here.clone(), ..FlagFilter::default() },
        FlagFilter { prefix: Some("p1".to_owned()), ..FlagFilter::default() },
        FlagFilter { prefix: Some("p1".to_owned()), reason: Some(Reason::Locked), ..FlagFilter::default() },
        FlagFilter { prefix: Some("p".to_owned()), states: vec![FlagState::Open], ..FlagFilter::default() },
    ];
    for filter in filters {
        let fits = |flag: &&FlagRecord| {
            (filter.states.is_empty() || filter.states.contains(&flag.state))
                && filter.reason.is_none_or(|reason| flag.reasons.contains(&reason))
                && filter.severity.is_none_or(|severity| flag.severity == severity)
                && filter.prefix.as_ref().is_none_or(|prefix| flag.account.identifier().starts_with(prefix))
        };
        for order in [FlagOrder::Severity, FlagOrder::Account] {
            let mut expected: Vec<FlagRecord> = everything.iter().filter(fits).cloned().collect();
            match filter.order(order) {
                FlagOrder::Account => expected.sort_by_key(|flag| flag.account.identifier().to_owned()),
                FlagOrder::Severity => {
                    expected.sort_by_key(|flag| Reverse((flag.severity, flag.opened_at, flag.id.clone())));
                }
            }
            for most in [1, 4, 100] {
                let (mut got, mut after): (Vec<FlagRecord>, Option<FlagCursor>) = (Vec::new(), None);
                loop {
                    let page = table.page(&filter, order, after.as_ref(), most).await.expect("a page");
                    assert_eq!(page.total, u64::try_from(expected.len()).ok());
                    got.extend(page.flags);
                    after = page.next.map(|next| FlagCursor::parse(&next.encode()).expect("a cursor"));
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(got, expected, "{filter:?} {order:?} {most}");
            }
        }
    }
}

async fn more_flags_than_are_counted_are_gone_through_by_identifier(fresh: Fresh) {
    let batch: Vec<Gathered> = (0..1_500)
        .map(|n| {
            let fact = refused(if n % 5 == 0 { Rejection::Expired } else { Rejection::Locked });
            Gathered { account: account(&format!("p{:04}", n * 7 % 1_500)), seen: vec![seen(fact, at(n))] }
        })
        .collect();
    fresh.database.flags().record(&batch).await.expect("recorded");
    let mut locked: Vec<String> = batch
        .iter()
        .filter(|one| matches!(one.seen[0].fact, Fact::Refused(Rejection::Locked, _)))
        .map(|one| one.account.identifier().to_owned())
        .collect();
    locked.sort();
    let table = fresh.database.flags();
    let of = |reason, severity, prefix: Option<&str>| FlagFilter {
        reason,
        severity,
        states: vec![FlagState::Open],
        prefix: prefix.map(str::to_owned),
        ..FlagFilter::default()
    };
    let (reason, severity) = (Some(Reason::Locked), Some(Severity::High));
    let filters =
        [of(reason, None, None), of(None, severity, None), of(reason, severity, None), of(reason, None, Some("p"))];
    for filter in filters {
        let first = table.page(&filter, FlagOrder::Account, None, 700).await.expect("a page");
        assert_eq!(first.total, None, "{filter:?}");
        let second = table.page(&filter, FlagOrder::Account, first.next.as_ref(), 700).await.expect("a page");
        let got: Vec<String> =
            first.flags.iter().chain(&second.flags).map(|flag| flag.account.identifier().to_owned()).collect();
        assert_eq!((got, second.next), (locked.clone(), None), "{filter:?}");
    }
    let narrow = table.page(&of(reason, None, Some("p00")), FlagOrder::Severity, None, 7).await.expect("a page");
    assert_eq!(narrow.total, Some(80));
    assert!(narrow.flags.iter().zip(&locked).all(|(flag, locked)| flag.account.identifier() == locked));
}

/// Who pages through the queue misses nobody because an account calls meanwhile.
async fn a_flag_that_is_seen_again_keeps_its_place(fresh: Fresh) {
    let no_password = |moment| vec![seen(refused(Rejection::NoPassword), at(moment))];
    for (identifier, moment) in [("first", 1), ("second", 2), ("third", 3)] {
        record(&fresh.database, identifier, no_password(moment)).await.expect("a flag");
    }
    let queue = async || {
        let flags = all(&fresh.database).await;
        let shown = |flag: &FlagRecord| (flag.account.identifier().to_owned(), flag.count, flag.last_seen);
        flags.iter().map(shown).collect::<Vec<_>>()
    };
    record(&fresh.database, "first", no_password(10)).await.expect("counted up");
    let expected = [("third", 1, at(3)), ("second", 1, at(2)), ("first", 2, at(10))];
    assert_eq!(queue().await, expected.map(|(name, count, last)| (name.to_owned(), count, last)));
    let id = record(&fresh.database, "second", no_password(11)).await.expect("counted up").flag;
    fresh.database.flags().act(&id, &action(Move::Resolve, 12)).await.expect("done");
    record(&fresh.database, "second", no_password(13)).await.expect("opened again");
    let expected = [("second", 3, at(13)), ("third", 1, at(3)), ("first", 2, at(10))];
    assert_eq!(queue().await, expected.map(|(name, count, last)| (name.to_owned(), count, last)));
    check_totals(&fresh.database).await;
}

on_every_database![
    a_flag_that_is_seen_again_keeps_its_place,
    more_flags_than_are_counted_are_gone_through_by_identifier,
    what_operators_do_is_in_the_trail_with_who_and_why,
    a_dismissed_flag_comes_back_only_for_a_new_reason,
    a_flag_sleeps_until_its_day,
    the_database_refuses_to_change_the_trail,
    pages_show_what_the_filter_says_and_nothing_twice,
];
