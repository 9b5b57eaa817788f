//! What is said to a question, and how much of it to each of those who asked it.

use std::time::Duration;

use crate::domain::{Answer, Caller, GuessFacts, NoAnswer, Rejection, Verdict};
use crate::gateway::digests::AccountMark;
use crate::gateway::question::Digest;
use crate::identity::{IdentityError, Sent};

/// A remembered yes.
#[derive(Clone, Copy)]
pub(crate) struct Yes {
    pub(crate) must_change: bool,
    pub(crate) account: AccountMark,
}

/// An answer, and what is known of the password where it was refused.
#[derive(Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) guess: GuessFacts,
}

impl From<Answer> for Heard {
    fn from(answer: Answer) -> Self {
        Self { answer, guess: GuessFacts::default() }
    }
}

impl From<Yes> for Heard {
    fn from(yes: Yes) -> Self {
        Self::from(if yes.must_change { Answer::MustChange } else { Answer::Accepted })
    }
}

/// How a question to an identity service ended, for all who joined it.
pub(crate) struct Landed {
    pub(crate) said: Result<Heard, IdentityError>,
    /// Who asked.
    pub(crate) caller: Caller,
    /// Under what a fresh yes is remembered already.
    pub(crate) asked_as: Option<Digest>,
}

impl Landed {
    /// What it says to `caller`; `None` when it says nothing to another than who asked: whose budget or share is spent, or
    /// who is too fast.
    pub(crate) fn says_to(&self, caller: &Caller) -> Option<Result<Heard, IdentityError>> {
        if self.caller == *caller {
            return Some(self.said.clone());
        }
        match &self.said {
            Ok(heard) if heard.answer == Answer::Rejected(Rejection::Shielded) => None,
            Err(IdentityError { no_answer: NoAnswer::Throttled(_), sent: Sent::No, .. }) => None,
            // How often a password was refused before is known of each caller by itself.
            Ok(heard) => Some(Ok(Heard { guess: GuessFacts { repeat: None, ..heard.guess }, ..*heard })),
            Err(error) => Some(Err(error.clone())),
        }
    }
}

/// An answer that is shared with those who wait for it, and not remembered.
pub(crate) struct Passing(pub(crate) Result<Heard, NoAnswer>);

/// The verdict and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) verdict: Verdict,
    /// How long the answer took, where somebody was asked just now.
    pub(crate) asked_for: Option<Duration>,
    /// What is known of a password that was refused.
    pub(crate) guess: GuessFacts,
}

impl Verified {
    /// A verdict for which nobody was asked.
    pub(crate) fn unasked(verdict: Verdict) -> Self {
        Self { verdict, asked_for: None, guess: GuessFacts::default() }
    }
}
