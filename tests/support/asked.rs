//! What a service was asked about one account, and what that means for budgets: counted by itself, from outside.
//!
//! Where calls came at once nobody outside can tell whose question it was, or whether it had the slot of its own; what
//! may have been so is told apart from what must have been.

use std::collections::BTreeSet;
use std::time::Duration;

use soapgate::domain::{AttemptRule, DAY, Timestamp};

use crate::support::pair::Patience;
use crate::support::scribe::Outcome;

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) guess: u8,
    pub(crate) outcome: Outcome,
    /// Through whom it may have come.
    pub(crate) callers: BTreeSet<u8>,
    /// Whether it may have had the slot of the password last accepted.
    pub(crate) may_be_own: bool,
    /// Whether whoever asked may have ended before it heard.
    pub(crate) is_lost: bool,
}

/// All questions since the account's service was first asked.
pub(crate) struct History {
    rule: AttemptRule,
    patience: Patience,
    all: Vec<Asked>,
    /// So many were made void by an unlock.
    void: usize,
}

impl History {
    pub(crate) fn new(rule: AttemptRule, patience: Patience) -> Self {
        Self { rule, patience, all: Vec::new(), void: 0 }
    }

    pub(crate) fn add(&mut self, asked: &[Asked]) {
        self.all.extend_from_slice(asked);
    }

    pub(crate) fn unlock(&mut self) {
        self.void = self.all.len();
    }

    /// What the service may have counted as failed sign-ins in the last `span`, but for what was unlocked.
    pub(crate) fn counted(&self, span: Duration, now: Timestamp) -> impl Iterator<Item = &Asked> {
        let counts = move |asked: &&Asked| asked.outcome != Outcome::Accepted && now.since(asked.at) < span;
        self.all[self.void..].iter().filter(counts)
    }

    /// When the account last signed in: at the latest, and as far as is certain.
    fn last_success(&self) -> [Option<Timestamp>; 2] {
        let accepted = |asked: &&Asked| asked.outcome == Outcome::Accepted;
        let latest = self.all.iter().rfind(accepted).map(|asked| asked.at);
        [latest, self.all.iter().rfind(|asked| accepted(asked) && !asked.is_lost).map(|asked| asked.at)]
    }

    /// The budgets of a caller: the window's, its own, the day's.
    fn budgets(&self, caller: u8, now: Timestamp) -> [Budget; 3] {
        let [latest, certain] = self.last_success();
        let rule = &self.rule;
        // Its slot counts for longer than what it is for.
        let window = || self.counted(rule.counted_window(), now);
        let is_in_window = |asked: &Asked| now.since(asked.at) < rule.window;
        let day = || self.counted(DAY, now);
        let is_by = |asked: &&Asked| asked.callers.contains(&caller);
        [
            Budget::of(window(), is_in_window, rule.per_account),
            Budget::of(
                window().filter(is_by),
                |asked| is_in_window(asked) && asked.callers.len() == 1,
                rule.per_integration,
            ),
            Budget::of(
                day().filter(|asked| certain.is_none_or(|last| asked.at >= last)),
                |asked| latest.is_none_or(|last| asked.at > last),
                rule.per_day,
            ),
        ]
    }

    /// Whether a caller may be told no although nobody asks: refusals have spent one of its budgets.
    pub(crate) fn may_be_spent(&self, caller: u8, now: Timestamp) -> bool {
        self.budgets(caller, now).iter().any(|budget| match self.patience {
            Patience::Long => budget.refused >= budget.most && !budget.has_unknown,
            // A node that counts alone has its share, and may not know of what another asked.
            Patience::Short => budget.refused >= budget.most / usize::try_from(self.rule.nodes).expect("few"),
        })
    }

    /// Whether a budget of a caller is spent and an attempt of unknown outcome is in its way.
    pub(crate) fn has_unknown_in_the_way(&self, caller: u8, now: Timestamp) -> bool {
        let is_known = self.patience == Patience::Long;
        is_known && self.budgets(caller, now).iter().any(|budget| budget.taken >= budget.most && budget.has_unknown)
    }

    /// Holds the rule over what reached the service until `now`; `own` is how often the password last accepted may have
    /// taken its own slot.
    pub(crate) fn check(&self, now: Timestamp, own: usize) {
        let rule = &self.rule;
        // A node that counts alone may add its share to what the other counts.
        let most = |budget: u32| {
            let alone = if self.patience == Patience::Short { budget / rule.nodes } else { 0 };
            usize::try_from(budget + alone).expect("a small number")
        };
        let own_in_window = if self.patience == Patience::Short { 2 } else { 1 };
        let in_window = self.counted(rule.window, now).count();
        assert!(in_window <= most(rule.per_account) + own_in_window, "{in_window} in a window: {:?}", self.all);
        for caller in 0..=u8::MAX {
            let must_be_by =
                |asked: &&Asked| asked.callers.len() == 1 && asked.callers.contains(&caller) && !asked.may_be_own;
            let by = self.counted(rule.window, now).filter(must_be_by).count();
            assert!(by <= most(rule.per_integration), "{by} by {caller} in a window: {:?}", self.all);
        }
        let [last, _] = self.last_success();
        let today = self.counted(DAY, now).filter(|asked| last.is_none_or(|last| asked.at > last)).count();
        assert!(today <= most(rule.per_day) + own, "{today} in a day: {:?}", self.all);
    }
}

/// One budget, as it is seen from outside.
struct Budget {
    most: usize,
    /// Slots that must be taken.
    taken: usize,
    /// Slots that may be taken by refusals.
    refused: usize,
    /// Whether an outcome that nobody knows must be among them.
    has_unknown: bool,
}

impl Budget {
    fn of<'a>(asked: impl Iterator<Item = &'a Asked>, is_sure: impl Fn(&Asked) -> bool, most: u32) -> Self {
        let most = usize::try_from(most).expect("a small number");
        let mut budget = Self { most, taken: 0, refused: 0, has_unknown: false };
        for asked in asked {
            let is_sure = is_sure(asked) && !asked.may_be_own;
            budget.taken += usize::from(is_sure);
            budget.refused += usize::from(asked.outcome == Outcome::Refused);
            budget.has_unknown |= is_sure && asked.outcome == Outcome::Unanswered;
        }
        budget
    }
}
