//! What a node knows that was started while the store was slow or away.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::*;
use crate::domain::{AccountId, AttemptRule, Caller, DAY, Gate, Institution, SlotKind};
use crate::gateway::attempts::entry::{Counted, Known, asked};
use crate::store::{AttemptFuture, Reservation, Reserved, Settlement, SlotId, Taken};

const NOW: Timestamp = Timestamp::from_millis(50 * 3_600_000);

/// Counts eight slots of the reader, and says nothing of anybody else until it is back.
#[derive(Default)]
struct Slow {
    is_back: AtomicBool,
}

impl AttemptStore for Slow {
    fn reserve<'a>(&'a self, _: &'a [Reservation]) -> AttemptFuture<'a, Vec<Reserved>> {
        Box::pin(std::future::ready(Err(StoreError::away())))
    }

    fn settle<'a>(&'a self, _: &'a [Settlement]) -> AttemptFuture<'a, ()> {
        Box::pin(std::future::ready(Err(StoreError::away())))
    }

    fn note<'a>(&'a self, _: &'a [(AccountId, Taken)]) -> AttemptFuture<'a, ()> {
        Box::pin(std::future::ready(Err(StoreError::away())))
    }

    fn join<'a>(&'a self, _: &'a AccountId, _: &'a AccountId) -> AttemptFuture<'a, ()> {
        Box::pin(std::future::ready(Err(StoreError::away())))
    }

    fn counts<'a>(&'a self, counts: &'a mut AttemptCounts) -> AttemptFuture<'a, ()> {
        Box::pin(async move {
            let all = AttemptCounts::of_one(&account("reader"), (0..8).map(slot).collect());
            if self.is_back.load(Ordering::SeqCst) {
                *counts = all;
                return Ok(());
            }
            *counts = all.cut();
            std::future::pending().await
        })
    }
}

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01X").expect("a code"), identifier).expect("an identifier")
}

/// A slot of a caller of its own, under an id of its own.
fn slot(n: usize) -> Taken {
    asked(SlotId::from(n.to_string().as_str()), &Caller::stored(&format!("01X/{n}")), SlotKind::First, NOW)
}

fn alone(memory: &Memory, person: &AccountId, n: usize) -> Gate {
    assert!(memory.make_room(person, NOW));
    memory.reserve_alone(person, slot(n), Known::Never, &AttemptRule::default())
}

/// How many of thirty further callers get a slot.
fn open_alone(memory: &Memory, identifier: &str) -> usize {
    let person = account(identifier);
    (100..130).filter(|n| matches!(alone(memory, &person, *n), Gate::Open(_))).count()
}

async fn begun_without_the_rest() -> (Slow, Memory) {
    let (store, memory) = (Slow::default(), Memory::new(1_000));
    let started = Instant::now();
    assert!(begin(&store, &memory, NOW).await.is_err());
    assert!(started.elapsed() <= PATIENCE);
    (store, memory)
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_store_went_silent_counts() {
    let (_, memory) = begun_without_the_rest().await;
    assert_eq!(open_alone(&memory, "reader"), 2);
}

#[tokio::test(start_paused = true)]
async fn who_knows_the_password_of_an_account_of_which_nothing_is_known_is_let_in_and_nobody_is_told_no() {
    let (_, memory) = begun_without_the_rest().await;
    let stranger = account("stranger");
    for n in 0..20 {
        assert_eq!(alone(&memory, &stranger, n), Gate::Open(SlotKind::First), "none is taken by a right password");
        memory.settle(&stranger, &slot(n).id, Counted::Accepted, NOW);
    }
    assert_eq!(alone(&memory, &stranger, 20), Gate::Open(SlotKind::First));
    memory.settle(&stranger, &slot(20).id, Counted::Refused, NOW);
    assert_eq!(alone(&memory, &stranger, 21), Gate::Closed { unknown: true }, "nobody knows what is left");
    memory.see(&stranger, Reserved { gate: Gate::Open(SlotKind::First), slots: Vec::new(), last_success: None });
    assert_eq!(open_alone(&memory, "stranger"), 9, "the store has answered");
    alone(&memory, &account("unlocked"), 30);
    memory.clear(&account("unlocked"));
    assert_eq!(open_alone(&memory, "unlocked"), 10, "nothing is counted of whom somebody unlocked");
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_read_when_the_store_is_back_and_dropped_when_it_counts_no_more() {
    let (store, memory) = begun_without_the_rest().await;
    let goes_on = async |time| timeout(time, go_on(&store, &memory)).await.is_err();
    assert!(goes_on(READ_AGAIN * 5).await);
    assert_eq!(open_alone(&memory, "one"), 1);
    store.is_back.store(true, Ordering::SeqCst);
    assert!(goes_on(READ_AGAIN * 2).await);
    assert_eq!((open_alone(&memory, "two"), open_alone(&memory, "reader")), (10, 2));
    let later = Memory::new(1_000);
    begin(&store, &later, NOW).await.expect("it answers");
    assert!(timeout(DAY * 2, go_on(&store, &later)).await.is_err());
    assert_eq!(open_alone(&later, "reader"), 10);
}

#[tokio::test(start_paused = true)]
async fn who_was_met_before_the_rest_was_read_shares_the_budget_with_their_other_identifiers() {
    let (_, memory) = begun_without_the_rest().await;
    let [early, reader, late] = ["barcode", "reader", "mail"].map(account);
    assert_eq!(alone(&memory, &early, 30), Gate::Open(SlotKind::First), "whose that is nobody knows yet");
    assert_eq!(alone(&memory, &reader, 31), Gate::Open(SlotKind::First), "the ninth of ten");
    let mut all = AttemptCounts::of_one(&reader, (0..8).map(slot).collect());
    for alias in [&early, &late] {
        all.join(alias, &reader);
    }
    memory.begin_with(all, true);
    assert_eq!(open_alone(&memory, "mail"), 0, "ten are taken");
    assert_eq!((open_alone(&memory, "reader"), open_alone(&memory, "barcode")), (0, 0));
}
