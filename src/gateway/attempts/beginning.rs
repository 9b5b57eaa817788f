//! How a node begins to count: with what the store counted before.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::domain::Timestamp;
use crate::gateway::attempts::entry::KEPT;
use crate::gateway::attempts::memory::Memory;
use crate::store::{AttemptCounts, AttemptStore, StoreError};

/// How long reading it all may take: nobody is answered before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is tried again when the store did not answer.
pub(crate) const READ_AGAIN: Duration = Duration::from_mins(1);

/// Takes over what the store counts, before anybody is asked about: a node that is started while the store is slow must
/// not begin with full budgets. What was read before the store fails is taken over too; of whom it then knows nothing it
/// lets a single attempt through until the store has answered for them. Whom it first meets once the rest was read
/// begins with that.
pub(crate) async fn begin(store: &dyn AttemptStore, memory: &Memory, now: Timestamp) -> Result<(), StoreError> {
    let mut counts = AttemptCounts::unread(memory.room(), now.before(KEPT));
    let read = read(store, &mut counts).await;
    memory.begin_with(counts, read.is_ok());
    read
}

/// Reads the rest where the store failed then, and drops all of it once it cannot count any more.
pub(crate) async fn go_on(store: &dyn AttemptStore, memory: &Memory) -> Infallible {
    while !memory.has_begun() {
        sleep(READ_AGAIN).await;
        let mut counts = memory.unread();
        if read(store, &mut counts).await.is_ok() {
            memory.begin_with(counts, true);
        }
    }
    sleep(KEPT).await;
    memory.begin_with(AttemptCounts::default(), true);
    std::future::pending().await
}

async fn read(store: &dyn AttemptStore, counts: &mut AttemptCounts) -> Result<(), StoreError> {
    let read = timeout(PATIENCE, store.counts(counts)).await.unwrap_or_else(|_| Err(StoreError::late()));
    match &read {
        Ok(()) => tracing::info!(accounts = counts.people(), "attempts.loaded"),
        Err(error) => tracing::warn!(accounts = counts.people(), error = error.report(), "attempts.not_loaded"),
    }
    read
}

#[cfg(test)]
mod tests;
