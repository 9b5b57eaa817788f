//! From ended calls to rows: sums that are always equal, and memory that is bounded.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::{CallEnd, Day, Dimension, IntegrationName, Tally, Timestamp};
use crate::gateway::outcome::Outcome;
use crate::gateway::settings::UsageSettings;
use crate::gateway::table::Served;
use crate::gateway::usage::agent::UserAgent;
use crate::gateway::usage::buffer::UsageBuffer;
use crate::gateway::usage::counted::{EndedCall, Operation};
use crate::gateway::usage::counters::Counters;
use crate::gateway::usage::keeper::{UsageKeeper, keep_usage};
use crate::gateway::usage::ranking::Ranking;
use crate::identity::{IntegrationRegistry, fixture};
use crate::store::suite::harness::{self, Fresh, account, integration};
use crate::store::{
    Change, ListedAccount, StoreError, UsageAdded, UsageChange, UsageCount, UsageFuture, UsageStore, UsageTable,
};
use crate::telemetry::Metrics;

const DAY: Day = Day::from_number(20_000);

/// A call of the day, by the demo integration.
fn call(user: &str, end: CallEnd) -> EndedCall {
    EndedCall {
        at: DAY.start(),
        end,
        integration: Some(integration("demo")),
        account: Some(account(user)),
        account_exists: end == CallEnd::Accepted,
        operation: Operation::of(Served::Authenticate, &Outcome::Accepted),
        source: IpAddr::from([192, 0, 2, 1]),
        agent: UserAgent::read(b"Axis/1.4"),
    }
}

fn settings(top: usize) -> UsageSettings {
    UsageSettings { top, ..UsageSettings::default() }
}

fn spell(name: &IntegrationName) -> String {
    name.as_str().to_owned()
}

/// Writes all that was counted, and takes note of it.
async fn write(counters: &mut Counters, table: &UsageTable) {
    for taken in counters.take() {
        let UsageAdded::Written(written) = table.add(&taken.change, 0).await.expect("written") else {
            panic!("nobody is forgotten")
        };
        counters.written(&taken, &written);
    }
}

/// The day's sums, of which every dimension must be equal to all.
async fn sums(table: &UsageTable) -> Vec<UsageCount> {
    let mut sums = Vec::new();
    let counts = |tally: &Tally| (tally.accepted, tally.refused, tally.unanswered);
    for dimension in Dimension::ALL {
        sums = table.sums(DAY, DAY, &[dimension]).await.expect("read");
        let of = |dimension| sums.iter().filter(move |sum| sum.dimension == dimension).map(|sum| &sum.tally);
        let (all, by): (Tally, Tally) = (of(None).collect(), of(Some(dimension)).collect());
        assert_eq!(counts(&by), counts(&all), "{dimension:?}");
    }
    sums.extend(
        table
            .sums(DAY, DAY, &Dimension::ALL[..3])
            .await
            .expect("read")
            .into_iter()
            .filter(|sum| sum.dimension.is_some()),
    );
    sums
}

/// The named values of a dimension with their calls, and the calls of the others.
fn by(sums: &[UsageCount], dimension: Dimension) -> (Vec<(&str, u64)>, u64) {
    let own = sums.iter().filter(|sum| sum.dimension == Some(dimension));
    let (mut named, mut others) = (Vec::new(), 0);
    for sum in own {
        match &sum.value {
            Some(value) => named.push((&*value.value, sum.tally.calls())),
            None => others += sum.tally.calls(),
        }
    }
    (named, others)
}

#[test]
fn a_million_values_take_bounded_memory_and_every_call_is_counted_once() {
    const CALLS: u32 = 1_000_000;
    const TOP: usize = 10;
    let mut ranking = Ranking::new(TOP);
    let mut written = Tally::NONE;
    for number in 0..CALLS {
        ranking.add(IpAddr::from(number.to_be_bytes()), &Tally::one(CallEnd::Accepted, DAY.start()));
        assert!(ranking.len() < 4 * TOP, "{}", ranking.len());
        if number % 10_000 == 0 || number == CALLS - 1 {
            let taken = ranking.take(Dimension::Source);
            taken.candidates.iter().for_each(|candidate| written.add(&candidate.fresh));
            written.add(&taken.others);
        }
    }
    assert_eq!(written.accepted, u64::from(CALLS));
}

