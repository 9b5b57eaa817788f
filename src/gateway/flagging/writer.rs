//! The worker that writes what may flag: batch by batch while the store works, and one by one when a batch holds
//! something that the store cannot take. What it cannot take is set aside in a file, and everybody else goes on. What a
//! stop left over in that file is worked through piece by piece; a piece leaves the file once it is written.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{AccountId, Clock, Reason};
use crate::gateway::flagging::FlagReceiver;
use crate::gateway::flagging::file::LeftoverFile;
use crate::gateway::flagging::filed::{Aside, Filed};
use crate::gateway::flagging::gathering::join;
use crate::gateway::flagging::pace::{MOST, Pace};
use crate::gateway::flagging::queue::Waiting;
use crate::store::{FlagStore, Gathered, Recorded, StoreError};
use crate::telemetry::{Component, DroppedFlag, Status, account_tag};

/// How long the worker waits before it tries a failing store again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long all writes may still take once the server stops: less than the server waits for its writers.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How often an idle worker looks whether a trouble is over.
const LOOK: Duration = Duration::from_secs(15);

/// The worker that writes flags.
pub struct FlagWriter {
    /// Where they are written.
    pub store: Arc<dyn FlagStore>,
    /// Where what could not be written is left.
    pub leftovers: PathBuf,
    /// Shows whether flags get written.
    pub health: Component,
    /// For the health.
    pub clock: Arc<dyn Clock>,
}

impl FlagWriter {
    /// Writes flags until `stop` is cancelled and nothing waits. While the store fails it waits and tries again; at the
    /// end what could not be written is left in a file, which the next start works through beside what comes.
    pub async fn run(self, receiver: FlagReceiver, stop: CancellationToken) {
        let work = Work {
            batch: Vec::new(),
            unwritable: Vec::new(),
            piece: HashSet::new(),
            file: LeftoverFile::new(self.leftovers.clone()),
            filed: Filed::default(),
            pace: Pace::new(),
            was_piece: false,
            is_failing: false,
            is_troubled: false,
            waiting: receiver.0,
            writer: self,
            stop,
            end: OnceLock::new(),
        };
        work.run().await;
    }
}

/// The worker at work.
struct Work {
    writer: FlagWriter,
    waiting: Arc<Waiting>,
    stop: CancellationToken,
    /// When nothing is written any more, once it stops.
    end: OnceLock<Instant>,
    /// What is being written.
    batch: Vec<Gathered>,
    /// What of it the store cannot take.
    unwritable: Vec<(Gathered, StoreError)>,
    /// Accounts of the batch that are in the file until it is written.
    piece: HashSet<AccountId>,
    file: LeftoverFile,
    filed: Filed,
    pace: Pace,
    /// Whether the last batch began with the file.
    was_piece: bool,
    is_failing: bool,
    /// Whether there is something for somebody to see.
    is_troubled: bool,
}

