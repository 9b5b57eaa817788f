//! Verdicts that mean "somebody must act" on their way to the store: a bounded queue and the worker that empties it.
//! Neither ever delays or changes a reply.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, IntegrationName, Reason, Timestamp};
use crate::store::{FlagChange, FlagStore};
use crate::telemetry::{Metrics, account_tag};

/// How long the worker waits before it tries a failing store again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Changes written in one transaction at most.
const BATCH: usize = 256;

/// Where the gateway leaves what may flag.
#[derive(Clone)]
pub(crate) struct FlagQueue {
    queue: mpsc::Sender<FlagChange>,
    metrics: Metrics,
}

/// The other end, for [`write_flags`].
pub struct FlagReceiver(mpsc::Receiver<FlagChange>);

/// Integrations that an identity service accepted for the first time, to be written down off the calls' path.
pub struct AcceptedReceiver(pub(crate) mpsc::Receiver<IntegrationName>);

impl AcceptedReceiver {
    /// The next one; `None` when there will be none.
    pub async fn next(&mut self) -> Option<IntegrationName> {
        self.0.recv().await
    }
}

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
            let change = error.into_inner();
            tracing::error!(
                account.tag = account_tag(&change.account),
                flag.reason = change.reason.code(),
                "flag.dropped"
            );
        }
    }
}

/// Writes flags until `stop` is cancelled and the queue is empty. While the store fails it waits and tries again;
/// nothing that was queued is given up.
pub async fn write_flags(mut receiver: FlagReceiver, store: Arc<dyn FlagStore>, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            biased;
            count = receiver.0.recv_many(&mut batch, BATCH) => count,
            () = stop.cancelled(), if !receiver.0.is_closed() => {
                receiver.0.close();
                continue;
            }
        };
        if count == 0 {
            return;
        }
        let mut away = false;
        let flags = loop {
            match store.record(&batch).await {
                Ok(flags) => break flags,
                Err(error) => {
                    if !away {
                        tracing::warn!(error = %error, waiting = batch.len(), "flag.store_failed");
                        away = true;
                    }
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        };
        // After the commit: whoever reads these lines finds the flags, also after a SIGKILL.
        for (change, flag) in batch.drain(..).zip(flags) {
            tracing::info!(
                flag.id = %flag, flag.reason = change.reason.code(),
                account.tag = account_tag(&change.account), "flag.recorded"
            );
        }
    }
}