#[tokio::test]
async fn who_begins_late_and_calls_a_lot_gets_a_row_through_a_flood_of_others() {
    const CALLS: u32 = 20_000;
    const TOP: usize = 10;
    let fresh = harness::sqlite().await;
    let (table, mut counters) = (fresh.database.usage(), Counters::new(settings(TOP)));
    for number in 0..CALLS {
        // From the second half on one in ten calls is of one account, at one address, with one program.
        let heavy = number >= CALLS / 2 && number % 10 == 0;
        let text = if heavy { "heavy".to_owned() } else { format!("light{number}") };
        let counted = EndedCall {
            account: Some(account(&text)),
            source: if heavy { IpAddr::from([192, 0, 2, 1]) } else { IpAddr::from(number.to_be_bytes()) },
            agent: UserAgent::read(text.as_bytes()),
            ..call("a", CallEnd::Accepted)
        };
        assert_eq!(counters.count(counted, spell), 0);
        if number % 500 == 0 {
            write(&mut counters, &table).await;
        }
    }
    write(&mut counters, &table).await;
    let sums = sums(&table).await;
    for (dimension, heavy) in
        [(Dimension::Account, "heavy"), (Dimension::Agent, "heavy"), (Dimension::Source, "192.0.2.1")]
    {
        let (named, others) = by(&sums, dimension);
        assert_eq!(named.len(), TOP, "{dimension:?}");
        assert_eq!(named.iter().map(|(_, calls)| calls).sum::<u64>() + others, u64::from(CALLS), "{dimension:?}");
        let calls = named.iter().find(|(value, _)| *value == heavy).map_or(0, |(_, calls)| *calls);
        assert!((990..=1_000).contains(&calls), "{dimension:?}: {named:?}");
    }
}

#[tokio::test]
async fn an_account_is_named_only_once_it_is_known_to_exist() {
    let fresh = harness::sqlite().await;
    let (table, mut counters) = (fresh.database.usage(), Counters::new(settings(10)));
    for (user, end) in [
        ("reader", CallEnd::Refused),
        ("hunter2-as-a-name", CallEnd::Refused),
        ("reader", CallEnd::Accepted),
        ("reader", CallEnd::Refused),
        ("hunter2-as-a-name", CallEnd::Unanswered),
    ] {
        counters.count(call(user, end), spell);
    }
    counters.count(EndedCall { account: None, ..call("a", CallEnd::Unanswered) }, spell);
    write(&mut counters, &table).await;
    assert_eq!(by(&sums(&table).await, Dimension::Account), (vec![("reader", 3)], 3));
    // Only refused, as whoever needs a new password is; and known to be there, as the list has them.
    let institution = account("x").institution().clone();
    let listed = [ListedAccount { account: account("legacy"), others: Vec::new() }];
    let flags = fresh.database.flags();
    flags.import(&institution, &listed, "digest", ("mia", DAY.start()), &mut |_| ()).await.expect("imported");
    for user in ["legacy", "hunter3-as-a-name", "legacy"] {
        counters.count(call(user, CallEnd::Refused), spell);
    }
    let taken = counters.take();
    for taken in &taken {
        counters.give_back(taken);
    }
    write(&mut counters, &table).await;
    assert_eq!(by(&sums(&table).await, Dimension::Account), (vec![("legacy", 2), ("reader", 3)], 4));
}

#[tokio::test]
async fn what_is_counted_of_an_account_while_it_is_proven_moves_in_with_it() {
    let fresh = harness::sqlite().await;
    let flags = fresh.database.flags();
    let listed = [ListedAccount { account: account("legacy"), others: Vec::new() }];
    let institution = account("x").institution().clone();
    flags.import(&institution, &listed, "digest", ("mia", DAY.start()), &mut |_| ()).await.expect("imported");
    let (table, mut counters) = (fresh.database.usage(), Counters::new(settings(1)));
    for user in ["a", "a", "legacy"] {
        counters.count(call(user, if user == "a" { CallEnd::Accepted } else { CallEnd::Refused }), spell);
    }
    for taken in counters.take() {
        let UsageAdded::Written(written) = table.add(&taken.change, 0).await.expect("written") else {
            panic!("nobody is forgotten")
        };
        // Meanwhile.
        counters.count(call("legacy", CallEnd::Refused), spell);
        counters.count(call("legacy", CallEnd::Refused), spell);
        counters.written(&taken, &written);
    }
    counters.count(call("legacy", CallEnd::Refused), spell);
    write(&mut counters, &table).await;
    assert_eq!(by(&sums(&table).await, Dimension::Account), (vec![("legacy", 4)], 2));
}

