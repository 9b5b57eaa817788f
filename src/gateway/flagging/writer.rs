//! The worker that writes what may flag: batch by batch while the store works, and one by one when a batch holds
//! something that the store cannot take. What it cannot take is set aside in a file, and everybody else goes on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Clock, Reason};
use crate::gateway::flagging::FlagReceiver;
use crate::gateway::flagging::gathering::join;
use crate::gateway::flagging::queue::Waiting;
use crate::gateway::leftovers;
use crate::store::{FlagStore, Gathered, Recorded, StoreError};
use crate::telemetry::{Component, DroppedFlag, Status, account_tag};

/// How long the worker waits before it tries a failing store again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long a write may still take once the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// Accounts written in one transaction at most.
const BATCH: usize = 256;
/// How long what was set aside is left alone before it is tried again.
pub(super) const ASIDE_RETRY: Duration = Duration::from_mins(10);
/// Accounts set aside at most; one more is dropped.
pub(super) const ASIDE: usize = 1_000;
/// How often an idle worker looks whether a trouble is over.
const LOOK: Duration = Duration::from_secs(15);

/// The worker that writes flags.
pub struct FlagWriter {
    /// Where they are written.
    pub store: Arc<dyn FlagStore>,
    /// Where what could not be written is left.
    pub leftovers: PathBuf,
    /// Shows whether flags get written.
    pub health: Component,
    /// For the health.
    pub clock: Arc<dyn Clock>,
}

impl FlagWriter {
    /// Writes flags until `stop` is cancelled and nothing waits. While the store fails it waits and tries again; at the
    /// end what could not be written is left in a file, which the next start reads first.
    pub async fn run(self, receiver: FlagReceiver, stop: CancellationToken) {
        let work = Work {
            batch: Vec::new(),
            holds_file: false,
            aside: Aside::default(),
            is_failing: false,
            is_troubled: false,
            waiting: receiver.0,
            writer: self,
            stop,
        };
        work.run().await;
    }
}

/// The worker at work.
struct Work {
    writer: FlagWriter,
    waiting: Arc<Waiting>,
    stop: CancellationToken,
    /// What is being written.
    batch: Vec<Gathered>,
    /// Whether everything in the file is in the batch too.
    holds_file: bool,
    aside: Aside,
    is_failing: bool,
    /// Whether there is something for somebody to see.
    is_troubled: bool,
}

/// Accounts that the store cannot take. What was seen of them is in the file, from which somebody may be forgotten; what
/// is seen of them meanwhile goes on waiting in the queue.
#[derive(Default)]
struct Aside {
    accounts: HashSet<AccountId>,
    why: String,
    again: Option<Instant>,
}

