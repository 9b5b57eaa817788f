//! Counting attempts in the store: one worker, many in one write. A sign-in waits for the store a moment and not
//! longer. What nodes count while the store is away they tell it when it is back, before anything else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Gate};
use crate::gateway::attempts::memory::Memory;
use crate::store::{AttemptStore, Reservation, Reserved, Settled, Settlement, StoreError};
use crate::telemetry::Metrics;

/// How often a store that is away is tried.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How long a node that was without the store goes on with its share of the budgets: until then every other one has
/// told the store what it counted alone.
const REUNION: Duration = Duration::from_secs(5);
/// What may wait for the worker.
const QUEUE: usize = 10_000;
/// What one write takes at most.
const BATCH: usize = 64;
/// Outcomes that are kept while the store is away; an outcome that is lost stays counted as an attempt.
const KEPT: usize = 10_000;

enum Entry {
    Reserve(Box<Reservation>, oneshot::Sender<Reserved>),
    Settle(Settlement),
    Join {
        alias: AccountId,
        person: AccountId,
    },
    /// The store may have missed something.
    Tell,
}

/// The store does not answer: the node counts alone.
pub(crate) struct Away;

/// The way to the worker.
pub(crate) struct Ledger {
    queue: mpsc::Sender<Entry>,
    store: Arc<Presence>,
    /// How long a sign-in waits for the store.
    wait: Duration,
}

/// The worker's end, for [`keep_ledger`].
pub struct LedgerReceiver {
    queue: mpsc::Receiver<Entry>,
    store: Arc<Presence>,
    memory: Arc<Memory>,
}

/// Whether the store answers.
struct Presence {
    is_away: AtomicBool,
    tried: Mutex<Instant>,
    back_since: Mutex<Option<Instant>>,
    metrics: Metrics,
}

impl Presence {
    fn away(&self, why: &str) {
        if !self.is_away.swap(true, Ordering::SeqCst) {
            self.metrics.attempts_alone.set(1);
            tracing::warn!(error = why, "attempts.store_away");
        }
    }

    fn back(&self) {
        if self.is_away.load(Ordering::SeqCst) {
            *self.back_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.is_away.store(false, Ordering::SeqCst);
            self.metrics.attempts_alone.set(0);
            tracing::info!("attempts.store_back");
        }
    }

    /// Whether other nodes may have counted what the store does not know yet.
    fn is_reunited(&self) -> bool {
        let since = *self.back_since.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_away.load(Ordering::SeqCst) && since.is_none_or(|since| since.elapsed() >= REUNION)
    }

    /// Whether the store is to be asked: it answers, or it is time to see whether it does again.
    fn is_worth_asking(&self) -> bool {
        if !self.is_away.load(Ordering::SeqCst) {
            return true;
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = tried.elapsed() >= TRY_AGAIN;
        if is_time {
            *tried = Instant::now();
        }
        is_time
    }
}

impl Ledger {
    /// A ledger for sign-ins that wait at most `wait`, and its worker's end, which tells the store what `memory` counts
    /// without it.
    pub(crate) fn new(wait: Duration, memory: Arc<Memory>, metrics: Metrics) -> (Self, LedgerReceiver) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let store = Arc::new(Presence {
            is_away: AtomicBool::new(false),
            tried: Mutex::new(Instant::now()),
            back_since: Mutex::default(),
            metrics,
        });
        (Self { queue, store: Arc::clone(&store), wait }, LedgerReceiver { queue: receiver, store, memory })
    }

    /// Asks the store for a slot, and waits a moment at most.
    pub(crate) async fn reserve(&self, mut reservation: Reservation) -> Result<Reserved, Away> {
        if !self.store.is_worth_asking() {
            return Err(Away);
        }
        if !self.store.is_reunited() {
            reservation.rule = reservation.rule.of_one_node();
        }
        let (answer, reserved) = oneshot::channel();
        self.queue.try_send(Entry::Reserve(Box::new(reservation), answer)).map_err(|_| {
            self.store.away("too much waits to be written");
            Away
        })?;
        match timeout(self.wait, reserved).await {
            Ok(Ok(reserved)) => Ok(reserved),
            Ok(Err(_)) => Err(Away),
            Err(_) => {
                self.store.away("it did not answer in time");
                Err(Away)
            }
        }
    }

