//! Pages of the queue: whatever is asked for and in whatever order, all pages together are what a look at all flags gives.

use std::cmp::Reverse;

use crate::domain::{AccountId, Fact, FlagState, Institution, Move, Reason, Rejection, Severity};
use crate::store::suite::flag_life::action;
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, on_every_database};
use crate::store::{Database, FlagCursor, FlagFilter, FlagOrder, FlagRecord, FlagStore, Gathered};

/// Flags of every kind, and some accounts of another institution that are called the same.
async fn plant(database: &Database) {
    let reasons = [Rejection::Expired, Rejection::Locked, Rejection::NoPassword];
    for n in 0..30_i64 {
        let fact = refused(reasons[usize::try_from(n % 3).expect("small")]);
        let flag = record(database, &format!("p{:02}", n * 7 % 23), vec![seen(fact, at(n / 4))]).await;
        if n % 5 == 0 {
            database.flags().act(&flag.expect("a flag").flag, &action(Move::Resolve, 50)).await.expect("done");
        }
    }
    check_totals(database).await;
    let elsewhere = Institution::parse("00ELSE").expect("a code");
    let there = |n: i64| Gathered {
        account: AccountId::parse(&elsewhere, &format!("p{:02}", n * 7 % 23)).expect("a valid identifier"),
        seen: vec![seen(refused(Rejection::Locked), at(n))],
    };
    database.flags().record(&(0..6).map(there).collect::<Vec<_>>()).await.expect("recorded");
}

/// Every filter there is.
fn filters() -> Vec<FlagFilter> {
    let mut filters = vec![FlagFilter::default()];
    let mut also = |with: &dyn Fn(FlagFilter) -> FlagFilter| {
        let more: Vec<FlagFilter> = filters.iter().cloned().map(with).collect();
        filters.extend(more);
    };
    also(&|filter| FlagFilter { institution: Some(account("x").institution().clone()), ..filter });
    also(&|filter| FlagFilter { states: vec![FlagState::Resolved, FlagState::Open], ..filter });
    also(&|filter| FlagFilter { reason: Some(Reason::Locked), ..filter });
    also(&|filter| FlagFilter { severity: Some(Severity::High), ..filter });
    also(&|filter| FlagFilter { prefix: Some("p1".to_owned()), ..filter });
    filters.push(FlagFilter {
        states: vec![FlagState::Snoozed, FlagState::Open, FlagState::Open],
        ..FlagFilter::default()
    });
    filters.push(FlagFilter {
        severity: Some(Severity::Medium),
        states: vec![FlagState::Open],
        ..FlagFilter::default()
    });
    filters
}

fn fits(filter: &FlagFilter, flag: &FlagRecord) -> bool {
    (filter.states.is_empty() || filter.states.contains(&flag.state))
        && filter.institution.as_ref().is_none_or(|institution| flag.account.institution() == institution)
        && filter.reason.is_none_or(|reason| flag.reasons.contains(&reason))
        && filter.severity.is_none_or(|severity| flag.severity == severity)
        && filter.prefix.as_ref().is_none_or(|prefix| flag.account.identifier().starts_with(prefix))
}

async fn pages_show_what_the_filter_says_and_nothing_twice(fresh: Fresh) {
    plant(&fresh.database).await;
    let everything = all(&fresh.database).await;
    assert!(everything.len() > 20);
    for filter in filters() {
        for order in [FlagOrder::Severity, FlagOrder::Account] {
            let mut expected: Vec<FlagRecord> = everything.iter().filter(|flag| fits(&filter, flag)).cloned().collect();
            assert!(!expected.is_empty(), "{filter:?}");
            match filter.order(order) {
                FlagOrder::Account => expected
                    .sort_by_key(|flag| (flag.account.identifier().to_owned(), flag.account.institution().to_string())),
                FlagOrder::Severity => {
                    expected.sort_by_key(|flag| Reverse((flag.severity, flag.opened_at, flag.id.clone())));
                }
            }
            for most in [1, 4, 100] {
                let got = in_pages(&fresh.database, &filter, order, most, expected.len()).await;
                assert_eq!(got, expected, "{filter:?} {order:?} {most}");
            }
        }
    }
}

/// All pages of at most `most` flags; each tells how many there are in all.
async fn in_pages(
    database: &Database,
    filter: &FlagFilter,
    order: FlagOrder,
    most: usize,
    total: usize,
) -> Vec<FlagRecord> {
    let (mut got, mut after): (Vec<FlagRecord>, Option<FlagCursor>) = (Vec::new(), None);
    loop {
        let page = database.flags().page(filter, order, after.as_ref(), most).await.expect("a page");
        assert_eq!(page.total, u64::try_from(total).ok());
        got.extend(page.flags);
        let Some(next) = page.next else { return got };
        after = Some(FlagCursor::parse(&next.encode()).expect("a cursor"));
    }
}

async fn more_flags_than_are_counted_are_told_as_more(fresh: Fresh) {
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
    more_flags_than_are_counted_are_told_as_more,
    pages_show_what_the_filter_says_and_nothing_twice,
];
