//! Backups: what is restored is what was there, as it was at one moment; and nothing else is ever restored.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::Row;

use crate::domain::{Fact, Reason, Rejection};
use crate::store::archive::layout::{self, Column, Holds, Table};
use crate::store::archive::line::{ArchiveWriter, Cell, Head};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{self, Fresh, account, at, new_account, on_every_database};
use crate::store::{ArchiveError, ChangeFeed, Database, FlagFilter, FlagOrder, ListedAccount, News};

/// A backup as text.
pub(crate) async fn copy(database: &Database) -> String {
    let mut text = Vec::new();
    database.archive().backup("2027-01-15T08:00:00Z", &mut text, &mut |_| ()).await.expect("copied");
    String::from_utf8(text).expect("UTF-8")
}

/// The numbers of the trail's rows.
pub(crate) async fn numbers(database: &Database) -> Vec<i64> {
    let rows = sqlx::query("SELECT seq FROM trail ORDER BY seq").fetch_all(database.pool()).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn restore(database: &Database, text: &str) -> Result<u64, ArchiveError> {
    Ok(database.archive().restore(Cursor::new(text), &mut |_| ()).await?.rows)
}

/// A new, empty database of the same kind.
async fn another(fresh: &Fresh) -> Database {
    Database::open(&fresh.another().await).await.expect("it opens")
}

/// Something of everything, and more of it than a page.
async fn plant(fresh: &Fresh) {
    let database = &fresh.database;
    database.accounts().insert(&new_account("zoë \"'\\\u{1f9a6}"), at(-1)).await.expect("added");
    for n in 0..620 {
        record(database, &format!("reader-{n}"), vec![seen(Fact::Accepted, at(n))]).await;
    }
    record(database, "legacy", vec![seen(refused(Rejection::NoPassword), at(i64::MAX))]).await.expect("a flag");
    let list = [ListedAccount { account: account("listed"), others: vec![account("card")] }];
    let institution = account("x").institution().clone();
    database.flags().import(&institution, &list, "digest", ("mia", at(3)), &mut |_| ()).await.expect("imported");
    let horizon = "INSERT INTO trail_horizon (horizon, at, actor) VALUES (1, 1, 'x')";
    sqlx::query(horizon).execute(database.pool()).await.expect("long ago");
}

/// Everything but the head and the digest.
fn rows(copy: &str) -> Vec<&str> {
    let lines: Vec<&str> = copy.lines().collect();
    lines[1..lines.len() - 1].to_vec()
}

async fn what_is_restored_is_what_was_there(fresh: Fresh) {
    plant(&fresh).await;
    let first = copy(&fresh.database).await;
    assert!(rows(&first).len() > 640);
    let other = another(&fresh).await;
    assert_eq!(restore(&other, &first).await.expect("restored"), u64::try_from(rows(&first).len()).expect("few"));
    assert_eq!(rows(&copy(&other).await), rows(&first));
    other.close().await;
}

async fn a_restored_database_goes_on_where_the_old_one_ended(fresh: Fresh) {
    plant(&fresh).await;
    let other = another(&fresh).await;
    restore(&other, &copy(&fresh.database).await).await.expect("restored");
    let mut feed = ChangeFeed::start(&other).await.expect("a feed");
    other.accounts().insert(&new_account("new"), at(4)).await.expect("added");
    let News::Changes(changes) = feed.poll().await.expect("the store answers") else {
        panic!("its number is no higher")
    };
    assert_eq!(changes.len(), 1);
    let before = numbers(&other).await;
    record(&other, "new", vec![seen(refused(Rejection::Locked), at(5))]).await.expect("a flag");
    assert_eq!(numbers(&other).await, [before, vec![3]].concat());
    check_totals(&other).await;
    for statement in ["UPDATE trail SET actor = 'x'", "DELETE FROM trail"] {
        assert!(sqlx::query(statement).execute(other.pool()).await.is_err(), "{statement}");
    }
    other.close().await;
}

async fn a_write_under_way_is_in_a_backup_whole_or_not_at_all(fresh: Fresh) {
    for n in 0..1_100 {
        record(&fresh.database, &format!("reader-{n}"), vec![seen(Fact::Accepted, at(n))]).await;
    }
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let second = Database::open(&fresh.url).await.expect("a second node");
    let writer = tokio::spawn({
        let (stop, written, second) = (Arc::clone(&stop), Arc::clone(&written), second.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let n = written.fetch_add(1, Ordering::Relaxed);
                let one = vec![seen(refused(Rejection::Locked), at(1)), seen(refused(Rejection::Expired), at(2))];
                record(&second, &format!("locked-{n}"), one).await.expect("a flag");
            }
        }
    });
    let mut copies = Vec::new();
    // Only one during which something was written shows anything.
    while copies.len() < 3 {
        let (mut first, mut last, mut text) = (None, 0, Vec::new());
        let progress = |_| {
            last = written.load(Ordering::Relaxed);
            first.get_or_insert(last);
        };
        fresh.database.archive().backup("now", &mut text, progress).await.expect("copied");
        if first.is_some_and(|first| last > first + 1) {
            copies.push(String::from_utf8(text).expect("UTF-8"));
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.expect("no panic");
    second.close().await;
    let copy = copies.pop().expect("one");
    let other = another(&fresh).await;
    restore(&other, &copy).await.expect("restored");
    check_totals(&other).await;
    let flags = i64::try_from(all(&other).await.len()).expect("few");
    assert_eq!(numbers(&other).await, (1..=2 * flags).collect::<Vec<_>>());
    let head = sqlx::query("SELECT seq FROM trail_head").fetch_one(other.pool()).await.expect("a row");
    assert_eq!(head.get::<i64, _>(0), 2 * flags);
    other.close().await;
}

async fn a_damaged_backup_is_refused_and_nothing_of_it_is_written(fresh: Fresh) {
    let one = vec![seen(refused(Rejection::NoPassword), at(1))];
    record(&fresh.database, "legacy", one).await.expect("a flag");
    let whole = copy(&fresh.database).await;
    let other = another(&fresh).await;
    let empty = copy(&other).await;
    for end in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
        assert!(restore(&other, &whole[..end]).await.is_err(), "cut off at {end}");
    }
    for place in (0..whole.len()).step_by(29) {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
        let altered = String::from_utf8(bytes).expect("ASCII");
        assert!(restore(&other, &altered).await.is_err(), "altered at {place}");
    }
    let lines: Vec<&str> = whole.lines().collect();
    for gone in 0..lines.len() {
        let rest = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        let rest = rest.fold(String::new(), |text, (_, line)| text + line + "\n");
        assert!(restore(&other, &rest).await.is_err(), "without line {gone}");
    }
    assert!(matches!(restore(&other, &format!("{whole}\n")).await, Err(ArchiveError::Damaged(_))));
    assert!(matches!(restore(&other, "this is a text\n").await, Err(ArchiveError::NotABackup)));
    assert_eq!(rows(&copy(&other).await), rows(&empty));
    restore(&other, &whole).await.expect("the whole one is fine");
    other.close().await;
}

async fn a_database_that_holds_anything_is_left_alone(fresh: Fresh) {
    let backup = copy(&fresh.database).await;
    let other = another(&fresh).await;
    other.accounts().insert(&new_account("reader"), at(1)).await.expect("added");
    let before = copy(&other).await;
    assert!(matches!(restore(&other, &backup).await, Err(ArchiveError::Occupied)));
    assert_eq!(copy(&other).await, before);
    other.close().await;
}

async fn tables(database: &Database) -> Vec<Table> {
    let mut connection = database.pool().acquire().await.expect("a connection");
    layout::read(&mut connection).await.expect("the tables")
}

/// A backup with one row of a table as some version had it.
fn made_by(migration: i64, table: &Table, cells: &[Cell]) -> String {
    with_rows(migration, &[(table.clone(), cells.to_vec())])
}

/// A backup with rows of tables as some version had them.
fn with_rows(migration: i64, rows: &[(Table, Vec<Cell>)]) -> String {
    let mut text = Vec::new();
    let mut writer = ArchiveWriter::begin(&mut text, &Head::new(migration, "long ago", "sqlite")).expect("begun");
    for (table, cells) in rows {
        writer.row(table, cells).expect("written");
    }
    writer.end().expect("ended");
    String::from_utf8(text).expect("UTF-8")
}

async fn an_older_backup_is_restored_where_it_fits_and_a_newer_one_is_refused(fresh: Fresh) {
    let all = tables(&fresh.database).await;
    let account = all.iter().find(|table| table.name == "account").expect("a table").clone();
    let text = |text: &str| Cell::Text(text.to_owned());
    let without = |gone: &[&str]| {
        let mut table = account.clone();
        table.columns.retain(|column| !gone.contains(&column.name.as_str()));
        table
    };
    // institution, identifier, then what is left of hash, four numbers, expires_at, two numbers.
    let numbers = |count| std::iter::repeat_n(Cell::Number(1), count);
    let cells = |count| [text("01X"), text("reader")].into_iter().chain(numbers(count)).collect::<Vec<_>>();
    let newer = made_by(9_999, &without(&["hash", "expires_at"]), &cells(5));
    assert!(matches!(restore(&fresh.database, &newer).await, Err(ArchiveError::Newer { made: 9_999, .. })));
    let mut renamed = without(&["hash", "expires_at"]);
    renamed.columns[2].name = "must_be_changed".to_owned();
    assert!(matches!(restore(&fresh.database, &made_by(1, &renamed, &cells(5))).await, Err(ArchiveError::Unfit(_))));
    renamed.name = "accounts".to_owned();
    assert!(matches!(restore(&fresh.database, &made_by(1, &renamed, &cells(5))).await, Err(ArchiveError::Unfit(_))));
    let needed = made_by(1, &without(&["hash", "expires_at", "locked"]), &cells(4));
    assert!(matches!(restore(&fresh.database, &needed).await, Err(ArchiveError::Store(_))), "there is no default");
    let mut wrong = cells(5);
    wrong[2] = text("1");
    let wrong = made_by(1, &without(&["hash", "expires_at"]), &wrong);
    assert!(matches!(restore(&fresh.database, &wrong).await, Err(ArchiveError::Damaged(_))));
    let fits = made_by(1, &without(&["hash", "expires_at"]), &cells(5));
    assert_eq!(restore(&fresh.database, &fits).await.expect("restored"), 1);
    assert!(copy(&fresh.database).await.contains("\"identifier\":\"reader\",\"hash\":null,\"must_change\":1"));
}

async fn reasons_of_an_older_backup_learn_whose_they_are(fresh: Fresh) {
    let all = tables(&fresh.database).await;
    // A row that has something for every column of then, and nothing where there may be nothing.
    let row = |name: &str, texts: &[(&str, &str)]| {
        let mut table = all.iter().find(|table| table.name == name).expect("a table").clone();
        let optional = ["snoozed_until", "state_before", "assignee", "closed_at", "cleared_at", "integration"];
        table.columns.retain(|column| !optional.contains(&&*column.name) && column.name != "flag_identifier");
        let text = |column: &str| texts.iter().find(|(name, _)| *name == column).map(|(_, text)| *text);
        let cell = |column: &Column| match column.holds {
            Holds::Number => Cell::Number(1),
            Holds::Text => Cell::Text(text(&column.name).expect(&column.name).to_owned()),
        };
        let cells = table.columns.iter().map(cell).collect();
        (table, cells)
    };
    let id = "0000000000000001";
    let flag = [("id", id), ("institution", "01X"), ("identifier", "zoe"), ("subject", id), ("state", "open")];
    let reason = [("flag_id", id), ("reason", "locked"), ("flag_institution", "01X"), ("flag_state", "open")];
    let older = with_rows(4, &[row("flag", &flag), row("flag_reason", &reason)]);
    restore(&fresh.database, &older).await.expect("restored");
    let locked = FlagFilter { reason: Some(Reason::Locked), prefix: Some("z".to_owned()), ..FlagFilter::default() };
    let page = fresh.database.flags().page(&locked, FlagOrder::Account, None, 10).await.expect("a page");
    assert_eq!(page.flags.iter().map(|flag| flag.account.identifier()).collect::<Vec<_>>(), ["zoe"]);
    assert!(copy(&fresh.database).await.contains("\"flag_identifier\":\"zoe\""));
}

async fn every_kind_of_database_has_the_same_tables(fresh: Fresh) {
    let here = tables(&fresh.database).await;
    assert_eq!(here, tables(&harness::sqlite().await.database).await);
    let keys: BTreeMap<&str, Vec<&str>> = here
        .iter()
        .map(|table| (&*table.name, table.key.iter().map(|at| &*table.columns[*at].name).collect()))
        .collect();
    assert_eq!(keys["flag_source"], ["flag_id", "kind", "value"]);
    assert_eq!((&keys["change"][..], &keys["flag_day"][..]), (&["seq"][..], &["day", "institution"][..]));
}

on_every_database![
    what_is_restored_is_what_was_there,
    a_restored_database_goes_on_where_the_old_one_ended,
    a_write_under_way_is_in_a_backup_whole_or_not_at_all,
    a_damaged_backup_is_refused_and_nothing_of_it_is_written,
    a_database_that_holds_anything_is_left_alone,
    an_older_backup_is_restored_where_it_fits_and_a_newer_one_is_refused,
    reasons_of_an_older_backup_learn_whose_they_are,
    every_kind_of_database_has_the_same_tables,
];
