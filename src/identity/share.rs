//! One share of the hashing pool: how many checks run in it, how many wait, how many one address may have there, and
//! the memory that each place comes with.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::identity::memory::{Lent, Memories};
use crate::identity::{HashingError, source_key};

/// A share of the pool.
pub(crate) struct Share {
    running: Arc<Semaphore>,
    memories: Arc<Memories>,
    present: Arc<Mutex<Present>>,
    limit: usize,
    per_source: usize,
}

/// Who runs or waits. It never holds more addresses than checks.
#[derive(Default)]
struct Present {
    checks: usize,
    sources: HashMap<IpAddr, usize>,
}

/// A place in a share: held from the moment a check waits until it has run, also when nobody waits for it any more.
pub(crate) struct Place {
    memories: Arc<Memories>,
    _running: OwnedSemaphorePermit,
    _presence: Option<Presence>,
}

impl Place {
    /// The one memory of this place. It is back before the place is free, so there are never more than places.
    pub(crate) fn memory(&mut self) -> Lent<'_> {
        self.memories.lend()
    }
}

struct Presence {
    present: Arc<Mutex<Present>>,
    source: IpAddr,
}

impl Share {
    pub(crate) fn new(running: NonZeroUsize, waiting: usize, per_source: usize, memory_kib: u32) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running.get().min(Semaphore::MAX_PERMITS))),
            memories: Arc::new(Memories::new(memory_kib)),
            present: Arc::default(),
            limit: running.get().saturating_add(waiting),
            per_source,
        }
    }

    /// Waits for a place, first come, first served.
    pub(crate) async fn enter(&self, source: IpAddr, deadline: Instant) -> Result<Place, HashingError> {
        let presence = self.announce(source_key(source))?;
        let running = timeout_at(deadline, Arc::clone(&self.running).acquire_owned())
            .await
            .map_err(|_| HashingError::timed_out())?
            .map_err(|_| HashingError::ended())?;
        if deadline <= Instant::now() {
            return Err(HashingError::timed_out());
        }
        Ok(self.place(running, Some(presence)))
    }

    /// Waits for a place on behalf of an operator, who has neither a limit nor a deadline.
    pub(crate) async fn enter_as_operator(&self) -> Result<Place, HashingError> {
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| HashingError::ended())?;
        Ok(self.place(running, None))
    }

    /// How many addresses are held in memory.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> usize {
        lock(&self.present).sources.len()
    }

    /// How many memories are kept for the places.
    #[cfg(test)]
    pub(crate) fn memories(&self) -> usize {
        self.memories.kept()
    }

    fn place(&self, running: OwnedSemaphorePermit, presence: Option<Presence>) -> Place {
        Place { memories: Arc::clone(&self.memories), _running: running, _presence: presence }
    }

    fn announce(&self, source: IpAddr) -> Result<Presence, HashingError> {
        let mut present = lock(&self.present);
        if present.checks >= self.limit {
            return Err(HashingError::full());
        }
        let of_source = present.sources.get(&source).copied().unwrap_or(0);
        if of_source >= self.per_source {
            return Err(HashingError::source_full());
        }
        present.sources.insert(source, of_source + 1);
        present.checks += 1;
        Ok(Presence { present: Arc::clone(&self.present), source })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = lock(&self.present);
        present.checks = present.checks.saturating_sub(1);
        match present.sources.get_mut(&self.source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(present.sources.remove(&self.source)),
        }
    }
}

/// The counts are whole between any two statements that could panic, so a poisoned lock is as good as any.
fn lock(present: &Mutex<Present>) -> MutexGuard<'_, Present> {
    present.lock().unwrap_or_else(PoisonError::into_inner)
}
