//! Opening, opening again, looking without opening; tables of older and newer versions.

use sqlx::Executor;
use sqlx::migrate::Migrator;

use crate::domain::Reason;
use crate::store::engine::{self, Engine};
use crate::store::suite::harness::{Fresh, account, at, new_account, on_every_database};
use crate::store::{Database, DatabaseUrl, FlagFilter, FlagOrder, StoreError, Tables, inspect};

async fn what_was_written_is_there_when_the_database_is_opened_again(fresh: Fresh) {
    fresh.database.accounts().insert(&new_account("reader"), at(1)).await.expect("added");
    fresh.database.close().await;
    let again = Database::open(&fresh.url).await.expect("it opens again");
    assert!(again.accounts().find(&account("reader")).await.expect("the store answers").is_some());
    again.close().await;
}

async fn a_database_is_opened_by_many_at_once(fresh: Fresh) {
    let url = fresh.another().await;
    let openers: Vec<_> = (0..12)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Database::open(&url).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.expect("no panic").expect("it opens");
    }
    assert_eq!(inspect(&url).await.expect("it is read"), Tables::Current);
}

async fn what_stands_there_is_told_and_left_alone(fresh: Fresh) {
    let url = fresh.another().await;
    for _ in 0..2 {
        assert_eq!(inspect(&url).await.expect("nothing is fine"), Tables::Absent);
    }
    let write = fresh.database.write().await.expect("a write begins");
    assert_eq!(inspect(&fresh.url).await.expect("it is read beside a write"), Tables::Current);
    write.commit().await.expect("committed");
    change_tables(&fresh, "DELETE FROM _sqlx_migrations WHERE version > 1").await;
    assert_eq!(inspect(&fresh.url).await.expect("it is read"), Tables::Older);
}

async fn tables_of_a_newer_version_are_refused(fresh: Fresh) {
    change_tables(
        &fresh,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let is_named = |error: &StoreError| error.report().contains("9999");
    assert!(Database::open(&fresh.url).await.err().as_ref().is_some_and(is_named), "opened");
    assert!(inspect(&fresh.url).await.err().as_ref().is_some_and(is_named), "looked at");
}

async fn a_migration_that_was_changed_since_is_refused(fresh: Fresh) {
    change_tables(
        &fresh,
        "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 1)",
    )
    .await;
    assert!(Database::open(&fresh.url).await.is_err());
}

/// A database of an older version: its first `migrations`, and what was written then.
async fn older(url: &DatabaseUrl, migrations: usize, written: &'static str) {
    let (pool, writer) = engine::open(url).await.expect("a database");
    let mut connection = writer.acquire().await.expect("a connection");
    let mut first = Migrator::with_migrations(Engine::of(url).migrator().iter().take(migrations).cloned().collect());
    first.set_locking(false);
    first.run_direct(None, &mut *connection, false).await.expect("its tables");
    connection.execute(written).await.expect("written");
    drop(connection);
    writer.close().await;
    pool.close().await;
}

async fn reasons_of_an_older_version_learn_whose_they_are(fresh: Fresh) {
    let url = fresh.another().await;
    let written = "INSERT INTO flag (id, institution, identifier, subject, state, severity, confidence, first_seen, \
             last_seen, count, opened_at) VALUES \
             ('0000000000000001', '01DEMO_INST', 'zoe', '1', 'open', 3, 3, 1, 2, 3, 1), \
             ('0000000000000002', '01DEMO_INST', 'ada', '2', 'open', 3, 3, 1, 2, 3, 1); \
         INSERT INTO flag_reason (flag_id, reason, severity, confidence, integration, first_seen, last_seen, count, \
             cleared_at, is_telling, flag_institution, flag_state, flag_severity, flag_opened_at) VALUES \
             ('0000000000000001', 'locked', 3, 3, 'AlmaSDK-proxy-institutionCode-01DEMO_INST', 1, 2, 3, \
             NULL, 1, '01DEMO_INST', 'open', 3, 1), \
             ('0000000000000001', 'expired', 2, 3, NULL, 1, 2, 4, 5, 0, '01DEMO_INST', 'open', 3, 1), \
             ('0000000000000002', 'locked', 3, 3, NULL, 1, 2, 3, NULL, 1, '01DEMO_INST', 'open', 3, 1)";
    older(&url, 4, written).await;
    let database = Database::open(&url).await.expect("it opens");
    let locked = FlagFilter { reason: Some(Reason::Locked), ..FlagFilter::default() };
    let page = database.flags().page(&locked, FlagOrder::Account, None, 10).await.expect("a page");
    let names: Vec<&str> = page.flags.iter().map(|flag| flag.account.identifier()).collect();
    assert_eq!(names, ["ada", "zoe"]);
    let whole = database.flags().show(&page.flags[1].id).await.expect("shown").expect("there");
    let evidence: Vec<_> = whole
        .reasons
        .iter()
        .map(|known| (known.reason, known.count, known.cleared_at, known.integration.is_some()))
        .collect();
    assert_eq!(evidence, [(Reason::Expired, 4, Some(at(5)), false), (Reason::Locked, 3, None, true)]);
    database.close().await;
}

async fn change_tables(fresh: &Fresh, statement: &'static str) {
    let mut write = fresh.database.write().await.expect("a write begins");
    sqlx::query(statement).execute(&mut *write).await.expect("written");
    write.commit().await.expect("committed");
}

on_every_database![
    what_was_written_is_there_when_the_database_is_opened_again,
    a_database_is_opened_by_many_at_once,
    what_stands_there_is_told_and_left_alone,
    tables_of_a_newer_version_are_refused,
    a_migration_that_was_changed_since_is_refused,
    reasons_of_an_older_version_learn_whose_they_are,
];