    /// Notes what became of an attempt, without waiting.
    pub(crate) fn settle(&self, settlement: Settlement) {
        self.put(Entry::Settle(settlement));
    }

    /// Has the store told what this node counted without it, as soon as it can be.
    pub(crate) fn tell(&self) {
        self.put(Entry::Tell);
    }

    /// Notes that the store did not answer another part of the server: this node, and perhaps others, are without it.
    pub(crate) fn missed(&self, error: &StoreError) {
        self.store.away(&error.report());
        self.tell();
    }

    /// Notes that two identifiers are one person's, without waiting.
    pub(crate) fn join(&self, alias: AccountId, person: AccountId) {
        self.put(Entry::Join { alias, person });
    }

    fn put(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.store.metrics.attempts_unsettled.inc();
        }
    }
}

/// What is still to be written of what can wait.
#[derive(Default)]
struct Backlog {
    settled: Vec<Settlement>,
    joined: Vec<(AccountId, AccountId)>,
    /// Whether memory may hold what the store has not been told.
    is_untold: bool,
}

/// Writes attempts until `stop` is cancelled and the queue is empty. Who waits for a slot while the store fails is told
/// so at once; outcomes are kept until it is back.
pub async fn keep_ledger(mut receiver: LedgerReceiver, store: Arc<dyn AttemptStore>, stop: CancellationToken) {
    let (mut batch, mut backlog) = (Vec::new(), Backlog::default());
    loop {
        let is_behind = !backlog.settled.is_empty() || !backlog.joined.is_empty() || backlog.is_untold;
        let count = tokio::select! {
            biased;
            count = receiver.queue.recv_many(&mut batch, BATCH) => Some(count),
            () = stop.cancelled(), if !receiver.queue.is_closed() => {
                receiver.queue.close();
                continue;
            }
            () = tokio::time::sleep(TRY_AGAIN), if is_behind => None,
        };
        let reservations = backlog.sort(&mut batch, &receiver.store);
        let written = write(&*store, &mut backlog, &receiver.memory, reservations).await;
        match &written {
            Ok(()) => receiver.store.back(),
            Err(error) => receiver.store.away(&error.report()),
        }
        if count == Some(0) {
            return;
        }
    }
}

impl Backlog {
    /// Takes out of a batch what can wait, and gives what cannot.
    fn sort(&mut self, batch: &mut Vec<Entry>, store: &Presence) -> Vec<(Reservation, oneshot::Sender<Reserved>)> {
        let mut reservations = Vec::new();
        for entry in batch.drain(..) {
            match entry {
                // Whoever has waited long enough counts elsewhere, and must take nothing here from those behind.
                Entry::Reserve(_, answer) if answer.is_closed() => {}
                Entry::Reserve(reservation, answer) => reservations.push((*reservation, answer)),
                Entry::Settle(settlement) if self.settled.len() < KEPT => self.settled.push(settlement),
                Entry::Join { alias, person } if self.joined.len() < KEPT => self.joined.push((alias, person)),
                Entry::Tell => self.is_untold = true,
                Entry::Settle(_) | Entry::Join { .. } => drop(store.metrics.attempts_unsettled.inc()),
            }
        }
        reservations
    }
}

