//! Where calls leave a note of their end. Nothing is waited for, and nobody is woken for a single call.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::AccountId;
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
    forgotten: Mutex<Vec<AccountId>>,
    filling: Notify,
    metrics: Metrics,
}

impl UsageBuffer {
    pub(crate) fn new(metrics: Metrics) -> Arc<Self> {
        let (ended, forgotten) = (Mutex::default(), Mutex::default());
        Arc::new(Self { ended, forgotten, filling: Notify::new(), metrics })
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

    /// Leaves an account to be forgotten.
    pub(crate) fn forget(&self, account: AccountId) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(account);
        self.filling.notify_one();
    }

    /// Everything that waits, for `emptied`, an empty list whose room is used again.
    pub(crate) fn take(&self, emptied: Vec<EndedCall>) -> Vec<EndedCall> {
        std::mem::replace(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner), emptied)
    }

    /// The accounts that are to be forgotten.
    pub(crate) fn take_forgotten(&self) -> Vec<AccountId> {
        std::mem::take(&mut *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner))
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
