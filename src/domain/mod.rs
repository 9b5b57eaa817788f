//! The vocabulary and the rules of the gateway. Pure: no I/O, async, clock or randomness; time is an argument.

mod account;
mod attempts;
mod credentials;
mod flag;
mod incident;
mod integration;
mod password;
mod password_rule;
mod pattern;
mod time;
mod usage;
mod verdict;

pub(crate) use account::has_control;
pub use account::{AccountId, IdentifierError, Institution};
pub use attempts::{
    AttemptRule, Caller, DAY, Gate, GuessTag, Guesses, RECHECK_MAX, Recall, Said, Slot, SlotKind, decide,
};
pub use credentials::{CREDENTIAL_BYTES_MAX, Credentials};
pub use flag::{
    Confidence, Fact, Finding, FlagState, GuessFacts, History, Life, Move, MoveError, Reason, Repeat, Severity, SignIn,
    clears, over_since, review,
};
pub use incident::IncidentId;
pub use integration::{IntegrationName, IntegrationNameError};
pub use password::Password;
pub use password_rule::NewPasswordRule;
pub use pattern::IdentifierPattern;
pub use time::{Clock, Timestamp};
pub use usage::{CallEnd, Day, Dimension, Tally};
pub use verdict::{Answer, NoAnswer, Rejection, Verdict};