#[test]
fn invented_names_take_bounded_memory_and_every_call_is_counted_once() {
    const TOP: usize = 10;
    let mut ranking = Ranking::new(TOP);
    let one = Tally::one(CallEnd::Refused, DAY.start());
    for number in 0..1_000_u32 {
        ranking.add_unproven(IpAddr::from(number.to_be_bytes()), &one);
    }
    let taken = ranking.take(Dimension::Account);
    assert_eq!(taken.unproven.len(), 4 * TOP);
    let unproven: Tally = taken.unproven.iter().map(|(_, calls)| calls).collect();
    assert_eq!(unproven.calls() + taken.others.calls(), 1_000);
}

#[tokio::test]
async fn an_account_that_is_forgotten_begins_anew() {
    let fresh = harness::sqlite().await;
    let (table, mut counters) = (fresh.database.usage(), Counters::new(settings(10)));
    counters.count(call("reader", CallEnd::Accepted), spell);
    write(&mut counters, &table).await;
    counters.count(call("reader", CallEnd::Accepted), spell);
    counters.forget_accounts();
    table.forget(&account("reader")).await.expect("forgotten");
    write(&mut counters, &table).await;
    assert_eq!(by(&sums(&table).await, Dimension::Account), (vec![], 2));
}

#[test]
fn integrations_are_bounded_and_one_however_it_is_spelled() {
    let mut counters = Counters::new(settings(10));
    for spelled in ["demo", "DEMO", "Demo"] {
        counters.count(EndedCall { integration: Some(integration(spelled)), ..call("a", CallEnd::Accepted) }, spell);
    }
    let taken = counters.take();
    assert_eq!((taken.len(), taken[0].change.all.calls()), (1, 3));
    for number in 0..2_000 {
        let name = Some(integration(&format!("other{number}")));
        counters.count(EndedCall { integration: name, ..call("a", CallEnd::Accepted) }, spell);
    }
    let taken = counters.take();
    let nameless = taken.iter().find(|taken| taken.change.integration.is_empty()).expect("calls beyond the names");
    assert_eq!((taken.len(), nameless.change.all.calls()), (512, 2_000 - 511));
}

#[test]
fn days_that_wait_for_the_store_are_bounded_and_those_written_go() {
    let mut counters = Counters::new(settings(10));
    let on = |number: i64| EndedCall { at: Day::from_number(number).start(), ..call("a", CallEnd::Accepted) };
    let dropped: u64 = (0..40).map(|number| counters.count(on(number), spell)).sum();
    assert_eq!(dropped, 8, "the oldest days make way, and it is told");
    let taken = counters.take();
    assert_eq!(taken.len(), 32);
    counters.give_back(&taken[0]);
    counters.drop_written_days();
    assert_eq!(counters.take().len(), 1, "what was given back is still there");
}

/// A store that can be away.
struct Shaky {
    table: UsageTable,
    away: AtomicBool,
    failed: AtomicU32,
}

impl Shaky {
    fn away(table: UsageTable) -> Arc<Self> {
        Arc::new(Self { table, away: AtomicBool::new(true), failed: AtomicU32::new(0) })
    }
}

impl UsageStore for Shaky {
    fn add<'a>(&'a self, change: &'a UsageChange, forgotten: i64) -> UsageFuture<'a, UsageAdded> {
        if self.away.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Box::pin(std::future::ready(Err(StoreError::away())));
        }
        self.table.add(change, forgotten)
    }
}

async fn keeper(fresh: &Fresh, buffer: &Arc<UsageBuffer>) -> UsageKeeper {
    keeper_with(fresh, buffer, settings(10)).await
}

