//! Outages in a row: what each weighs, and when there are enough of them.

use crate::domain::NoAnswer;
use crate::identity::guard::breaker::Who;
use crate::identity::{IdentityError, Sent};

/// So many accounts must meet a set-up error before it is taken for the service's.
const PUZZLED_MIN: u32 = 3;

/// How an error counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Not at all: it was our own doing.
    None,
    /// Whoever asks: nothing of the question had been sent.
    Anybody,
    /// As an outage, but not from one account alone.
    Outage,
    /// Once for each account.
    OncePerAccount,
}

fn weigh(error: &IdentityError) -> Weight {
    match (error.no_answer, error.sent) {
        (NoAnswer::Unreachable, Sent::No) => Weight::Anybody,
        (NoAnswer::Unreachable | NoAnswer::TimedOut | NoAnswer::Throttled(_), Sent::Maybe | Sent::Name) => {
            Weight::Outage
        }
        (NoAnswer::Misconfigured | NoAnswer::Protocol, Sent::Maybe | Sent::Name | Sent::No) => Weight::OncePerAccount,
        // Too long in a queue of our own, or held back by ourselves.
        (NoAnswer::TimedOut | NoAnswer::Throttled(_), Sent::No) => Weight::None,
    }
}

/// Outages since the last answer.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// With nothing sent, or from whatever account.
    count: u32,
    unsent: u32,
    /// Different accounts that met any; two are enough.
    accounts: Vec<Who>,
    /// Different accounts that met a set-up error or an answer that cannot be understood.
    puzzled: Vec<Who>,
}

impl Run {
    /// Adds what `who` met, where so many `outages` are enough; true when it was one, and no set-up error, which may be one
    /// account's for ever, nor our own doing.
    pub(crate) fn add(&mut self, error: &IdentityError, who: Who, outages: u32) -> bool {
        let weight = weigh(error);
        match weight {
            Weight::None => {}
            Weight::Anybody => {
                self.unsent += 1;
                self.count += 1;
                add(&mut self.accounts, who, 2);
            }
            Weight::Outage => {
                self.count += 1;
                add(&mut self.accounts, who, 2);
            }
            Weight::OncePerAccount => add(&mut self.puzzled, who, outages.max(PUZZLED_MIN)),
        }
        matches!(weight, Weight::Anybody | Weight::Outage)
    }

    /// Whether it is taken for the service's.
    pub(crate) fn is_over(&self, outages: u32) -> bool {
        let many = |list: &[Who]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.unsent >= outages
            || (self.count >= outages && self.accounts.len() > 1)
            || many(&self.puzzled) >= outages.max(PUZZLED_MIN)
    }

    /// The account that alone met enough outages.
    pub(crate) fn lonely(&self, outages: u32) -> Option<Who> {
        match self.accounts.as_slice() {
            [who] if self.count >= outages => Some(*who),
            _ => None,
        }
    }

    /// Whether more than one account met any of it.
    pub(crate) fn is_of_several(&self) -> bool {
        let mut all = self.accounts.iter().chain(&self.puzzled);
        all.next().is_some_and(|first| all.any(|who| who != first))
    }
}

fn add(list: &mut Vec<Who>, who: Who, most: u32) {
    if !list.contains(&who) && list.len() < usize::try_from(most).unwrap_or(usize::MAX) {
        list.push(who);
    }
}
