//! Erasing: one person, of whom no byte is left while the trail is whole; and what is kept no longer.

use std::time::Duration;

use sqlx::Row;

use crate::domain::{AttemptRule, Caller, Fact, Move, Rejection, SlotKind, Timestamp};
use crate::store::suite::archive::{copy, numbers};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{self, Fresh, account, at, new_account, on_every_database, slot_id};
use crate::store::{
    Action, AttemptStore, Change, ChangeFeed, DatabaseUrl, FlagId, Forgotten, ListedAccount, News, Purged, Reservation,
    RetentionSettings,
};

const DAY: i64 = 24 * 3_600_000;
const NOW: Timestamp = at(1_000 * DAY);

fn listed(identifier: &str, others: &[&str]) -> ListedAccount {
    ListedAccount { account: account(identifier), others: others.iter().map(|other| account(other)).collect() }
}

/// Somebody of whom everything is known that can be, under three identifiers, and somebody else.
async fn plant(fresh: &Fresh) {
    let (database, institution) = (&fresh.database, account("x").institution().clone());
    database.accounts().insert(&new_account("planted-person"), at(1)).await.expect("added");
    database.accounts().insert(&new_account("other-person"), at(1)).await.expect("added");
    for identifier in ["planted-person", "other-person"] {
        // So long ago that a list may know better.
        record(database, identifier, vec![seen(Fact::Accepted, at(-40 * DAY))]).await;
    }
    // A flag under an identifier that turns out to be theirs only later.
    record(database, "planted-barcode", vec![seen(refused(Rejection::Expired), at(2))]).await.expect("a flag");
    let list = [
        listed("planted-person", &["planted-barcode", "planted-card", "shared-card"]),
        listed("other-person", &["shared-card"]),
    ];
    database.flags().import(&institution, &list, "digest", ("mia", at(3)), &mut |_| ()).await.expect("imported");
    for identifier in ["planted-card", "other-person"] {
        let wrong = vec![seen(refused(Rejection::WrongPassword), at(4))];
        let flag = record(database, identifier, wrong).await.expect("through the list").flag;
        let note = Some(format!("{identifier} came to the desk"));
        let action = Action { to_do: Move::Dismiss, actor: "mia".to_owned(), assignee: None, note, at: at(5) };
        database.flags().act(&flag, &action).await.expect("done");
    }
    let attempts = database.attempts();
    attempts.join(&account("planted-barcode"), &account("planted-person")).await.expect("joined");
    for identifier in ["planted-card", "planted-barcode", "other-person"] {
        let asked = Reservation {
            id: slot_id(),
            account: account(identifier),
            caller: Caller::stored("01X/a"),
            kind: SlotKind::First,
            rule: AttemptRule::default(),
            at: at(7),
            untold: Vec::new(),
        };
        attempts.reserve(&[asked]).await.expect("reserved");
    }
}

async fn of_somebody_who_is_forgotten_no_byte_is_left_and_the_trail_is_whole(fresh: Fresh) {
    plant(&fresh).await;
    let before = copy(&fresh.database).await;
    assert!(before.matches("planted-").count() > 10, "{before}");
    let mut feed = ChangeFeed::start(&fresh.database).await.expect("a feed");
    let trail = numbers(&fresh.database).await;

    let forgotten = fresh.database.erasure().forget(&account("PLANTED-card"), "ben", at(9)).await.expect("done");
    let Forgotten { identifiers, flags, notes, lingers, .. } = forgotten.expect("something was known");
    assert_eq!(identifiers, ["planted-card", "planted-person", "planted-barcode"].map(account));
    assert_eq!((flags, notes, lingers), (2, 1, false));

    let after = copy(&fresh.database).await;
    assert!(!after.contains("planted"), "{after}");
    for table in ["account", "flag", "habit", "note", "report_row", "report_alias", "subject", "attempt_slot"] {
        let rows = |copy: &str| copy.lines().filter(|line| line.contains(&format!("{{\"t\":\"{table}\","))).count();
        assert!(rows(&before) > rows(&after) && rows(&after) > 0, "{table}: others keep theirs: {after}");
    }
    assert_eq!(trail, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&fresh.database).await, [1, 2, 3, 4, 5, 6, 7], "one row for each number");
    let last = sqlx::query(
        "SELECT trail.event, trail.state_after, actor.name FROM trail JOIN actor \
         ON actor.number = trail.actor WHERE seq = 7",
    )
    .fetch_one(fresh.database.pool())
    .await
    .expect("a row");
    let text = |at: usize| last.get::<String, _>(at);
    assert_eq!([text(0), text(1), text(2)], ["forget", "", "ben"]);
    assert_eq!(all(&fresh.database).await.len(), 1);
    check_totals(&fresh.database).await;
    assert_eq!(feed.poll().await.expect("the store answers"), News::Changes(vec![Change::Everything]));
    assert_eq!(fresh.database.erasure().forget(&account("planted-person"), "ben", at(10)).await.expect("asked"), None);
    assert_eq!(numbers(&fresh.database).await.len(), 7, "of what was not known nothing is written");
}

