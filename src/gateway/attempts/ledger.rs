//! Counting attempts in the store: one worker, many in one write. A sign-in waits for the store a moment and not
//! longer. What nodes count while the store is away they tell it when it is back, before anything else.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Gate};
use crate::gateway::attempts::beginning::go_on;
use crate::gateway::attempts::memory::Memory;
use crate::gateway::attempts::presence::{Presence, TRY_AGAIN};
use crate::store::{AttemptStore, Reservation, Settlement, StoreError};
use crate::telemetry::Metrics;

/// What may wait for the worker.
const QUEUE: usize = 10_000;
/// What one write takes at most.
const BATCH: usize = 64;
/// Outcomes that are kept while the store is away; an outcome that is lost stays counted as an attempt.
const KEPT: usize = 10_000;

enum Entry {
    Reserve(Box<Reservation>, oneshot::Sender<Gate>),
    Settle(Settlement),
    Join {
        alias: AccountId,
        person: AccountId,
    },
    /// The store may have missed something.
    Tell,
}

/// The store does not answer: the node counts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    /// It was asked, and may yet take the slot.
    Asked,
    /// It was not.
    Unasked,
}

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

impl Ledger {
    /// A ledger for sign-ins that wait at most `wait`, and its worker's end, which tells the store what `memory` counts
    /// without it.
    pub(crate) fn new(wait: Duration, memory: Arc<Memory>, metrics: Metrics) -> (Self, LedgerReceiver) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let store = Arc::new(Presence::new(metrics));
        (Self { queue, store: Arc::clone(&store), wait }, LedgerReceiver { queue: receiver, store, memory })
    }

    /// Asks the store for a slot, and waits a moment at most.
    pub(crate) async fn reserve(&self, mut reservation: Reservation) -> Result<Gate, Away> {
        if !self.store.is_worth_asking() {
            return Err(Away::Unasked);
        }
        if !self.store.is_reunited() {
            reservation.rule = reservation.rule.of_one_node();
        }
        let (answer, gate) = oneshot::channel();
        self.queue.try_send(Entry::Reserve(Box::new(reservation), answer)).map_err(|_| {
            self.store.away("too much waits to be written");
            Away::Unasked
        })?;
        match timeout(self.wait, gate).await {
            Ok(Ok(gate)) => Ok(gate),
            Ok(Err(_)) => Err(Away::Asked),
            Err(_) => {
                self.store.away("it did not answer in time");
                Err(Away::Asked)
            }
        }
    }

    /// Notes what became of an attempt, without waiting.
    pub(crate) fn settle(&self, settlement: Settlement) {
        self.put(Entry::Settle(settlement));
    }

    /// Has the store told what this node counted without it, as soon as it can be.
    pub(crate) fn tell(&self) {
        if !self.store.is_untold.swap(true, Ordering::SeqCst) {
            // Where there is no room the worker is awake anyway.
            let _ = self.queue.try_send(Entry::Tell);
        }
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
}

/// Writes attempts until `stop` is cancelled and the queue is empty. Who waits for a slot while the store fails is told
/// so at once; outcomes are kept until it is back. Beside that it reads what was not read at the start.
pub async fn keep_ledger(receiver: LedgerReceiver, store: Arc<dyn AttemptStore>, stop: CancellationToken) {
    let memory = Arc::clone(&receiver.memory);
    tokio::select! {
        () = keep_writing(receiver, &*store, stop) => {}
        never = go_on(&*store, &memory) => match never {},
    }
}

async fn keep_writing(mut receiver: LedgerReceiver, store: &dyn AttemptStore, stop: CancellationToken) {
    let (mut batch, mut backlog) = (Vec::new(), Backlog::default());
    loop {
        let is_untold = receiver.store.is_untold.load(Ordering::SeqCst);
        let is_behind = !backlog.settled.is_empty() || !backlog.joined.is_empty() || is_untold;
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
        let written = write(store, &mut backlog, &receiver, reservations).await;
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
    fn sort(&mut self, batch: &mut Vec<Entry>, store: &Presence) -> Vec<(Reservation, oneshot::Sender<Gate>)> {
        let mut reservations = Vec::new();
        for entry in batch.drain(..) {
            match entry {
                // Whoever has waited long enough counts elsewhere, and must take nothing here from those behind.
                Entry::Reserve(_, answer) if answer.is_closed() => {}
                Entry::Reserve(reservation, answer) => reservations.push((*reservation, answer)),
                Entry::Settle(settlement) if self.settled.len() < KEPT => self.settled.push(settlement),
                Entry::Join { alias, person } if self.joined.len() < KEPT => self.joined.push((alias, person)),
                Entry::Tell => {}
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
    receiver: &LedgerReceiver,
    reservations: Vec<(Reservation, oneshot::Sender<Gate>)>,
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
    if receiver.store.is_untold.swap(false, Ordering::SeqCst)
        && let Err(error) = tell_all(store, &receiver.memory).await
    {
        receiver.store.is_untold.store(true, Ordering::SeqCst);
        return Err(error);
    }
    if reservations.is_empty() {
        return Ok(());
    }
    let (mut asked, answers): (Vec<Reservation>, Vec<oneshot::Sender<Gate>>) = reservations.into_iter().unzip();
    for one in &mut asked {
        // As late as can be: what becomes of these from now on is settled behind this write.
        one.untold = receiver.memory.untold(&one.account);
    }
    let reserved = store.reserve(&asked).await?;
    // One after the other, so that nothing older ever replaces what was seen.
    for ((answer, reserved), asked) in answers.into_iter().zip(reserved).zip(&asked) {
        let gate = reserved.gate;
        receiver.memory.see(&asked.account, reserved);
        receiver.memory.told(asked.untold.iter().map(|taken| (&asked.account, taken)));
        // Whoever has waited long enough counts under the same id.
        let _ = answer.send(gate);
    }
    Ok(())
}

async fn tell_all(store: &dyn AttemptStore, memory: &Memory) -> Result<(), StoreError> {
    // Whether it answers at all, before memory is searched for nothing.
    store.settle(&[]).await?;
    for some in memory.all_untold().chunks(BATCH) {
        store.note(some).await?;
        memory.told(some.iter().map(|(person, taken)| (person, taken)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
