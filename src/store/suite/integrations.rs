//! Integrations.

use crate::store::suite::harness::{Fresh, at, hash, integration, on_every_database};
use crate::store::{IntegrationRecord, IntegrationTable, PreviousSecret};

async fn only(table: &IntegrationTable) -> IntegrationRecord {
    let mut listed = table.list().await.expect("listed");
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

async fn an_integration_is_registered_once_in_whatever_case(fresh: Fresh) {
    let table = fresh.database.integrations();
    assert!(table.insert(&integration("Demo"), &hash("one"), at(1)).await.expect("registered"));
    assert!(!table.insert(&integration("demo"), &hash("two"), at(2)).await.expect("the store answers"));
    let expected = IntegrationRecord {
        name: integration("Demo"),
        hash: hash("one"),
        previous: None,
        disabled: false,
        created_at: at(1),
        changed_at: at(1),
        first_accepted: None,
        last_accepted: None,
    };
    assert_eq!(only(&table).await, expected);
}

async fn a_rotated_secret_stays_for_the_overlap(fresh: Fresh) {
    let table = fresh.database.integrations();
    table.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    assert!(table.rotate(&integration("DEMO"), &hash("two"), Some(at(50)), at(2)).await.expect("rotated"));
    let rotated = only(&table).await;
    assert_eq!(rotated.hash, hash("two"));
    assert_eq!(rotated.previous, Some(PreviousSecret { hash: hash("one"), valid_until: at(50) }));
    assert_eq!(rotated.changed_at, at(2));
}

async fn a_rotation_without_overlap_ends_every_older_secret(fresh: Fresh) {
    let table = fresh.database.integrations();
    table.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    table.rotate(&integration("demo"), &hash("two"), Some(at(50)), at(2)).await.expect("rotated");
    table.rotate(&integration("demo"), &hash("three"), None, at(3)).await.expect("rotated");
    let rotated = only(&table).await;
    assert_eq!((rotated.hash, rotated.previous), (hash("three"), None));
}

async fn an_integration_is_switched_off_and_on(fresh: Fresh) {
    let table = fresh.database.integrations();
    table.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    assert!(table.disable(&integration("demo"), at(2)).await.expect("switched off"));
    assert!(only(&table).await.disabled);
    assert!(table.enable(&integration("demo"), at(3)).await.expect("switched on"));
    assert!(!only(&table).await.disabled);
}

async fn an_integration_that_is_not_there_is_not_changed(fresh: Fresh) {
    let table = fresh.database.integrations();
    assert!(!table.rotate(&integration("nobody"), &hash("one"), None, at(1)).await.expect("the store answers"));
    assert!(!table.disable(&integration("nobody"), at(1)).await.expect("the store answers"));
    assert!(!table.enable(&integration("nobody"), at(1)).await.expect("the store answers"));
    assert_eq!(table.list().await.expect("listed"), []);
}

async fn a_secrets_hash_is_replaced_only_while_it_is_the_one_that_was_read(fresh: Fresh) {
    let table = fresh.database.integrations();
    table.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    assert!(table.replace_hash(&integration("demo"), &hash("one"), &hash("renewed")).await.expect("replaced"));
    assert!(!table.replace_hash(&integration("demo"), &hash("one"), &hash("late")).await.expect("the store answers"));
    assert_eq!(only(&table).await.hash, hash("renewed"));
}

async fn an_integration_that_was_let_in_is_known_whether_registered_or_not(fresh: Fresh) {
    let table = fresh.database.integrations();
    table.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    for moment in [20, 30, 10] {
        table.note_accepted(&integration("DEMO"), at(moment)).await.expect("noted");
    }
    table.note_accepted(&integration("other"), at(40)).await.expect("noted");
    let record = only(&table).await;
    assert_eq!((record.first_accepted, record.last_accepted), (Some(at(20)), Some(at(30))));
    let names = table.accepted_before().await.expect("listed");
    assert_eq!(names, [integration("DEMO"), integration("other")]);
}

on_every_database![
    an_integration_is_registered_once_in_whatever_case,
    a_rotated_secret_stays_for_the_overlap,
    a_rotation_without_overlap_ends_every_older_secret,
    an_integration_is_switched_off_and_on,
    an_integration_that_is_not_there_is_not_changed,
    a_secrets_hash_is_replaced_only_while_it_is_the_one_that_was_read,
    an_integration_that_was_let_in_is_known_whether_registered_or_not,
];
