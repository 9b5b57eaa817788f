//! Where calls leave a note of their end. Nothing is waited for, and nobody is woken for a single call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::gateway::usage::counted::EndedCall;
use crate::telemetry::Metrics;

/// Calls that may wait to be counted: some seconds' worth of what a node can answer.
const MOST: usize = 16_384;
/// At so many the worker is woken before its time: one wake-up for all of them, and few enough that they still lie in
/// the processor's cache when they are counted.
const MANY: usize = 256;

/// Calls that wait to be counted.
pub(crate) struct UsageBuffer {
    ended: Mutex<Vec<EndedCall>>,
    accounts_forgotten: AtomicBool,
    filling: Notify,
    metrics: Metrics,
}

impl UsageBuffer {
    pub(crate) fn new(metrics: Metrics) -> Arc<Self> {
        let (ended, accounts_forgotten) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { ended, accounts_forgotten, filling: Notify::new(), metrics })
    }

    /// Leaves a call to be counted; when there is no room it is counted as not recorded.
    pub(crate) fn put(&self, call: EndedCall) {
        let waiting = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            if ended.len() < MOST {
                ended.push(call);
                ended.len()
            } else {
                drop(ended);
                self.metrics.usage_not_recorded.inc();
                return;
            }
        };
        if waiting == MANY {
            self.filling.notify_one();
        }
    }

    /// Has the worker forget which accounts called: somebody may have been erased.
    pub(crate) fn forget_accounts(&self) {
        self.accounts_forgotten.store(true, Ordering::Release);
        self.filling.notify_one();
    }

    /// Everything that waits, for `emptied`, an empty list whose room is used again.
    pub(crate) fn take(&self, emptied: Vec<EndedCall>) -> Vec<EndedCall> {
        std::mem::replace(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner), emptied)
    }

    /// Whether accounts are to be forgotten since this was last asked.
    pub(crate) fn accounts_are_forgotten(&self) -> bool {
        self.accounts_forgotten.swap(false, Ordering::AcqRel)
    }

    /// Waits until there is much to do.
    pub(crate) async fn filling(&self) {
        self.filling.notified().await;
    }

    /// Counts calls that are in no counter.
    pub(crate) fn not_recorded(&self, calls: u64) {
        if calls > 0 {
            self.metrics.usage_not_recorded.inc_by(calls);
            tracing::error!(calls, "usage.not_recorded");
        }
    }
}
