//! What the calendar does: flags that were left alone come back, and what is kept no longer goes. No sign-in waits for
//! any of it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::Clock;
use crate::store::{Erasure, FlagTable, Purged, RetentionSettings, StoreError};
use crate::telemetry::{Component, Status};

const MINUTE: Duration = Duration::from_mins(1);
/// After a failure: the store may be back in a moment, and it is told as failing until then.
const RETRY: Duration = Duration::from_secs(5);
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

/// Minutes since the start: this one, and that of the next purge.
#[derive(Default)]
struct Diary {
    minute: u64,
    next_purge: u64,
}

impl Housekeeping {
    /// Keeps house until `stop` is cancelled, once a minute.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut diary = Diary::default();
        loop {
            let wait = if self.keep(&mut diary, &stop).await { MINUTE } else { RETRY };
            if tokio::time::timeout(wait, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    /// What one minute asks for: flags wake in every one, the first purge is at the start, the second within a day, and
    /// then there is one every day. Whether all of it was done.
    async fn keep(&self, diary: &mut Diary, stop: &CancellationToken) -> bool {
        let mut kept = self.wake().await;
        if kept.is_ok() && diary.minute >= diary.next_purge {
            kept = self.purge(stop).await;
            if kept.is_ok() {
                let is_first = diary.next_purge == 0;
                let after = if is_first { 1 + u64::from(self.chance) % DAY_MINUTES } else { DAY_MINUTES };
                diary.next_purge = diary.minute + after;
            }
        }
        self.show(kept.as_ref().err());
        diary.minute += u64::from(kept.is_ok());
        kept.is_ok()
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
            let Purged { trail, actors, closed_flags, habits, report, usage } = purged;
            tracing::info!(trail, actors, closed_flags, habits, report, usage, "retention.purged");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Fact, GuessFacts, Move, Rejection, Timestamp};
    use crate::identity::fixture::StillClock;
    use crate::store::suite::harness::{self, Fresh, account, at, integration};
    use crate::store::{Action, FlagFilter, FlagOrder, FlagStore, Gathered, Seen};
    use crate::telemetry::Health;

    const DAY: i64 = 24 * 3_600_000;
    /// So long after the flags of these tests that none of them is kept.
    const NOW: i64 = 1_000 * DAY;

    async fn flag(fresh: &Fresh, identifier: &str, to_do: Move, moment: Timestamp) {
        let seen = Seen {
            fact: Fact::Refused(Rejection::Locked, GuessFacts::default()),
            integration: Some(integration("proxy")),
            source: None,
            operation: "authenticateUser".into(),
            first: moment,
            last: moment,
            count: 1,
        };
        let gathered = [Gathered { account: account(identifier), seen: vec![seen] }];
        let table = fresh.database.flags();
        let id = table.record(&gathered).await.expect("recorded").remove(0).expect("a flag").flag;
        let action = Action { to_do, actor: "mia".to_owned(), assignee: None, note: None, at: moment };
        table.act(&id, &action).await.expect("done");
    }

    async fn states(fresh: &Fresh) -> Vec<(String, &'static str)> {
        let page =
            fresh.database.flags().page(&FlagFilter::default(), FlagOrder::Account, None, 10).await.expect("read");
        page.flags.iter().map(|flag| (flag.account.identifier().to_owned(), flag.state.label())).collect()
    }

    fn housekeeping(fresh: &Fresh, clock: &Arc<StillClock>) -> Housekeeping {
        Housekeeping {
            flags: fresh.database.flags(),
            erasure: fresh.database.erasure(),
            retention: RetentionSettings::default(),
            health: Health::default().component("store", "housekeeping", at(0)),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            chance: 1_441,
        }
    }

    #[tokio::test]
    async fn flags_wake_every_minute_and_old_ones_go_once_a_day() {
        let fresh = harness::sqlite().await;
        let clock = StillClock::at(NOW);
        let (keeper, mut diary, stop) = (housekeeping(&fresh, &clock), Diary::default(), CancellationToken::new());
        flag(&fresh, "gone", Move::Resolve, at(1)).await;
        flag(&fresh, "asleep", Move::Snooze { until: at(NOW + 60_000) }, at(NOW - DAY)).await;
        keeper.keep(&mut diary, &stop).await;
        assert_eq!(states(&fresh).await, [("asleep".to_owned(), "snoozed")], "at the start");
        flag(&fresh, "gone", Move::Resolve, at(2)).await;
        clock.set(NOW + 60_000);
        keeper.keep(&mut diary, &stop).await;
        assert_eq!(states(&fresh).await, [("asleep".to_owned(), "open"), ("gone".to_owned(), "resolved")]);
        keeper.keep(&mut diary, &stop).await;
        assert_eq!(states(&fresh).await.len(), 1, "in this node's minute of the day");
        assert_eq!((diary.minute, diary.next_purge), (3, 2 + DAY_MINUTES), "and again tomorrow");
    }

    #[tokio::test]
    async fn what_fails_is_told_once_and_tried_again() {
        let fresh = harness::sqlite().await;
        let clock = StillClock::at(NOW);
        flag(&fresh, "gone", Move::Resolve, at(1)).await;
        let (mut keeper, mut diary) = (housekeeping(&fresh, &clock), Diary::default());
        let (stop, works) = (CancellationToken::new(), keeper.erasure.clone());
        let away = harness::sqlite().await;
        away.database.close().await;
        keeper.erasure = away.database.erasure();
        assert!(!keeper.keep(&mut diary, &stop).await);
        let view = keeper.health.view();
        assert_eq!((view.status, diary.next_purge), (Status::Degraded, 0));
        assert!(view.error.is_some_and(|error| error.contains("look for what is kept no longer")));
        keeper.erasure = works;
        assert!(keeper.keep(&mut diary, &stop).await);
        assert_eq!((keeper.health.view().status, states(&fresh).await), (Status::Ok, Vec::new()));
    }
}
