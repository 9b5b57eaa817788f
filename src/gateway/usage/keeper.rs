//! The worker that counts ended calls and writes the counters to the store.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::IntegrationName;
use crate::gateway::settings::UsageSettings;
use crate::gateway::usage::buffer::UsageBuffer;
use crate::gateway::usage::counted::EndedCall;
use crate::gateway::usage::counters::{Counters, Taken};
use crate::identity::IntegrationRegistry;
use crate::store::{StoreError, UsageAdded, UsageStore, UsageWritten};

/// How often ended calls are counted.
const COUNT: Duration = Duration::from_millis(250);
/// Calls counted before others get their turn.
const AT_ONCE: usize = 512;
/// Writes in vain after which no name is kept any more that only the store can know: it may be a password in the wrong
/// field, and a store that is away for long is no reason to keep those.
const PATIENCE: u32 = 2;
/// How long a failing store is left alone at the end, when everything waits for it.
const RETRY_AT_END: Duration = Duration::from_secs(1);

/// What [`keep_usage`] works on.
pub struct UsageKeeper {
    buffer: Arc<UsageBuffer>,
    counters: Counters,
    registry: Arc<IntegrationRegistry>,
    write_every: Duration,
    /// Room for ended calls, used again and again.
    emptied: Vec<EndedCall>,
    /// Whether accounts are to be forgotten once more, when the write under way has ended: it may name some.
    forget_again: bool,
    /// The newest forgetting of accounts that the counters know of.
    forgotten: i64,
    /// How often the store failed since it was last written to.
    failures: u32,
}

/// A write under way: what became of each part.
type Writing = Pin<Box<dyn Future<Output = Written> + Send>>;

struct Written {
    parts: Vec<(Taken, Option<Vec<UsageWritten>>)>,
    failed: Option<StoreError>,
    /// A forgetting of accounts that the counters did not know of.
    forgotten: Option<i64>,
}

impl UsageKeeper {
    pub(crate) fn new(buffer: Arc<UsageBuffer>, settings: UsageSettings, registry: Arc<IntegrationRegistry>) -> Self {
        let write_every = settings.write_every;
        let (counters, emptied) = (Counters::new(settings), Vec::new());
        Self { buffer, counters, registry, write_every, emptied, forget_again: false, forgotten: 0, failures: 0 }
    }

    /// Counts every call that has ended.
    async fn count(&mut self) {
        let mut ended = self.buffer.take(std::mem::take(&mut self.emptied));
        let mut left = ended.len();
        let registry = &self.registry;
        // The name in the spelling that it is registered with.
        let spell =
            |name: &IntegrationName| registry.registered_name(name).as_ref().unwrap_or(name).as_str().to_owned();
        let mut dropped = 0;
        for call in ended.drain(..) {
            dropped += self.counters.count(call, spell);
            left -= 1;
            if left > 0 && left.is_multiple_of(AT_ONCE) {
                tokio::task::yield_now().await;
            }
        }
        self.buffer.not_recorded(dropped);
        self.emptied = ended;
        // After the calls: some of them may be of whoever was erased.
        if self.buffer.accounts_are_forgotten() {
            self.counters.forget_accounts();
            self.forget_again = true;
        }
    }

    /// Begins to write all that was counted; `None` when there is nothing.
    fn write(&mut self, store: &Arc<dyn UsageStore>) -> Option<Writing> {
        self.forget_again = false;
        let taken = self.counters.take();
        if taken.is_empty() {
            return None;
        }
        let (store, forgotten) = (Arc::clone(store), self.forgotten);
        Some(Box::pin(async move {
            let mut written = Written { parts: Vec::new(), failed: None, forgotten: None };
            // One short transaction for each, so that nobody else waits for the store for long.
            for taken in taken {
                let mut outcome = None;
                if written.failed.is_none() && written.forgotten.is_none() {
                    match store.add(&taken.change, forgotten).await {
                        Ok(UsageAdded::Written(done)) => outcome = Some(done),
                        Ok(UsageAdded::Forgotten(newest)) => written.forgotten = Some(newest),
                        Err(error) => written.failed = Some(error),
                    }
                }
                written.parts.push((taken, outcome));
            }
            written
        }))
    }

    /// Takes note of what became of a write; whether all of it is in the store.
    fn note(&mut self, written: &Written) -> bool {
        for (taken, outcome) in &written.parts {
            match outcome {
                Some(outcome) => self.counters.written(taken, outcome),
                None => self.counters.give_back(taken),
            }
        }
        if let Some(newest) = written.forgotten {
            self.forgotten = newest;
            self.forget_again = true;
        }
        if std::mem::take(&mut self.forget_again) {
            self.counters.forget_accounts();
        }
        self.counters.drop_written_days();
        if let Some(error) = &written.failed {
            if self.failures == 0 {
                tracing::warn!(error = %error.report(), "usage.store_failed");
            }
            self.failures = self.failures.saturating_add(1);
            if self.failures >= PATIENCE {
                self.counters.forget_unproven();
            }
        } else if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("usage.store_back");
        }
        written.failed.is_none() && written.forgotten.is_none()
    }
}

/// Counts calls and writes the counters until `stop` is cancelled and everything is written. While the store is away
/// the counters stay in memory, bounded as ever.
pub async fn keep_usage(mut keeper: UsageKeeper, store: Arc<dyn UsageStore>, stop: CancellationToken) {
    let mut writing: Option<Writing> = None;
    let mut next_write = Instant::now() + keeper.write_every;
    let mut stopping = false;
    loop {
        let idle = writing.is_none();
        let ended = async {
            match &mut writing {
                Some(writing) => writing.await,
                None => std::future::pending().await,
            }
        };
        let written = tokio::select! {
            written = ended => Some(written),
            () = keeper.buffer.filling(), if !stopping => None,
            () = tokio::time::sleep(COUNT), if !stopping => None,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                None
            }
            () = tokio::time::sleep_until(next_write), if stopping && idle => None,
        };
        keeper.count().await;
        if let Some(written) = written {
            writing = None;
            if !keeper.note(&written) && stopping {
                next_write = Instant::now() + RETRY_AT_END;
                continue;
            }
        }
        let due = stopping || Instant::now() >= next_write;
        if writing.is_none() && due {
            writing = keeper.write(&store);
            next_write = Instant::now() + keeper.write_every;
            if stopping && writing.is_none() {
                return;
            }
        }
    }
}
