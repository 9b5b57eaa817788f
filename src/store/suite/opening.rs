//! Opening, opening again, looking without opening; tables of older and newer versions.

use crate::store::suite::harness::{Fresh, account, at, new_account, on_every_database};
use crate::store::{Database, StoreError, Tables, inspect};

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
];
