//! What the store is asked and told, there and away.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tokio::time::Instant;

use super::*;
use crate::domain::{AttemptRule, Caller, Institution, Slot, SlotKind, Timestamp};
use crate::gateway::attempts::entry::{Counted, Known, asked};
use crate::gateway::attempts::presence::REUNION;
use crate::store::{AttemptCounts, AttemptFuture, Reserved, Settled, SlotId, Taken};

/// A store that fails as long as it is told to, and remembers what it was told.
#[derive(Default)]
struct Shaky {
    fails: AtomicBool,
    settled: Mutex<Vec<Settled>>,
    noted: Mutex<Vec<(AccountId, Taken)>>,
    /// Attempts of an account that the last reservation allowed.
    allowed: Mutex<u32>,
}

impl AttemptStore for Shaky {
    fn reserve<'a>(&'a self, asked: &'a [Reservation]) -> AttemptFuture<'a, Vec<Reserved>> {
        Box::pin(async move {
            if self.fails.load(Ordering::SeqCst) {
                return Err(StoreError::away());
            }
            *self.allowed.lock().expect("not poisoned") = asked[0].rule.per_account;
            let gate = Gate::Open(SlotKind::First);
            Ok(asked.iter().map(|_| Reserved { gate, slots: Vec::new(), last_success: None }).collect())
        })
    }

    fn settle<'a>(&'a self, settled: &'a [Settlement]) -> AttemptFuture<'a, ()> {
        Box::pin(async move {
            if self.fails.load(Ordering::SeqCst) {
                return Err(StoreError::away());
            }
            let mut all = self.settled.lock().expect("not poisoned");
            all.extend(settled.iter().map(|settlement| settlement.settled));
            Ok(())
        })
    }

    fn note<'a>(&'a self, taken: &'a [(AccountId, Taken)]) -> AttemptFuture<'a, ()> {
        Box::pin(async move {
            self.noted.lock().expect("not poisoned").extend_from_slice(taken);
            Ok(())
        })
    }

    fn join<'a>(&'a self, _: &'a AccountId, _: &'a AccountId) -> AttemptFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn counts<'a>(&'a self, _: &'a mut AttemptCounts) -> AttemptFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn ledger() -> (Ledger, LedgerReceiver) {
    Ledger::new(Duration::from_millis(50), Arc::new(Memory::new(100)), Metrics::new())
}

fn reservation() -> Reservation {
    let institution = Institution::parse("01X").expect("a code");
    Reservation {
        id: SlotId::from("1"),
        account: AccountId::parse(&institution, "reader").expect("an identifier"),
        caller: Caller::new(None),
        kind: SlotKind::First,
        rule: AttemptRule { nodes: 2, ..AttemptRule::default() },
        at: Timestamp::from_millis(1),
        untold: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_tried_once_a_second_and_told_everything_when_it_is_back() {
    let store = Arc::new(Shaky::default());
    let (ledger, receiver) = ledger();
    let (stop, port) = (CancellationToken::new(), Arc::<Shaky>::clone(&store));
    let keeping = tokio::spawn(keep_ledger(receiver, port, stop.clone()));
    assert!(ledger.reserve(reservation()).await.is_ok());
    store.fails.store(true, Ordering::SeqCst);
    assert!(ledger.reserve(reservation()).await.is_err());
    let settled = Settlement { slot: SlotId::from("1"), settled: Settled::Refused, at: Timestamp::from_millis(2) };
    ledger.settle(settled);
    let asked = Instant::now();
    for _ in 0..100 {
        assert!(ledger.reserve(reservation()).await.is_err());
    }
    assert!(asked.elapsed() < TRY_AGAIN, "nobody waits for a store that is known to be away");
    store.fails.store(false, Ordering::SeqCst);
    tokio::time::sleep(TRY_AGAIN * 2).await;
    assert!(ledger.reserve(reservation()).await.is_ok());
    assert_eq!(*store.settled.lock().expect("not poisoned"), [Settled::Refused]);
    stop.cancel();
    keeping.await.expect("it ends in order");
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_alone_is_told_first_and_shares_hold_until_others_have_told_theirs() {
    let store = Arc::new(Shaky::default());
    let (ledger, receiver) = ledger();
    let (stop, memory) = (CancellationToken::new(), Arc::clone(&receiver.memory));
    let keeping = tokio::spawn(keep_ledger(receiver, Arc::<Shaky>::clone(&store), stop.clone()));
    let allowed = async || {
        assert!(ledger.reserve(reservation()).await.is_ok());
        *store.allowed.lock().expect("not poisoned")
    };
    assert_eq!(allowed().await, 10);

    store.fails.store(true, Ordering::SeqCst);
    ledger.missed(&StoreError::away());
    let Reservation { account, caller, kind, rule, at, .. } = reservation();
    assert!(memory.make_room(&account, at));
    let taken = asked(SlotId::from("2"), &caller, kind, at);
    memory.reserve_alone(&account, taken.clone(), Known::Never, &rule);
    ledger.tell();
    memory.settle(&account, &taken.id, Counted::Refused, at);
    tokio::time::sleep(TRY_AGAIN * 3).await;
    assert_eq!(*store.noted.lock().expect("not poisoned"), []);

    store.fails.store(false, Ordering::SeqCst);
    tokio::time::sleep(TRY_AGAIN * 2).await;
    let told = Taken { slot: Slot { refused: true, ..taken.slot }, ..taken };
    assert_eq!(*store.noted.lock().expect("not poisoned"), [(account, told)], "nobody had to sign in for it");
    assert_eq!(allowed().await, 5);
    tokio::time::sleep(REUNION).await;
    assert_eq!(allowed().await, 10);
    stop.cancel();
    keeping.await.expect("it ends in order");
}
