//! What an operator can do, without HTTP and without printing: commands now, a console later.

mod accounts;
mod error;
mod flags;
mod integrations;
mod moment;
mod secret;
#[cfg(test)]
mod tests;
mod usage;
#[cfg(test)]
mod usage_tests;

pub use accounts::{AccountView, Accounts, NewAccount, NextSignIn};
pub use error::OperatorError;
pub use flags::{FlagView, Flags};
pub use integrations::{IntegrationView, Integrations, Secret};
pub use moment::{ExpiryError, parse_expiry};
pub use secret::PasswordRule;
pub use usage::{
    BurnDownDay, BurnDownView, Callers, IntegrationUsageView, Usage, UsageOverview, UsageRankingView, UsageValueView,
};
