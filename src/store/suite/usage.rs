//! Counters of calls, on every kind of database: sums are always equal, whoever adds, moves or takes out.

use crate::domain::{AccountId, CallEnd, Day, Dimension, Fact, Rejection, Tally};
use crate::store::suite::flags::{record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, on_every_database};
use crate::store::{
    Database, ListedAccount, NewAccountRecord, UsageAdded, UsageCandidate, UsageChange, UsageCount, UsagePlace,
    UsageRanking, UsageStore, UsageTable, UsageValue, UsageWritten,
};

const DAY: Day = Day::from_number(20_000);

fn calls(accepted: u64, refused: u64, millis: i64) -> Tally {
    let mut tally = Tally::NONE;
    (0..accepted).for_each(|_| tally.count(CallEnd::Accepted, at(millis)));
    (0..refused).for_each(|_| tally.count(CallEnd::Refused, at(millis)));
    tally
}

fn of_account(account: &AccountId) -> UsageValue {
    UsageValue { institution: account.institution().as_str().into(), value: account.identifier().into() }
}

/// What an integration's accounts called, and calls of nobody in particular.
fn change(integration: &str, accounts: &[(&str, Tally, Tally)], others: Tally, kept: usize) -> UsageChange {
    let candidates: Vec<UsageCandidate> = accounts
        .iter()
        .map(|(name, fresh, parked)| UsageCandidate {
            value: of_account(&account(name)),
            fresh: *fresh,
            parked: *parked,
        })
        .collect();
    let mut all: Tally = candidates.iter().map(|candidate| &candidate.fresh).collect();
    all.add(&others);
    let ranking = UsageRanking { dimension: Dimension::Account, candidates, unproven: Vec::new(), others, kept };
    let agent = UsageValue { institution: Box::from(""), value: Box::from("PHP-SOAP/8.2") };
    let agents = UsageRanking {
        dimension: Dimension::Agent,
        candidates: vec![UsageCandidate { value: agent, fresh: all, parked: Tally::NONE }],
        unproven: Vec::new(),
        others: Tally::NONE,
        kept,
    };
    UsageChange { day: DAY, integration: integration.to_owned(), all, rankings: vec![ranking, agents] }
}

async fn added(table: &UsageTable, change: &UsageChange) -> Vec<UsageWritten> {
    match table.add(change, i64::MAX).await.expect("the store answers") {
        UsageAdded::Written(written) => written,
        UsageAdded::Forgotten(_) => panic!("nobody was forgotten"),
    }
}

/// The accounts' rows with their calls, and the others; every dimension adds up to all.
async fn accounts(table: &UsageTable, integration: &str) -> Vec<(String, u64)> {
    let dimensions = [Dimension::Account, Dimension::Agent];
    let sums = table.sums(DAY, DAY, &dimensions).await.expect("read");
    let own: Vec<&UsageCount> = sums.iter().filter(|sum| sum.integration == integration).collect();
    let of = |dimension| own.iter().filter(move |sum| sum.dimension == dimension).map(|sum| &sum.tally);
    let all: Tally = of(None).collect();
    for dimension in dimensions {
        let sum: Tally = of(Some(dimension)).collect();
        let counts = |tally: &Tally| (tally.accepted, tally.refused, tally.unanswered);
        assert_eq!(counts(&sum), counts(&all), "{dimension:?}: {own:?}");
    }
    let named = own.iter().filter(|sum| sum.dimension == Some(Dimension::Account));
    named
        .map(|sum| (sum.value.as_ref().map_or("others".to_owned(), |value| value.value.to_string()), sum.tally.calls()))
        .collect()
}

fn list(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
}

async fn what_is_counted_is_added_and_the_rest_is_others(fresh: Fresh) {
    let table = fresh.database.usage();
    let first =
        change("one", &[("a", calls(2, 1, 50), Tally::NONE), ("b", calls(1, 0, 60), Tally::NONE)], calls(0, 2, 70), 1);
    let written = added(&table, &first).await;
    assert_eq!(written[0].places, [UsagePlace::Named, UsagePlace::Others(calls(1, 0, 60))]);
    assert_eq!(accounts(&table, "one").await, list(&[("a", 3), ("others", 3)]));

    let second = change("one", &[("b", calls(3, 0, 40), calls(1, 0, 60))], Tally::NONE, 1);
    let written = added(&table, &second).await;
    assert_eq!(written[0].evicted, [(of_account(&account("a")), calls(2, 1, 50))]);
    assert_eq!(accounts(&table, "one").await, list(&[("b", 4), ("others", 5)]));
    assert_eq!(accounts(&table, "two").await, list(&[]));

    let all = &table.sums(DAY, DAY, &[]).await.expect("read")[0].tally;
    assert_eq!((all.first, all.last, all.accepted, all.refused), (at(40), at(70), 6, 3));
}

