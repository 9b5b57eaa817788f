//! The file of what was left over, in the worker's hand. While it is out of reach, what is to be changed in it waits in
//! memory, and nobody is thought to have left it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::AccountId;
use crate::gateway::flagging::gathering::join;
use crate::gateway::leftovers;
use crate::store::Gathered;

/// How long a file that is out of reach is left alone.
const RETRY: Duration = Duration::from_secs(15);

pub(super) struct LeftoverFile {
    path: PathBuf,
    /// Why it is out of reach, and when it is tried again.
    trouble: Option<(String, Instant)>,
    /// The files that hold what could not be read.
    unreadable: Vec<String>,
    /// Accounts that are to leave the file.
    written: HashSet<AccountId>,
    /// What is to be added to it: of no more accounts than are set aside.
    kept: Vec<Gathered>,
}

impl LeftoverFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, trouble: None, unreadable: Vec::new(), written: HashSet::new(), kept: Vec::new() }
    }

    /// Whether it could not be read or changed when that was last tried.
    pub(super) fn is_out_of_reach(&self) -> bool {
        self.trouble.is_some()
    }

    /// Whether one that is out of reach is to be tried again by now.
    pub(super) fn is_to_be_tried(&self) -> bool {
        self.trouble.as_ref().is_some_and(|(_, again)| *again <= Instant::now())
    }

    /// What is in it, account by account, and how many facts there was no room for; `None` while it is out of reach.
    pub(super) async fn read(&mut self) -> Option<(Vec<Gathered>, u64)> {
        if self.is_left_alone() || !self.catch_up().await {
            return None;
        }
        self.at_work(|file| leftovers::read(file).map(join)).await
    }

    /// Takes out what is there of those that are `written`, and adds what is `kept`, as soon as that can be done.
    pub(super) async fn change(&mut self, written: HashSet<AccountId>, kept: Vec<Gathered>) {
        self.written.extend(written);
        self.kept.extend(kept);
        if !self.is_left_alone() {
            self.catch_up().await;
        }
    }

    /// Looks which files hold what could not be read.
    pub(super) async fn look(&mut self) {
        self.at_work(|_| Ok(())).await;
    }

    /// The same as a change, at the stop: what cannot be in the file is left beside it.
    pub(super) fn leave(mut self, written: HashSet<AccountId>, left: Vec<Gathered>) {
        self.written.extend(written);
        self.kept.extend(left);
        if self.is_settled() {
            return;
        }
        let (file, accounts) = (&self.path, self.kept.len());
        let Err(error) = leftovers::change(file, &self.written, &self.kept) else {
            tracing::warn!(file = %file.display(), accounts, "flag.left_over");
            return;
        };
        tracing::error!(file = %file.display(), error = %error, "flag.leftovers_out_of_reach");
        if self.kept.is_empty() {
            // What is written is in the file still, and the next start writes it once more.
            return;
        }
        match leftovers::add_beside(file, &self.kept) {
            Ok(beside) => tracing::warn!(file = %beside.display(), accounts, "flag.left_over"),
            Err(error) => tracing::error!(file = %file.display(), accounts, error = %error, "flag.lost"),
        }
    }

    /// What somebody must see to.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some((error, _)) = &self.trouble {
            troubles.push(format!("the flags left over cannot be read: {error}"));
        }
        if !self.unreadable.is_empty() {
            troubles
                .push(format!("what could not be read of the flags left over is in {}", self.unreadable.join(", ")));
        }
        troubles
    }

    fn is_left_alone(&self) -> bool {
        self.is_out_of_reach() && !self.is_to_be_tried()
    }

    fn is_settled(&self) -> bool {
        self.written.is_empty() && self.kept.is_empty()
    }

    /// Changes what waits to be changed; whether nothing does any more.
    async fn catch_up(&mut self) -> bool {
        if self.is_settled() {
            return true;
        }
        let (written, kept) = (self.written.clone(), self.kept.clone());
        if self.at_work(move |file| leftovers::change(file, &written, &kept)).await.is_none() {
            return false;
        }
        self.written.clear();
        self.kept.clear();
        true
    }

    /// Files are waited for where no call is held up. `None` where that failed.
    async fn at_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let file = self.path.clone();
        let working = tokio::task::spawn_blocking(move || (work(&file), leftovers::unreadable(&file)));
        // It is cut off when the program ends.
        let (done, unreadable) = working.await.unwrap_or_else(|cut| (Err(io::Error::other(cut)), Vec::new()));
        self.unreadable = unreadable;
        match done {
            Ok(done) => {
                self.trouble = None;
                Some(done)
            }
            Err(error) => {
                if self.trouble.is_none() {
                    tracing::error!(file = %self.path.display(), error = %error, "flag.leftovers_out_of_reach");
                }
                self.trouble = Some((error.to_string(), Instant::now() + RETRY));
                None
            }
        }
    }
}
