//! Accounts.

use crate::store::suite::harness::{Fresh, account, at, hash, new_account, on_every_database};
use crate::store::{AccountChange, AccountRecord, AccountTable, NewAccountRecord};

async fn found(table: &AccountTable, identifier: &str) -> AccountRecord {
    table.find(&account(identifier)).await.expect("the store answers").expect("there is such an account")
}

async fn an_account_is_found_under_every_spelling(fresh: Fresh) {
    let table = fresh.database.accounts();
    let new = NewAccountRecord {
        account: account("zoë"),
        hash: Some(hash("one")),
        must_change: true,
        expires_at: Some(at(99)),
    };
    assert!(table.insert(&new, at(5)).await.expect("added"));

    let expected = AccountRecord {
        account: account("zoë"),
        hash: Some(hash("one")),
        must_change: true,
        locked: false,
        disabled: false,
        expires_at: Some(at(99)),
        created_at: at(5),
        changed_at: at(5),
    };
    assert_eq!(found(&table, "ZOË ").await, expected);
    assert_eq!(table.find(&account("zoe")).await.expect("the store answers"), None);
}

async fn an_account_without_a_password_has_no_hash(fresh: Fresh) {
    let table = fresh.database.accounts();
    table.insert(&NewAccountRecord { hash: None, ..new_account("legacy") }, at(1)).await.expect("added");
    assert_eq!(found(&table, "legacy").await.hash, None);
}

async fn an_account_is_added_only_once(fresh: Fresh) {
    let table = fresh.database.accounts();
    assert!(table.insert(&new_account("reader"), at(1)).await.expect("added"));
    let again = NewAccountRecord { hash: Some(hash("two")), ..new_account("READER") };
    assert!(!table.insert(&again, at(2)).await.expect("the store answers"));
    assert_eq!(found(&table, "reader").await.hash, Some(hash("one")));
}

async fn the_same_identifier_at_two_institutions_is_two_accounts(fresh: Fresh) {
    let table = fresh.database.accounts();
    let other = crate::domain::Institution::parse("01OTHER_INST").expect("a valid code");
    let there = crate::domain::AccountId::parse(&other, "reader").expect("a valid identifier");
    assert!(table.insert(&new_account("reader"), at(1)).await.expect("added"));
    assert!(
        table
            .insert(&NewAccountRecord { account: there.clone(), ..new_account("reader") }, at(1))
            .await
            .expect("added")
    );
    table.change(&there, &AccountChange::Lock, at(2)).await.expect("locked");
    assert!(!found(&table, "reader").await.locked);
    assert_eq!(table.list(&other).await.expect("listed").len(), 1);
}

async fn every_change_changes_its_own_column(fresh: Fresh) {
    let table = fresh.database.accounts();
    table.insert(&new_account("reader"), at(1)).await.expect("added");
    let before = found(&table, "reader").await;
    let steps = [
        (AccountChange::Lock, AccountRecord { locked: true, ..before.clone() }),
        (AccountChange::Disable, AccountRecord { locked: true, disabled: true, ..before.clone() }),
        (AccountChange::Unlock, AccountRecord { disabled: true, ..before.clone() }),
        (AccountChange::Enable, before.clone()),
        (
            AccountChange::SetPassword { hash: hash("two"), must_change: true },
            AccountRecord { hash: Some(hash("two")), must_change: true, ..before.clone() },
        ),
    ];
    for (number, (change, expected)) in steps.into_iter().enumerate() {
        let now = at(10 + i64::try_from(number).expect("a small number"));
        assert!(table.change(&account("reader"), &change, now).await.expect("changed"), "{change:?}");
        assert_eq!(found(&table, "reader").await, AccountRecord { changed_at: now, ..expected }, "{change:?}");
    }
}

async fn an_account_that_is_not_there_is_not_changed(fresh: Fresh) {
    let table = fresh.database.accounts();
    assert!(!table.change(&account("nobody"), &AccountChange::Lock, at(1)).await.expect("the store answers"));
    assert_eq!(table.find(&account("nobody")).await.expect("the store answers"), None);
}

async fn a_hash_is_replaced_only_while_it_is_the_one_that_was_read(fresh: Fresh) {
    let table = fresh.database.accounts();
    table.insert(&new_account("reader"), at(1)).await.expect("added");
    let reader = account("reader");
    assert!(table.replace_hash(&reader, &hash("one"), &hash("one, renewed")).await.expect("replaced"));
    assert!(!table.replace_hash(&reader, &hash("one"), &hash("late")).await.expect("the store answers"));
    let after = found(&table, "reader").await;
    assert_eq!(after.hash, Some(hash("one, renewed")));
    assert_eq!(after.changed_at, at(1));
}

async fn accounts_are_listed_by_the_bytes_of_their_identifiers(fresh: Fresh) {
    let table = fresh.database.accounts();
    for identifier in ["zoë", "éva", "anna", "mia"] {
        table.insert(&new_account(identifier), at(1)).await.expect("added");
    }
    let listed = table.list(account("anna").institution()).await.expect("listed");
    let identifiers: Vec<&str> = listed.iter().map(|record| record.account.identifier()).collect();
    assert_eq!(identifiers, ["anna", "mia", "zoë", "éva"]);
}

on_every_database![
    an_account_is_found_under_every_spelling,
    an_account_without_a_password_has_no_hash,
    an_account_is_added_only_once,
    the_same_identifier_at_two_institutions_is_two_accounts,
    every_change_changes_its_own_column,
    an_account_that_is_not_there_is_not_changed,
    a_hash_is_replaced_only_while_it_is_the_one_that_was_read,
    accounts_are_listed_by_the_bytes_of_their_identifiers,
];