async fn a_refused_account_is_named_when_anything_is_known_of_it(fresh: Fresh) {
    let flags = fresh.database.flags();
    record(&fresh.database, "flagged", vec![seen(refused(Rejection::NoPassword), at(1))]).await;
    record(&fresh.database, "let-in", vec![seen(Fact::Accepted, at(1))]).await;
    let listed = [ListedAccount { account: account("listed"), others: vec![account("barcode")] }];
    let institution = account("x").institution().clone();
    flags.import(&institution, &listed, "digest", ("mia", at(1)), &mut |_| ()).await.expect("imported");
    let kept = NewAccountRecord { account: account("kept"), hash: None, must_change: false, expires_at: None };
    assert!(fresh.database.accounts().insert(&kept, at(1)).await.expect("added"));
    let names = ["flagged", "let-in", "listed", "barcode", "kept", "hunter2-as-a-name"];
    let unproven = names.map(|name| (of_account(&account(name)), calls(0, 1, 5)));
    let mut change = change("one", &[("a", calls(1, 0, 5), Tally::NONE)], Tally::NONE, 9);
    change.all.add(&calls(0, 6, 5));
    change.rankings[0].unproven = unproven.to_vec();
    change.rankings[1].others = calls(0, 6, 5);
    let table = fresh.database.usage();
    let written = added(&table, &change).await;
    let proven: Vec<_> = written[0].proven.iter().map(|(value, place)| (&*value.value, place)).collect();
    assert_eq!(proven, names[..5].iter().map(|name| (*name, &UsagePlace::Named)).collect::<Vec<_>>());
    assert_eq!(written[0].places, [UsagePlace::Named]);
    let expected = [("a", 1), ("barcode", 1), ("flagged", 1), ("kept", 1), ("let-in", 1), ("listed", 1), ("others", 1)];
    let mut found = accounts(&table, "one").await;
    found.sort();
    assert_eq!(found, list(&expected));
}

async fn nodes_that_add_at_once_lose_nothing(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second node");
    let mut nodes = Vec::new();
    for (node, database) in [(0, fresh.database.clone()), (1, other.clone())] {
        nodes.push(tokio::spawn(async move {
            let table = database.usage();
            for round in 0..20_u64 {
                let name = format!("{node}-{}", round % 4);
                let own =
                    [(name.as_str(), calls(1 + round % 3, 0, 5), Tally::NONE), ("both", calls(2, 0, 5), Tally::NONE)];
                added(&table, &change("one", &own, calls(0, 1, 5), 3)).await;
            }
        }));
    }
    for node in nodes {
        node.await.expect("no panic");
    }
    let rows = accounts(&fresh.database.usage(), "one").await;
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.contains(&("both".to_owned(), 80)), "{rows:?}");
    let fresh_calls: u64 = (0..20_u64).map(|round| 1 + round % 3 + 2 + 1).sum();
    assert_eq!(rows.iter().map(|(_, calls)| calls).sum::<u64>(), 2 * fresh_calls);
    other.close().await;
}

async fn an_account_that_is_forgotten_is_among_the_others(fresh: Fresh) {
    let table = fresh.database.usage();
    let both = [("a", calls(2, 1, 50), Tally::NONE), ("b", calls(1, 0, 60), Tally::NONE)];
    added(&table, &change("one", &both, Tally::NONE, 9)).await;
    added(&table, &change("two", &both, calls(5, 0, 80), 9)).await;
    assert_eq!(table.forget(&account("A")).await.expect("forgotten"), 2);
    assert_eq!(accounts(&table, "one").await, list(&[("b", 1), ("others", 3)]));
    assert_eq!(accounts(&table, "two").await, list(&[("b", 1), ("others", 8)]));
    assert_eq!(table.forget(&account("a")).await.expect("nothing to do"), 0);
    let elsewhere = AccountId::parse(&crate::domain::Institution::parse("02X").expect("a code"), "b").expect("an id");
    assert_eq!(table.forget(&elsewhere).await.expect("another's"), 0);
}

async fn old_days_go(fresh: Fresh) {
    let table = fresh.database.usage();
    for number in 0..3 {
        let one = [("a", calls(1, 0, 5), Tally::NONE)];
        let change = UsageChange { day: Day::from_number(number), ..change("one", &one, Tally::NONE, 9) };
        added(&table, &change).await;
    }
    assert_eq!(table.purge(Day::from_number(2)).await.expect("purged"), 6, "two days of three rows");
    let left = table.sums(Day::from_number(0), Day::from_number(9), &[Dimension::Account]).await.expect("read");
    assert_eq!(left.iter().map(|sum| sum.tally.calls()).collect::<Vec<_>>(), [1, 1]);
    let parked = [("a", calls(1, 0, 5), Tally::NONE), ("b", calls(1, 0, 5), calls(7, 0, 1))];
    let late = UsageChange { day: Day::from_number(0), ..change("one", &parked, Tally::NONE, 9) };
    // What was parked in a purged day is gone, and nothing goes below zero.
    added(&table, &late).await;
    let sums = table.sums(Day::from_number(0), Day::from_number(0), &[Dimension::Account]).await.expect("read");
    assert_eq!(sums.iter().map(|sum| sum.tally.calls()).collect::<Vec<_>>(), [1, 1, 2]);
}

async fn days_are_told_by_integration_and_operation(fresh: Fresh) {
    let table = fresh.database.usage();
    for (number, operation) in [(1, "x.one"), (2, "x.one"), (2, "")] {
        let value = UsageValue { institution: Box::from(""), value: Box::from(operation) };
        let candidates = vec![UsageCandidate { value, fresh: calls(1, 0, 5), parked: Tally::NONE }];
        let operations = UsageRanking {
            dimension: Dimension::Operation,
            candidates,
            unproven: Vec::new(),
            others: Tally::NONE,
            kept: usize::MAX,
        };
        let change = UsageChange {
            day: Day::from_number(number),
            integration: "one".to_owned(),
            all: calls(1, 0, 5),
            rankings: vec![operations],
        };
        added(&table, &change).await;
    }
    let days = table.days(Day::from_number(1), Day::from_number(2)).await.expect("read");
    let told: Vec<(i64, &str)> = days.iter().map(|day| (day.day.number(), day.operation.as_str())).collect();
    assert_eq!(told, [(1, "x.one"), (2, ""), (2, "x.one")]);
}

on_every_database! {
    what_is_counted_is_added_and_the_rest_is_others,
    a_refused_account_is_named_when_anything_is_known_of_it,
    nodes_that_add_at_once_lose_nothing,
    an_account_that_is_forgotten_is_among_the_others,
    old_days_go,
    days_are_told_by_integration_and_operation,
}
