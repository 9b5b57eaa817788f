//! The feed of changes.

use std::time::Duration;

use crate::store::changes::{KEPT, append};
use crate::store::suite::harness::{Fresh, account, at, hash, integration, new_account, on_every_database};
use crate::store::{AccountChange, Change, ChangeFeed, Database, News};

async fn feed(fresh: &Fresh) -> ChangeFeed {
    ChangeFeed::start(&fresh.database).await.expect("the feed starts")
}

async fn next(feed: &mut ChangeFeed) -> News {
    feed.poll().await.expect("the store answers")
}

async fn every_change_of_an_account_is_told_in_order(fresh: Fresh) {
    let mut feed = feed(&fresh).await;
    let accounts = fresh.database.accounts();
    let reader = account("reader");
    accounts.insert(&new_account("reader"), at(1)).await.expect("added");
    let password = AccountChange::SetPassword { hash: hash("two"), must_change: false };
    let steps = [AccountChange::Lock, AccountChange::Disable, AccountChange::Enable, AccountChange::Unlock, password];
    for change in steps {
        accounts.change(&reader, &change, at(2)).await.expect("changed");
    }
    let cleared = || Change::AccountCleared(reader.clone());
    let touched = || Change::Account(reader.clone());
    assert_eq!(
        next(&mut feed).await,
        News::Changes(vec![cleared(), touched(), touched(), touched(), cleared(), cleared()])
    );
    assert_eq!(next(&mut feed).await, News::Changes(vec![]));
}

async fn every_change_of_an_integration_is_told(fresh: Fresh) {
    let mut feed = feed(&fresh).await;
    let table = fresh.database.integrations();
    let demo = integration("demo");
    table.insert(&demo, &hash("one"), at(1)).await.expect("registered");
    table.rotate(&demo, &hash("two"), None, at(2)).await.expect("rotated");
    table.disable(&demo, at(3)).await.expect("switched off");
    table.enable(&demo, at(4)).await.expect("switched on");
    assert_eq!(next(&mut feed).await, News::Changes(vec![Change::Integration(demo); 4]));
}

async fn what_changes_nothing_is_not_told(fresh: Fresh) {
    let accounts = fresh.database.accounts();
    let integrations = fresh.database.integrations();
    accounts.insert(&new_account("reader"), at(1)).await.expect("added");
    integrations.insert(&integration("demo"), &hash("one"), at(1)).await.expect("registered");
    let mut feed = feed(&fresh).await;
    accounts.insert(&new_account("reader"), at(2)).await.expect("the store answers");
    accounts.change(&account("nobody"), &AccountChange::Lock, at(2)).await.expect("the store answers");
    accounts.replace_hash(&account("reader"), &hash("one"), &hash("renewed")).await.expect("replaced");
    integrations.insert(&integration("demo"), &hash("two"), at(2)).await.expect("the store answers");
    integrations.replace_hash(&integration("demo"), &hash("one"), &hash("renewed")).await.expect("replaced");
    integrations.note_accepted(&integration("demo"), at(2)).await.expect("noted");
    assert_eq!(next(&mut feed).await, News::Changes(vec![]));
}

async fn another_process_sees_what_is_announced(fresh: Fresh) {
    let mut feed = feed(&fresh).await;
    let elsewhere = Database::open(&fresh.url).await.expect("a second pool opens");
    let change = Change::AccountCleared(account("someone"));
    elsewhere.changes().announce(&change, at(1)).await.expect("announced");
    assert_eq!(next(&mut feed).await, News::Changes(vec![change]));
}