async fn an_identifier_that_two_people_have_is_neither_ones(fresh: Fresh) {
    plant(&fresh).await;
    let forgotten = fresh.database.erasure().forget(&account("shared-card"), "ben", at(9)).await.expect("done");
    assert_eq!(forgotten.expect("in the list").identifiers, [account("shared-card")]);
    let after = copy(&fresh.database).await;
    assert!(!after.contains("shared-card") && after.contains("planted-person") && after.contains("other-person"));
}

async fn whoever_has_not_read_what_was_forgotten_starts_afresh(fresh: Fresh) {
    let mut feed = ChangeFeed::start(&fresh.database).await.expect("a feed");
    fresh.database.accounts().insert(&new_account("reader"), at(1)).await.expect("added");
    fresh.database.erasure().forget(&account("reader"), "ben", at(2)).await.expect("done").expect("known");
    assert_eq!(feed.poll().await.expect("the store answers"), News::Lost);
}

async fn a_person_without_a_flag_leaves_a_row_in_the_trail_as_well(fresh: Fresh) {
    record(&fresh.database, "reader", vec![seen(Fact::Accepted, at(1))]).await;
    fresh.database.erasure().forget(&account("reader"), "ben", at(2)).await.expect("done").expect("known");
    assert_eq!(numbers(&fresh.database).await, [1]);
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

const FOR_EVER: RetentionSettings =
    RetentionSettings { trail: None, closed_flags: None, habits: None, report: None, usage: None };

async fn purge(fresh: &Fresh, settings: &RetentionSettings) -> Purged {
    let mut purge = fresh.database.erasure().purge(settings, NOW);
    while purge.step().await.expect("the store answers") {}
    purge.purged()
}

/// A flag seen and dismissed on some day; `None` is one that stays open.
async fn flagged(fresh: &Fresh, identifier: &str, opened: i64, closed: Option<i64>) {
    let one = vec![seen(refused(Rejection::NoPassword), at(opened * DAY))];
    let flag = record(&fresh.database, identifier, one).await.expect("a flag").flag;
    if let Some(closed) = closed {
        let note = Some(format!("{identifier} has left"));
        let (actor, at) = ("mia".to_owned(), at(closed * DAY));
        let action = Action { to_do: Move::Dismiss, actor, assignee: None, note, at };
        fresh.database.flags().act(&flag, &action).await.expect("done");
    }
}

async fn what_is_kept_no_longer_goes_and_the_trail_says_how_much(fresh: Fresh) {
    flagged(&fresh, "long-gone", 100, Some(101)).await;
    flagged(&fresh, "long-open", 102, None).await;
    flagged(&fresh, "gone-lately", 103, Some(990)).await;
    record(&fresh.database, "old-reader", vec![seen(Fact::Accepted, at(200 * DAY))]).await;
    record(&fresh.database, "new-reader", vec![seen(Fact::Accepted, at(900 * DAY))]).await;
    let institution = account("x").institution().clone();
    for (identifier, day) in [("old-listed", 300), ("new-listed", 950)] {
        let list = [listed(identifier, &[&format!("{identifier}-card")])];
        let table = fresh.database.flags();
        table.import(&institution, &list, identifier, ("mia", at(day * DAY)), &mut |_| ()).await.expect("imported");
    }
    for day in [500, 599, 600, 1_000] {
        let row = "INSERT INTO usage VALUES ($1, '', 'all', 0, '', '', 1, 1, 1, 0, 0)";
        sqlx::query(row).bind(day).execute(fresh.database.pool()).await.expect("written");
    }
    assert_eq!(purge(&fresh, &FOR_EVER).await, Purged::default());

    let settings = RetentionSettings {
        trail: Some(days(730)),
        closed_flags: Some(days(365)),
        habits: Some(days(400)),
        report: Some(days(400)),
        usage: Some(days(400)),
    };
    let purged = purge(&fresh, &settings).await;
    // The row of the old list has a flag, by which its further identifier is still found.
    assert_eq!(purged, Purged { trail: 4, actors: 0, closed_flags: 1, habits: 1, report: 2, usage: 2 });
    assert_eq!(numbers(&fresh.database).await, [5, 6, 7, 8], "no hole behind the first row");
    let copy = copy(&fresh.database).await;
    for gone in ["long-gone", "old-reader", "\"digest\":\"old-listed\""] {
        assert!(!copy.contains(gone), "{gone}: {copy}");
    }
    for kept in ["long-open", "gone-lately has left", "new-reader", "old-listed-card", "new-listed-card"] {
        assert!(copy.contains(kept), "{kept}: {copy}");
    }
    assert!(copy.contains("\"body\":\"trail 4, actors 0, closed flags 1, habits 1, report 2, usage 2\""), "{copy}");
    let told = |event| copy.lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count();
    assert_eq!(told("purge"), 1, "one row, however many steps");
    check_totals(&fresh.database).await;

    assert_eq!(purge(&fresh, &settings).await, Purged::default(), "another node finds nothing");
    assert_eq!(numbers(&fresh.database).await, [5, 6, 7, 8], "and says nothing");

    fresh.database.erasure().forget(&account("old-listed"), "ben", NOW).await.expect("done").expect("a flag");
    assert_eq!(purge(&fresh, &settings).await, Purged::default());
}

async fn further_identifiers_go_when_nothing_else_is_known_of_anybody(fresh: Fresh) {
    let institution = account("x").institution().clone();
    let list = [listed("reader", &["card"])];
    fresh
        .database
        .flags()
        .import(&institution, &list, "digest", ("mia", at(DAY)), &mut |_| ())
        .await
        .expect("imported");
    let flag = all(&fresh.database).await.remove(0).id;
    let action = Action { to_do: Move::Resolve, actor: "mia".to_owned(), assignee: None, note: None, at: at(2 * DAY) };
    fresh.database.flags().act(&flag, &action).await.expect("done");
    let settings = RetentionSettings { report: Some(days(400)), closed_flags: Some(days(365)), ..FOR_EVER };
    let purged = purge(&fresh, &settings).await;
    assert_eq!(purged, Purged { closed_flags: 1, report: 3, ..Purged::default() }, "a row, a card, a file");
    assert!(!copy(&fresh.database).await.contains("card"));
}

async fn who_did_something_goes_when_the_trail_tells_nothing_of_them_any_more(fresh: Fresh) {
    let does = async |flag: &FlagId, to_do, actor: &str, assignee: Option<&str>, day: i64| {
        let (assignee, note) = (assignee.map(str::to_owned), Some("it is known".to_owned()));
        let action = Action { to_do, actor: actor.to_owned(), assignee, note, at: at(day * DAY) };
        fresh.database.flags().act(flag, &action).await.expect("done");
    };
    let opened = async |identifier| {
        let locked = vec![seen(refused(Rejection::Locked), at(100 * DAY))];
        record(&fresh.database, identifier, locked).await.expect("a flag").flag
    };
    let (done, kept) = (opened("done").await, opened("kept").await);
    does(&done, Move::Assign, "old-actor", Some("old-assignee"), 101).await;
    does(&done, Move::Dismiss, "old-actor", None, 102).await;
    does(&kept, Move::Assign, "new-actor", Some("looks-after-it"), 103).await;
    does(&kept, Move::Notify, "new-actor", None, 900).await;
    let settings = RetentionSettings { trail: Some(days(730)), closed_flags: Some(days(365)), ..FOR_EVER };
    assert_eq!(purge(&fresh, &settings).await, Purged { trail: 5, closed_flags: 1, actors: 2, ..Purged::default() });
    let names = sqlx::query("SELECT name FROM actor ORDER BY name").fetch_all(fresh.database.pool()).await;
    let names: Vec<String> = names.expect("rows").iter().map(|found| found.get(0)).collect();
    assert_eq!(names, ["looks-after-it", "new-actor"]);
    let body = "trail 5, actors 2, closed flags 1, habits 0, report 0, usage 0";
    assert!(copy(&fresh.database).await.contains(body));
    assert_eq!(purge(&fresh, &settings).await, Purged::default());
}

/// Adds rows to the trail that tell of these days.
async fn add_to_trail(fresh: &Fresh, days: impl IntoIterator<Item = i64>) {
    let mut write = fresh.database.write().await.expect("a write");
    for day in days {
        sqlx::query("UPDATE trail_head SET seq = seq + 1").execute(&mut *write).await.expect("counted");
        sqlx::query(
            "INSERT INTO trail (seq, at, subject, flag_id, event, state_before, state_after, reasons, actor, note) \
             SELECT seq, $1, '', '', 'find', '', '', '', '', '' FROM trail_head",
        )
        .bind(day * DAY)
        .execute(&mut *write)
        .await
        .expect("added");
    }
    write.commit().await.expect("committed");
}

async fn a_purge_goes_in_steps_and_ends_before_the_first_row_that_is_kept(fresh: Fresh) {
    add_to_trail(&fresh, (0..1_100).map(|_| 200)).await;
    // What is told late stands behind what is younger.
    add_to_trail(&fresh, [500, 200]).await;
    let settings = RetentionSettings { trail: Some(days(730)), ..FOR_EVER };
    let mut purge = fresh.database.erasure().purge(&settings, NOW);
    let mut steps = Vec::new();
    while purge.step().await.expect("the store answers") {
        steps.push(purge.purged().trail);
        assert!(copy(&fresh.database).await.contains(&format!("\"body\":\"trail {},", purge.purged().trail)));
    }
    assert_eq!(steps, [500, 1_000, 1_100]);
    assert_eq!(numbers(&fresh.database).await, [1_101, 1_102, 1_103]);
}

async fn two_nodes_that_purge_at_once_do_it_once(fresh: Fresh) {
    add_to_trail(&fresh, (0..2_000).map(|_| 200)).await;
    let settings = RetentionSettings { trail: Some(days(730)), ..FOR_EVER };
    let other = crate::store::Database::open(&fresh.url).await.expect("a second node");
    let mut nodes = Vec::new();
    for database in [fresh.database.clone(), other.clone()] {
        let mut purge = database.erasure().purge(&settings, NOW);
        nodes.push(tokio::spawn(async move {
            while purge.step().await.expect("the store answers") {}
            purge.purged().trail
        }));
    }
    let mut removed = 0;
    for node in nodes {
        removed += node.await.expect("no panic");
    }
    assert_eq!(removed, 2_000);
    let left = numbers(&fresh.database).await;
    assert!(left.first() == Some(&2_001) && left.len() <= 2, "a row of each node that removed something: {left:?}");
    other.close().await;
}

on_every_database![
    of_somebody_who_is_forgotten_no_byte_is_left_and_the_trail_is_whole,
    an_identifier_that_two_people_have_is_neither_ones,
    whoever_has_not_read_what_was_forgotten_starts_afresh,
    a_person_without_a_flag_leaves_a_row_in_the_trail_as_well,
    what_is_kept_no_longer_goes_and_the_trail_says_how_much,
    further_identifiers_go_when_nothing_else_is_known_of_anybody,
    who_did_something_goes_when_the_trail_tells_nothing_of_them_any_more,
    a_purge_goes_in_steps_and_ends_before_the_first_row_that_is_kept,
    two_nodes_that_purge_at_once_do_it_once,
];

/// Also not in pages that are free, nor in the log of writes.
#[tokio::test]
async fn an_sqlite_file_holds_no_byte_of_somebody_who_is_forgotten() {
    let fresh = harness::sqlite().await;
    plant(&fresh).await;
    // Enough around them that pages are split and moved.
    for n in 0..400 {
        record(&fresh.database, &format!("neighbour-{n}"), vec![seen(Fact::Accepted, at(8))]).await;
        record(&fresh.database, &format!("planted-{n}"), vec![seen(refused(Rejection::Locked), at(8))]).await;
    }
    let found = || {
        let DatabaseUrl::Sqlite(path) = &fresh.url else { panic!("a file can be read") };
        let file = |end| std::fs::read(format!("{}{end}", path.display())).expect("a file");
        let bytes = ["", "-wal"].map(file).concat();
        bytes.windows(7).filter(|bytes| bytes == b"planted").count()
    };
    assert!(found() > 400);
    let erasure = fresh.database.erasure();
    for identifier in (0..400).map(|n| format!("planted-{n}")).chain(["planted-person".to_owned()]) {
        erasure.forget(&account(&identifier), "ben", at(9)).await.expect("done").expect("known");
    }
    assert_eq!(found(), 0);
}
