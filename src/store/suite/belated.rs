//! What was seen before somebody was forgotten and comes to be written after it.

use crate::domain::{Fact, Rejection};
use crate::store::suite::archive::copy;
use crate::store::suite::flags::{all, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, integration, new_account, on_every_database};
use crate::store::{ListedAccount, Seen};

on_every_database!(
    nobody_is_flagged_again_by_what_was_seen_before_they_were_forgotten,
    who_comes_again_after_it_is_flagged_by_that_alone,
    who_was_let_in_as_an_integration_is_forgotten_as_such_too,
    who_was_known_before_and_still_is_was_not_forgotten,
);

/// Forgets somebody at the moment 10.
async fn forget(fresh: &Fresh, identifier: &str) {
    let done = fresh.database.erasure().forget(&account(identifier), "ben", at(10)).await;
    done.expect("the store answers").expect("something was known");
}

async fn nobody_is_flagged_again_by_what_was_seen_before_they_were_forgotten(fresh: Fresh) {
    let institution = account("x").institution().clone();
    let list = [ListedAccount { account: account("planted"), others: vec![account("planted-card")] }];
    let imported = fresh.database.flags().import(&institution, &list, "d", ("mia", at(1)), &mut |_| ()).await;
    imported.expect("imported");
    forget(&fresh, "planted").await;
    for (identifier, fact) in [
        ("planted", refused(Rejection::Locked)),
        ("planted", Fact::Accepted),
        ("planted-card", Fact::MustChange),
        ("planted-card", refused(Rejection::WrongPassword)),
    ] {
        assert_eq!(record(&fresh.database, identifier, vec![seen(fact, at(9))]).await, None, "{identifier}: {fact:?}");
    }
    let after = copy(&fresh.database).await;
    assert!(!after.contains("planted"), "{after}");
}

async fn who_comes_again_after_it_is_flagged_by_that_alone(fresh: Fresh) {
    record(&fresh.database, "reader", vec![seen(Fact::MustChange, at(1))]).await.expect("a flag");
    forget(&fresh, "reader").await;
    let both = vec![
        seen(refused(Rejection::Expired), at(9)),
        Seen { first: at(5), count: 4, ..seen(Fact::MustChange, at(11)) },
        Seen { first: at(12), count: 2, ..seen(Fact::MustChange, at(13)) },
    ];
    record(&fresh.database, "reader", both).await.expect("a flag");
    let flag = all(&fresh.database).await.remove(0);
    assert_eq!((flag.first_seen, flag.last_seen, flag.count), (at(11), at(13), 3), "{flag:?}");
}

async fn who_was_let_in_as_an_integration_is_forgotten_as_such_too(fresh: Fresh) {
    let (database, name) = (&fresh.database, integration("person"));
    database.integrations().note_accepted(&name, at(1)).await.expect("noted");
    record(database, "person", vec![seen(Fact::MustChange, at(1))]).await.expect("a flag");
    forget(&fresh, "person").await;
    assert_eq!(database.integrations().accepted_before().await.expect("read"), []);
    // What was on its way to the store.
    database.integrations().note_accepted(&name, at(10)).await.expect("left out");
    assert_eq!(database.integrations().accepted_before().await.expect("read"), []);
    assert_eq!(record(database, "person", vec![seen(refused(Rejection::Locked), at(9))]).await, None);
    // One that is registered is what it was: its name is the registry's.
    let hash = crate::store::suite::harness::hash("one");
    database.integrations().insert(&name, &hash, at(20)).await.expect("registered");
    database.integrations().note_accepted(&name, at(20)).await.expect("noted");
    record(database, "person", vec![seen(Fact::MustChange, at(21))]).await.expect("a flag");
    forget(&fresh, "person").await;
    assert_eq!(database.integrations().accepted_before().await.expect("read"), [name]);
}

async fn who_was_known_before_and_still_is_was_not_forgotten(fresh: Fresh) {
    let database = &fresh.database;
    let institution = account("x").institution().clone();
    database.accounts().insert(&new_account("held"), at(1)).await.expect("added");
    let list = [ListedAccount { account: account("listed"), others: vec![account("listed-card")] }];
    database.flags().import(&institution, &list, "d", ("mia", at(1)), &mut |_| ()).await.expect("imported");
    record(database, "let-in", vec![seen(Fact::Accepted, at(1))]).await;
    for flagged in ["flagged", "forgotten"] {
        record(database, flagged, vec![seen(Fact::MustChange, at(1))]).await.expect("a flag");
    }
    let name = integration("proxy");
    let hash = crate::store::suite::harness::hash("one");
    database.integrations().insert(&name, &hash, at(1)).await.expect("registered");
    let unregistered = integration("unregistered");
    database.integrations().note_accepted(&unregistered, at(1)).await.expect("noted");
    forget(&fresh, "forgotten").await;
    let integrations = [&name, &unregistered].map(|name| name.account().identifier());
    for identifier in ["held", "listed-card", "let-in", "flagged"].into_iter().chain(integrations) {
        let recorded = record(database, identifier, vec![seen(refused(Rejection::Locked), at(9))]).await;
        assert!(recorded.is_some(), "{identifier} was known all the time");
    }
    // One that was known only since may have been forgotten before.
    database.accounts().insert(&new_account("forgotten"), at(20)).await.expect("added");
    assert_eq!(record(database, "forgotten", vec![seen(refused(Rejection::Locked), at(9))]).await, None);
}