/// Outcomes first: they may free the very slot that somebody waits for.
async fn write(
    store: &dyn AttemptStore,
    backlog: &mut Backlog,
    memory: &Memory,
    reservations: Vec<(Reservation, oneshot::Sender<Reserved>)>,
) -> Result<(), StoreError> {
    while !backlog.settled.is_empty() {
        let some = backlog.settled.len().min(BATCH);
        store.settle(&backlog.settled[..some]).await?;
        backlog.settled.drain(..some);
    }
    while let Some((alias, person)) = backlog.joined.last() {
        store.join(alias, person).await?;
        backlog.joined.pop();
    }
    if backlog.is_untold {
        // Whether it answers at all, before memory is searched for nothing.
        store.settle(&[]).await?;
        let mut untold = memory.take_all_unsaved();
        while !untold.is_empty() {
            let some = untold.len().min(BATCH);
            if let Err(error) = store.note(&untold[..some]).await {
                memory.give_back(untold);
                return Err(error);
            }
            untold.drain(..some);
        }
        backlog.is_untold = false;
    }
    if reservations.is_empty() {
        return Ok(());
    }
    let (asked, answers): (Vec<Reservation>, Vec<oneshot::Sender<Reserved>>) = reservations.into_iter().unzip();
    let reserved = store.reserve(&asked).await?;
    for ((answer, reserved), asked) in answers.into_iter().zip(reserved).zip(&asked) {
        if let Err(Reserved { gate: Gate::Open(_), slot: Some(slot), .. }) = answer.send(reserved) {
            // Whoever asked has waited long enough and counts it elsewhere.
            backlog.settled.push(Settlement { slot, settled: Settled::Unsent, at: asked.at });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttemptRule, Caller, Institution, Slot, SlotKind, Timestamp};
    use crate::gateway::attempts::memory::Counted;
    use crate::store::{AttemptFuture, SlotId};

    /// A store that fails as long as it is told to, and remembers what it was told.
    #[derive(Default)]
    struct Shaky {
        fails: AtomicBool,
        settled: Mutex<Vec<Settled>>,
        noted: Mutex<Vec<(AccountId, Slot)>>,
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
                let slot = || Some(SlotId::from("1"));
                Ok(asked
                    .iter()
                    .map(|_| Reserved { gate, slot: slot(), slots: Vec::new(), last_success: None })
                    .collect())
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

        fn note<'a>(&'a self, taken: &'a [(AccountId, Slot)]) -> AttemptFuture<'a, ()> {
            Box::pin(async move {
                self.noted.lock().expect("not poisoned").extend_from_slice(taken);
                Ok(())
            })
        }

        fn join<'a>(&'a self, _: &'a AccountId, _: &'a AccountId) -> AttemptFuture<'a, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn ledger() -> (Ledger, LedgerReceiver) {
        Ledger::new(Duration::from_millis(50), Arc::new(Memory::new(100)), Metrics::new())
    }

    fn reservation() -> Reservation {
        let institution = Institution::parse("01X").expect("a code");
        Reservation {
            account: AccountId::parse(&institution, "reader").expect("an identifier"),
            caller: Caller::new(None),
            kind: SlotKind::First,
            rule: AttemptRule { nodes: 2, ..AttemptRule::default() },
            at: Timestamp::from_millis(1),
            unsaved: Vec::new(),
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
        memory.reserve_alone(&account, kind, &caller, &rule, at);
        let slot = Slot { at, caller, kind, refused: false };
        assert!(memory.settle(&account, &slot, true, Counted::Refused, at));
        tokio::time::sleep(TRY_AGAIN * 3).await;
        assert_eq!(*store.noted.lock().expect("not poisoned"), []);

        store.fails.store(false, Ordering::SeqCst);
        tokio::time::sleep(TRY_AGAIN * 2).await;
        let told = Slot { refused: true, ..slot };
        assert_eq!(*store.noted.lock().expect("not poisoned"), [(account, told)], "nobody had to sign in for it");
        assert_eq!(allowed().await, 5);
        tokio::time::sleep(REUNION).await;
        assert_eq!(allowed().await, 10);
        stop.cancel();
        keeping.await.expect("it ends in order");
    }
}