async fn keeper_with(fresh: &Fresh, buffer: &Arc<UsageBuffer>, settings: UsageSettings) -> UsageKeeper {
    let clock = fixture::StillClock::at(0);
    let registry = IntegrationRegistry::load(fresh.database.integrations(), fixture::pool(), clock);
    UsageKeeper::new(Arc::clone(buffer), settings, Arc::new(registry.await.expect("loaded")))
}

#[tokio::test]
async fn nothing_is_lost_while_the_store_is_away_and_the_rest_is_written_at_the_end() {
    let fresh = harness::sqlite().await;
    let buffer = UsageBuffer::new(Metrics::new());
    let keeper = keeper(&fresh, &buffer).await;
    let store = Shaky::away(fresh.database.usage());
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(keep_usage(keeper, Arc::clone(&store) as Arc<dyn UsageStore>, stop.clone()));
    for _ in 0..3 {
        buffer.put(call("reader", CallEnd::Accepted));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!keeping.is_finished(), "it waits for the store");
    store.away.store(false, Ordering::Relaxed);
    keeping.await.expect("it ends once all is written");
    let sums = sums(&store.table).await;
    assert_eq!(by(&sums, Dimension::Operation), (vec![("authenticate.authenticateUser", 3)], 0));
    assert_eq!(by(&sums, Dimension::Account), (vec![("reader", 3)], 0));
}

/// It may be a password in the wrong field: it is not kept until a store is back that is away for long.
#[tokio::test]
async fn a_name_that_nobody_could_be_asked_about_is_dropped_after_two_writes_in_vain() {
    let fresh = harness::sqlite().await;
    let listed = [ListedAccount { account: account("legacy"), others: Vec::new() }];
    let institution = account("x").institution().clone();
    let flags = fresh.database.flags();
    flags.import(&institution, &listed, "digest", ("mia", DAY.start()), &mut |_| ()).await.expect("imported");
    let buffer = UsageBuffer::new(Metrics::new());
    let settings = UsageSettings { write_every: Duration::from_millis(1), ..settings(10) };
    let keeper = keeper_with(&fresh, &buffer, settings).await;
    let store = Shaky::away(fresh.database.usage());
    let stop = CancellationToken::new();
    buffer.put(call("legacy", CallEnd::Refused));
    buffer.put(call("reader", CallEnd::Accepted));
    let keeping = tokio::spawn(keep_usage(keeper, Arc::clone(&store) as Arc<dyn UsageStore>, stop.clone()));
    while store.failed.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    store.away.store(false, Ordering::Relaxed);
    stop.cancel();
    keeping.await.expect("it ends once all is written");
    assert_eq!(by(&sums(&store.table).await, Dimension::Account), (vec![("reader", 1)], 1));
}

/// Whoever called just before they were forgotten is not named by what is written just after.
#[tokio::test]
async fn who_is_forgotten_between_two_writes_is_named_by_none() {
    let fresh = harness::sqlite().await;
    let buffer = UsageBuffer::new(Metrics::new());
    let keeper = keeper(&fresh, &buffer).await;
    let table = fresh.database.usage();
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(keep_usage(keeper, Arc::new(table.clone()) as Arc<dyn UsageStore>, stop.clone()));
    buffer.put(call("reader", CallEnd::Accepted));
    // Nobody tells the keeper: the change is not seen yet.
    fresh.database.changes().announce(&Change::Everything, Timestamp::from_millis(0)).await.expect("told");
    stop.cancel();
    keeping.await.expect("it ends once all is written");
    let sums = sums(&table).await;
    assert_eq!(by(&sums, Dimension::Account), (vec![], 1));
    assert_eq!(by(&sums, Dimension::Operation), (vec![("authenticate.authenticateUser", 1)], 0));
}

#[tokio::test]
async fn a_full_buffer_drops_calls_and_tells_how_many() {
    let metrics = Metrics::new();
    let buffer = UsageBuffer::new(metrics.clone());
    let at = Timestamp::from_millis(0);
    for _ in 0..20_000 {
        buffer.put(EndedCall { at, integration: None, account: None, ..call("a", CallEnd::Accepted) });
    }
    assert_eq!(buffer.take(Vec::new()).len(), 16_384);
    assert_eq!(metrics.usage_not_recorded.get(), 20_000 - 16_384);
}