async fn changes_that_two_nodes_make_at_once_are_all_seen(fresh: Fresh) {
    fresh.database.changes().announce(&Change::Account(account("first")), at(1)).await.expect("announced");
    let mut feed = feed(&fresh).await;
    let other = Database::open(&fresh.url).await.expect("a second node");
    let (early, late) = (Change::Account(account("early")), Change::Account(account("late")));
    let mut write = fresh.database.write().await.expect("a write begins");
    append(&mut write, &early, at(1)).await.expect("appended");
    let telling = tokio::spawn({
        let (other, late) = (other.clone(), late.clone());
        async move { other.changes().announce(&late, at(1)).await }
    });
    // Were the later number seen first, whoever saw it would never look for the earlier one.
    let mut seen = Vec::new();
    for _ in 0..20 {
        let News::Changes(changes) = next(&mut feed).await else { panic!("nothing is lost") };
        seen.extend(changes);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    write.commit().await.expect("committed");
    telling.await.expect("no panic").expect("announced");
    let News::Changes(changes) = next(&mut feed).await else { panic!("nothing is lost") };
    seen.extend(changes);
    assert_eq!(seen, [early, late]);
    other.close().await;
}

async fn what_many_tell_at_once_reaches_every_feed_in_one_order(fresh: Fresh) {
    let mut feeds = [feed(&fresh).await, feed(&fresh).await];
    let mut tellers = Vec::new();
    for node in 0..3 {
        let database = Database::open(&fresh.url).await.expect("a node");
        tellers.push(tokio::spawn(async move {
            for n in 0..30 {
                let change = Change::Account(account(&format!("{node}-{n}")));
                database.changes().announce(&change, at(1)).await.expect("announced");
            }
            database.close().await;
        }));
    }
    let mut seen = [Vec::new(), Vec::new()];
    while seen.iter().any(|seen| seen.len() < 90) {
        let is_over = tellers.iter().all(tokio::task::JoinHandle::is_finished);
        for (feed, seen) in feeds.iter_mut().zip(&mut seen) {
            let News::Changes(changes) = next(feed).await else { panic!("nothing is lost") };
            seen.extend(changes);
            assert!(!is_over || seen.len() == 90, "{} of 90 were seen", seen.len());
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen[0], seen[1]);
}

async fn a_feed_that_is_too_far_behind_learns_that_it_is(fresh: Fresh) {
    let mut behind = feed(&fresh).await;
    let change = Change::Account(account("reader"));
    fresh.database.changes().announce(&change, at(1)).await.expect("announced");
    let mut just_in_time = feed(&fresh).await;

    let mut write = fresh.database.write().await.expect("a write begins");
    for _ in 0..KEPT {
        append(&mut write, &change, at(2)).await.expect("appended");
    }
    write.commit().await.expect("committed");

    // Only the row that `just_in_time` began with is gone.
    let News::Changes(changes) = next(&mut just_in_time).await else {
        panic!("nothing is lost");
    };
    assert_eq!(i64::try_from(changes.len()), Ok(KEPT));
    assert_eq!(next(&mut behind).await, News::Lost);
    assert_eq!(next(&mut behind).await, News::Changes(vec![]));

    fresh.database.changes().announce(&change, at(3)).await.expect("announced");
    assert_eq!(next(&mut behind).await, News::Changes(vec![change]));
}

async fn a_database_that_was_replaced_by_an_older_one_is_noticed(fresh: Fresh) {
    let change = Change::Account(account("reader"));
    for _ in 0..3 {
        fresh.database.changes().announce(&change, at(1)).await.expect("announced");
    }
    let mut feed = feed(&fresh).await;
    let mut write = fresh.database.write().await.expect("a write begins");
    sqlx::query("DELETE FROM change WHERE seq > 1").execute(&mut *write).await.expect("rolled back");
    write.commit().await.expect("committed");
    assert_eq!(next(&mut feed).await, News::Lost);
    assert_eq!(next(&mut feed).await, News::Changes(vec![]));
}

async fn a_kind_of_change_from_a_newer_version_makes_everything_stale(fresh: Fresh) {
    let mut feed = feed(&fresh).await;
    let mut write = fresh.database.write().await.expect("a write begins");
    sqlx::query("INSERT INTO change (at, kind, institution, subject) VALUES (1, 'new', 'I', 's')")
        .execute(&mut *write)
        .await
        .expect("written");
    write.commit().await.expect("committed");
    assert_eq!(next(&mut feed).await, News::Lost);
}

on_every_database![
    every_change_of_an_account_is_told_in_order,
    every_change_of_an_integration_is_told,
    what_changes_nothing_is_not_told,
    another_process_sees_what_is_announced,
    changes_that_two_nodes_make_at_once_are_all_seen,
    what_many_tell_at_once_reaches_every_feed_in_one_order,
    a_feed_that_is_too_far_behind_learns_that_it_is,
    a_database_that_was_replaced_by_an_older_one_is_noticed,
    a_kind_of_change_from_a_newer_version_makes_everything_stale,
];
