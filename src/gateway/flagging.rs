//! Verdicts that mean "somebody must act" on their way to the store: a bounded queue and the worker that empties it.
//! Neither ever delays or changes a reply.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::{AccountId, IntegrationName, Reason, Timestamp};
use crate::store::{FlagChange, FlagStore};
use crate::telemetry::{Metrics, account_tag};

/// How long the worker waits before it tries a failing store again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Where the gateway leaves what may flag.
#[derive(Clone)]
pub(crate) struct FlagQueue {
    queue: mpsc::Sender<FlagChange>,
    metrics: Metrics,
}

/// The other end, for [`write_flags`].
pub struct FlagReceiver(mpsc::Receiver<FlagChange>);

impl FlagQueue {
    /// A queue of `most` changes, and its end for the worker.
    pub(crate) fn new(most: usize, metrics: Metrics) -> (Self, FlagReceiver) {
        let (queue, receiver) = mpsc::channel(most.max(1));
        (Self { queue, metrics }, FlagReceiver(receiver))
    }

    /// Leaves a change for the worker; a full queue drops it, counted and logged, rather than delay a reply.
    pub(crate) fn put(&self, account: AccountId, reason: Reason, integration: Option<IntegrationName>, at: Timestamp) {
        let change = FlagChange { account, reason, integration, at };
        if let Err(error) = self.queue.try_send(change) {
            self.metrics.flags_dropped.inc();
            let change = match error {
                mpsc::error::TrySendError::Closed(change) | mpsc::error::TrySendError::Full(change) => change,
            };
            tracing::error!(
                account.tag = account_tag(&change.account), flag.reason = change.reason.code(),
                "flag.dropped"
            );
        }
    }
}

/// Writes flags until every [`FlagQueue`] is gone and the queue is empty. While the store fails it waits and tries
/// again; nothing that was queued is given up.
pub async fn write_flags(mut receiver: FlagReceiver, store: Arc<dyn FlagStore>, metrics: Metrics) {
    while let Some(change) = receiver.0.recv().await {
        let mut warned = false;
        loop {
            match store.record(&change).await {
                Ok(flag) => {
                    // Written after the commit: whoever reads this line finds the flag, also after a SIGKILL.
                    tracing::info!(
                        flag.id = %flag.id, flag.reason = change.reason.code(), flag.new = flag.new,
                        account.tag = account_tag(&change.account), "flag.recorded"
                    );
                    if flag.new_reason {
                        metrics.flag_opened(change.reason);
                    }
                    break;
                }
                Err(error) => {
                    if !warned {
                        tracing::warn!(error = %error, "flag.store_failed");
                        warned = true;
                    }
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        }
    }
}
