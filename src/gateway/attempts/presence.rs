//! Whether the store answers, as a node that counts attempts sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::Metrics;

/// How often a store that is away is tried.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How long a node that was without the store goes on with its share of the budgets: until then every other one has
/// told the store what it counted alone.
pub(crate) const REUNION: Duration = Duration::from_secs(5);

/// Whether the store answers.
pub(crate) struct Presence {
    is_away: AtomicBool,
    tried: Mutex<Instant>,
    back_since: Mutex<Option<Instant>>,
    /// Whether memory may hold what the store has not been told.
    pub(crate) is_untold: AtomicBool,
    pub(crate) metrics: Metrics,
}

impl Presence {
    /// A store that answers, as far as anybody knows.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            is_away: AtomicBool::new(false),
            tried: Mutex::new(Instant::now()),
            back_since: Mutex::default(),
            is_untold: AtomicBool::new(false),
            metrics,
        }
    }

    /// Notes that it did not answer.
    pub(crate) fn away(&self, why: &str) {
        if !self.is_away.swap(true, Ordering::SeqCst) {
            self.metrics.attempts_alone.set(1);
            tracing::warn!(error = why, "attempts.store_away");
        }
    }

    /// Notes that it answered.
    pub(crate) fn back(&self) {
        if self.is_away.load(Ordering::SeqCst) {
            *self.back_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.is_away.store(false, Ordering::SeqCst);
            self.metrics.attempts_alone.set(0);
            tracing::info!("attempts.store_back");
        }
    }

    /// Whether other nodes may have counted what the store does not know yet.
    pub(crate) fn is_reunited(&self) -> bool {
        let since = *self.back_since.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_away.load(Ordering::SeqCst) && since.is_none_or(|since| since.elapsed() >= REUNION)
    }

    /// Whether the store is to be asked: it answers, or it is time to see whether it does again.
    pub(crate) fn is_worth_asking(&self) -> bool {
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
