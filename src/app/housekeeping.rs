//! What the calendar does: flags that were left alone come back, and what is kept no longer goes. No sign-in waits for
//! any of it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::Clock;
use crate::store::{Erasure, FlagTable, Purged, RetentionSettings, StoreError};
use crate::telemetry::{Component, Status};

const MINUTE: Duration = Duration::from_mins(1);
const DAY_MINUTES: u64 = 24 * 60;
/// Between two steps of a purge others have their turn.
const PAUSE: Duration = Duration::from_millis(50);

/// What housekeeping works with.
pub(crate) struct Housekeeping {
    pub(crate) flags: FlagTable,
    pub(crate) erasure: Erasure,
    pub(crate) retention: RetentionSettings,
    pub(crate) health: Component,
    pub(crate) clock: Arc<dyn Clock>,
    /// A random number: each node has a minute of the day of its own.
    pub(crate) chance: u16,
}

impl Housekeeping {
    /// Keeps house until `stop` is cancelled: flags wake every minute, the first purge is at the start, the second
    /// within a day, and then there is one every day. What fails is tried again a minute later.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut minute, mut next_purge) = (0, 0);
        loop {
            let mut kept = self.wake().await;
            if kept.is_ok() && minute >= next_purge {
                kept = self.purge(&stop).await;
                if kept.is_ok() {
                    let is_first = next_purge == 0;
                    next_purge = minute + if is_first { 1 + u64::from(self.chance) % DAY_MINUTES } else { DAY_MINUTES };
                }
            }
            self.show(kept.as_ref().err());
            if tokio::time::timeout(MINUTE, stop.cancelled()).await.is_ok() {
                return;
            }
            minute += 1;
        }
    }

    /// Brings back the flags whose day has come.
    async fn wake(&self) -> Result<(), StoreError> {
        loop {
            let woken = self.flags.wake(self.clock.now()).await?;
            if woken == 0 {
                return Ok(());
            }
            tracing::info!(flags = woken, "flag.woken");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Removes what is kept no longer. What was removed before a failure or a stop is told all the same.
    async fn purge(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut purge = self.erasure.purge(&self.retention, self.clock.now());
        let done = loop {
            match purge.step().await {
                Ok(true) if stop.is_cancelled() => break Ok(()),
                Ok(true) => tokio::time::sleep(PAUSE).await,
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let purged = purge.purged();
        if purged != Purged::default() {
            let Purged { trail, closed_flags, habits, report } = purged;
            tracing::info!(trail, closed_flags, habits, report, "retention.purged");
        }
        done
    }

    fn show(&self, error: Option<&StoreError>) {
        let now = self.clock.now();
        if let Some(error) = error {
            if self.health.fails(Status::Degraded, &error.report(), now) {
                tracing::warn!(error = %error.report(), "housekeeping.failed");
            }
        } else {
            self.health.works(now);
        }
    }
}