impl Work {
    async fn run(mut self) {
        self.read_file().await;
        loop {
            let is_last = self.stop.is_cancelled();
            if self.batch.is_empty() {
                if !is_last && self.aside.again.is_some_and(|again| again <= Instant::now()) {
                    self.read_file().await;
                } else {
                    self.batch = self.waiting.take(BATCH, &self.aside.accounts);
                }
            }
            if self.batch.is_empty() {
                if is_last {
                    return self.leave();
                }
                self.idle().await;
                continue;
            }
            match self.write().await {
                Ok(()) => self.show(None),
                Err(error) => {
                    self.show(Some(&error));
                    if is_last {
                        return self.leave();
                    }
                    tokio::select! {
                        () = tokio::time::sleep(STORE_RETRY) => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn idle(&mut self) {
        tokio::select! {
            () = self.waiting.news.notified() => {}
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(LOOK), if self.is_troubled => self.show(None),
        }
    }

    /// Begins with what is in the file, and what was seen of the same accounts since.
    async fn read_file(&mut self) {
        let mut all = self.in_file(leftovers::read).await;
        all.extend(self.waiting.take_of(&self.aside.accounts));
        let (batch, dropped) = join(all);
        for _ in 0..dropped {
            self.waiting.metrics.flags.dropped(DroppedFlag::Fact);
        }
        (self.batch, self.aside.again) = (batch, None);
        self.holds_file = !self.batch.is_empty();
        if !self.holds_file {
            // Whoever was set aside has been forgotten.
            self.aside.accounts.clear();
        }
    }

    /// Writes the batch: all at once, or else one by one.
    async fn write(&mut self) -> Result<(), StoreError> {
        let mut unwritable = Vec::new();
        match self.record(&self.batch).await {
            Ok(recorded) => {
                tell(recorded);
                self.batch.clear();
            }
            Err(error) if !error.is_of_one_row() => return Err(error),
            Err(_) => {
                while let Some(one) = self.batch.pop() {
                    match self.record(std::slice::from_ref(&one)).await {
                        Ok(recorded) => tell(recorded),
                        Err(error) if error.is_of_one_row() => unwritable.push((one, error)),
                        Err(error) => {
                            self.batch.push(one);
                            self.batch.extend(unwritable.into_iter().map(|(one, _)| one));
                            return Err(error);
                        }
                    }
                }
            }
        }
        self.settle(unwritable).await;
        Ok(())
    }

    /// After a batch: what the store cannot take is in the file, and what it took is there no more.
    async fn settle(&mut self, unwritable: Vec<(Gathered, StoreError)>) {
        let held_file = std::mem::take(&mut self.holds_file);
        if unwritable.is_empty() && !held_file {
            return;
        }
        let mut known = HashSet::new();
        if held_file {
            std::mem::swap(&mut known, &mut self.aside.accounts);
        }
        let mut kept = Vec::new();
        for (one, error) in unwritable {
            if self.aside.accounts.len() >= ASIDE {
                tracing::error!(account.tag = account_tag(&one.account), "flag.dropped");
                self.waiting.lose(1, self.writer.clock.now());
                continue;
            }
            if !known.contains(&one.account) {
                let tag = account_tag(&one.account);
                tracing::error!(account.tag = tag, error = error.report(), "flag.unwritable");
                self.waiting.metrics.flags.unwritable.inc();
            }
            self.aside.why = error.report();
            self.aside.accounts.insert(one.account.clone());
            kept.push(one);
        }
        self.aside.again = match self.aside.again {
            _ if self.aside.accounts.is_empty() => None,
            None => Some(Instant::now() + ASIDE_RETRY),
            known => known,
        };
        let lost = kept.len();
        let write: fn(&Path, &[Gathered]) -> bool = if held_file { leftovers::keep } else { leftovers::add };
        if !self.in_file(move |file| write(file, &kept)).await {
            self.waiting.lose(lost, self.writer.clock.now());
        }
    }

    /// Leaves for the next start what could not be written.
    fn leave(mut self) {
        self.batch.extend(self.waiting.take(usize::MAX, &HashSet::new()));
        if !self.batch.is_empty() {
            let leave = if self.holds_file { leftovers::keep } else { leftovers::add };
            leave(&self.writer.leftovers, &self.batch);
        }
    }

    /// Files are waited for where no call is held up.
    async fn in_file<T>(&self, work: impl FnOnce(&Path) -> T + Send + 'static) -> T
    where
        T: Default + Send + 'static,
    {
        let file = self.writer.leftovers.clone();
        tokio::task::spawn_blocking(move || work(&file)).await.unwrap_or_default()
    }

    /// A store that hangs is given up a moment after the stop, so that there is time left for the file.
    async fn record(&self, batch: &[Gathered]) -> Result<Vec<Option<Recorded>>, StoreError> {
        tokio::select! {
            recorded = self.writer.store.record(batch) => recorded,
            () = async { self.stop.cancelled().await; tokio::time::sleep(STOP_PATIENCE).await } => {
                Err(StoreError::away())
            }
        }
    }

    /// A failing store, flags that were dropped and those that cannot be written are for somebody to see, and for nobody
    /// to wait for.
    fn show(&mut self, error: Option<&StoreError>) {
        let now = self.writer.clock.now();
        let mut troubles = Vec::new();
        if let Some(error) = error {
            let count = self.batch.len() + self.waiting.count();
            troubles.push(format!("{count} accounts wait to be written: {}", error.report()));
            if !self.is_failing {
                tracing::warn!(error = error.report(), waiting = count, "flag.store_failed");
            }
        }
        let dropped = self.waiting.dropped_lately(now);
        if dropped > 0 {
            troubles.push(format!("{dropped} flags were dropped, as too many waited"));
        }
        if !self.aside.accounts.is_empty() {
            let (count, why) = (self.aside.accounts.len(), &self.aside.why);
            troubles.push(format!("{count} accounts cannot be written and were set aside: {why}"));
        }
        self.is_failing = error.is_some();
        self.is_troubled = !troubles.is_empty();
        if self.is_troubled {
            self.writer.health.fails(Status::Degraded, &troubles.join("; "), now);
        } else {
            self.writer.health.works(now);
        }
    }
}

/// After the commit: whoever reads these lines finds the flags, also after a SIGKILL.
fn tell(recorded: Vec<Option<Recorded>>) {
    for recorded in recorded.into_iter().flatten() {
        let reasons: Vec<&str> = recorded.reasons.iter().map(|reason| Reason::code(*reason)).collect();
        let (tag, state) = (account_tag(&recorded.account), recorded.state.label());
        if reasons.is_empty() {
            tracing::info!(flag.id = %recorded.flag, flag.state = state, account.tag = tag, "flag.cleared");
        } else {
            tracing::info!(
                flag.id = %recorded.flag, flag.reason = reasons.join(","), flag.state = state,
                account.tag = tag, "flag.recorded"
            );
        }
    }
}