impl Work {
    async fn run(mut self) {
        self.begin().await;
        loop {
            let is_last = self.stop.is_cancelled();
            if self.batch.is_empty() {
                self.take(is_last).await;
            }
            if self.batch.is_empty() {
                if is_last {
                    return self.leave();
                }
                self.idle().await;
                continue;
            }
            match self.write().await {
                // Those who were looked at without a write say nothing of those whose write failed.
                Ok(()) if self.is_failing && !self.batch.is_empty() => {}
                Ok(()) => self.show(None),
                Err(error) => {
                    self.show(Some(&error));
                    if self.stop.is_cancelled() {
                        return self.leave();
                    }
                    tokio::select! {
                        () = tokio::time::sleep(STORE_RETRY) => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn idle(&mut self) {
        if self.file.is_out_of_reach() {
            self.show(None);
        }
        tokio::select! {
            () = self.waiting.news.notified() => {}
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(LOOK), if self.is_troubled => {
                self.look().await;
                self.show(None);
            }
        }
    }

    /// Looks at what the last stop left over.
    async fn begin(&mut self) {
        if let Some((all, dropped)) = self.file.read().await {
            if !all.is_empty() {
                tracing::info!(accounts = all.len(), "flag.leftovers_read");
            }
            self.count_dropped(dropped);
            self.filed.begin(&all);
        }
        if !self.file.troubles().is_empty() {
            self.show(None);
        }
    }

    /// Looks whether somebody has seen to what could not be read.
    async fn look(&mut self) {
        if !self.filed.is_known {
            self.begin().await;
        } else if self.file.is_out_of_reach() {
            self.file.read().await;
        } else {
            self.file.look().await;
        }
    }

    /// The next batch: from the file and from the queue in turns, so that neither waits for all of the other. Who stops
    /// leaves the file as it is.
    async fn take(&mut self, is_last: bool) {
        if is_last {
            self.batch = self.waiting.take(MOST, |account| self.filed.holds(account));
            return;
        }
        if self.file.is_to_be_tried() {
            self.look().await;
        }
        self.filed.look_at_the_time();
        self.was_piece = !self.was_piece;
        if self.was_piece {
            self.take_piece().await;
        }
        if self.batch.is_empty() {
            self.batch = self.waiting.take(MOST, |account| self.filed.holds(account));
        }
        if self.batch.is_empty() {
            self.take_piece().await;
        }
    }

    /// A batch from the file, with what was seen of the same accounts since.
    async fn take_piece(&mut self) {
        if self.filed.due.is_empty() {
            return;
        }
        let Some((all, _)) = self.file.read().await else { return };
        let mut piece = self.filed.take(all, MOST);
        self.piece = piece.iter().map(|one| one.account.clone()).collect();
        piece.extend(self.waiting.take_of(&self.piece));
        let (batch, dropped) = join(piece);
        self.count_dropped(dropped);
        self.batch = batch;
    }

    fn count_dropped(&self, facts: u64) {
        for _ in 0..facts {
            self.waiting.metrics.flags.dropped(DroppedFlag::Fact);
        }
    }

    /// Writes as much of the batch as the store takes at once, or else that much one by one.
    async fn write(&mut self) -> Result<(), StoreError> {
        let mut some = self.pace.accounts().min(self.batch.len());
        match self.record(&self.batch[..some]).await {
            Ok(recorded) => {
                tell(recorded);
                self.batch.drain(..some);
                self.pace.kept();
            }
            Err(error) if !error.is_of_one_row() => {
                if error.is_late() {
                    self.pace.missed(some);
                }
                return Err(error);
            }
            Err(_) => {
                while some > 0 {
                    let recorded = self.record(&self.batch[..1]).await;
                    if recorded.as_ref().is_err_and(|error| !error.is_of_one_row()) {
                        return recorded.map(drop);
                    }
                    let one = self.batch.remove(0);
                    match recorded {
                        Ok(recorded) => tell(recorded),
                        Err(error) => self.unwritable.push((one, error)),
                    }
                    some -= 1;
                }
            }
        }
        if self.batch.is_empty() {
            self.settle().await;
        }
        Ok(())
    }

    /// After a batch: what the store cannot take is in the file, and what it took is there no more.
    async fn settle(&mut self) {
        let (piece, unwritable) = (std::mem::take(&mut self.piece), std::mem::take(&mut self.unwritable));
        if piece.is_empty() && unwritable.is_empty() {
            return;
        }
        let mut written = piece.clone();
        for (one, _) in &unwritable {
            written.remove(&one.account);
        }
        self.filed.written(&written);
        let mut kept = Vec::new();
        for (one, error) in unwritable {
            let tag = account_tag(&one.account);
            match self.filed.set_aside(&one.account, &error) {
                Aside::Dropped => {
                    tracing::error!(account.tag = tag, "flag.dropped");
                    self.waiting.lose(1, self.writer.clock.now());
                    continue;
                }
                Aside::Known => {}
                Aside::New => {
                    tracing::error!(account.tag = tag, error = error.report(), "flag.unwritable");
                    self.waiting.metrics.flags.unwritable.inc();
                }
            }
            kept.push(one);
        }
        self.file.change(piece, kept).await;
    }

    /// Leaves for the next start what could not be written.
    fn leave(mut self) {
        let mut left = std::mem::take(&mut self.batch);
        left.extend(std::mem::take(&mut self.unwritable).into_iter().map(|(one, _)| one));
        left.extend(self.waiting.take(usize::MAX, |_| false));
        self.file.leave(self.piece, left);
    }

    /// A store that hangs is given up a moment after the stop, so that there is time left for the file.
    async fn record(&self, batch: &[Gathered]) -> Result<Vec<Option<Recorded>>, StoreError> {
        tokio::select! {
            recorded = self.writer.store.record(batch) => recorded,
            () = self.end() => Err(StoreError::away()),
        }
    }

    /// A moment after the stop.
    async fn end(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep_until(*self.end.get_or_init(|| Instant::now() + STOP_PATIENCE)).await;
    }

    /// A failing store, flags that were dropped and those that cannot be written are for somebody to see, and for nobody
    /// to wait for.
    fn show(&mut self, error: Option<&StoreError>) {
        let now = self.writer.clock.now();
        let mut troubles = Vec::new();
        if let Some(error) = error {
            let count = self.batch.len() + self.filed.due.len() + self.waiting.count();
            troubles.push(format!("{count} accounts wait to be written: {}", error.report()));
            if !self.is_failing {
                tracing::warn!(error = error.report(), waiting = count, "flag.store_failed");
            }
        }
        let dropped = self.waiting.dropped_lately(now);
        if dropped > 0 {
            troubles.push(format!("{dropped} flags were dropped, as too many waited"));
        }
        troubles.extend(self.filed.trouble());
        troubles.extend(self.file.troubles());
        self.is_failing = error.is_some();
        self.is_troubled = !troubles.is_empty();
        if self.is_troubled {
            self.writer.health.fails(Status::Degraded, &troubles.join("; "), now);
        } else {
            self.writer.health.works(now);
        }
    }
}

/// After the commit: whoever reads these lines finds the flags, also after a SIGKILL.
fn tell(recorded: Vec<Option<Recorded>>) {
    for recorded in recorded.into_iter().flatten() {
        let reasons: Vec<&str> = recorded.reasons.iter().map(|reason| Reason::code(*reason)).collect();
        let (tag, state) = (account_tag(&recorded.account), recorded.state.label());
        if reasons.is_empty() {
            tracing::info!(flag.id = %recorded.flag, flag.state = state, account.tag = tag, "flag.cleared");
        } else {
            tracing::info!(
                flag.id = %recorded.flag, flag.reason = reasons.join(","), flag.state = state,
                account.tag = tag, "flag.recorded"
            );
        }
    }
}
