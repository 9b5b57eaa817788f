//! Whose evidence is in the file of what was left over: those that are written next, and those that the store cannot take.
//! What is seen of any of them meanwhile waits in the queue, so that it is written with what came before.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::AccountId;
use crate::store::{Gathered, StoreError};

/// How long what was set aside is left alone before it is tried again.
pub(super) const ASIDE_RETRY: Duration = Duration::from_mins(10);
/// Accounts set aside at most; one more is dropped.
pub(super) const ASIDE: usize = 1_000;

#[derive(Default)]
pub(super) struct Filed {
    /// Whether it is known who is in the file.
    pub(super) is_known: bool,
    /// To be written next.
    pub(super) due: HashSet<AccountId>,
    /// Those that the store cannot take; some of them may be due again.
    aside: HashSet<AccountId>,
    why: String,
    again: Option<Instant>,
}

/// What became of an account that the store cannot take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    Dropped,
    Known,
    New,
}

impl Filed {
    /// What is in the file is due.
    pub(super) fn begin(&mut self, all: &[Gathered]) {
        self.is_known = true;
        self.due.extend(all.iter().map(|one| one.account.clone()));
    }

    pub(super) fn holds(&self, account: &AccountId) -> bool {
        self.due.contains(account) || self.aside.contains(account)
    }

    /// What was set aside is due again after a while.
    pub(super) fn look_at_the_time(&mut self) {
        if self.again.is_some_and(|again| again <= Instant::now()) {
            self.again = None;
            self.due.extend(self.aside.iter().cloned());
        }
    }

    /// Takes so many of those that are due, from all that is in the file. Whoever is not there any more was forgotten.
    pub(super) fn take(&mut self, all: Vec<Gathered>, most: usize) -> Vec<Gathered> {
        let there: HashSet<&AccountId> = all.iter().map(|one| &one.account).collect();
        self.due.retain(|account| there.contains(account));
        self.aside.retain(|account| there.contains(account));
        all.into_iter().filter(|one| self.due.remove(&one.account)).take(most).collect()
    }

    /// The store took what there was of them.
    pub(super) fn written(&mut self, accounts: &HashSet<AccountId>) {
        self.aside.retain(|account| !accounts.contains(account));
    }

    /// The store cannot take what there is of an account.
    pub(super) fn set_aside(&mut self, account: &AccountId, error: &StoreError) -> Aside {
        let is_known = self.aside.contains(account);
        if !is_known && self.aside.len() >= ASIDE {
            return Aside::Dropped;
        }
        self.why = error.report();
        self.again.get_or_insert_with(|| Instant::now() + ASIDE_RETRY);
        if is_known {
            return Aside::Known;
        }
        self.aside.insert(account.clone());
        Aside::New
    }

    /// How many were set aside, and why, where some are.
    pub(super) fn trouble(&self) -> Option<String> {
        let (count, why) = (self.aside.len(), &self.why);
        (count > 0).then(|| format!("{count} accounts cannot be written and were set aside: {why}"))
    }
}
