//! What an operator can do, without HTTP and without printing: commands now, a console later.

mod accounts;
mod archives;
mod error;
mod flags;
mod integrations;
mod moment;
mod report;
mod secret;
#[cfg(test)]
mod tests;
mod usage;
#[cfg(test)]
mod usage_tests;

pub use accounts::{AccountView, Accounts, ForgottenView, NewAccount, NextSignIn};
pub use archives::{Archives, BackupView, RestoreView, Standing};
pub use error::OperatorError;
pub use flags::{FlagDetailView, FlagPageView, FlagView, Flags, ReasonView, Signature, SourceView, TrailView};
pub use integrations::{IntegrationView, Integrations, Secret};
pub use moment::{ExpiryError, parse_expiry};
pub use report::{
    AccountList, FILE_BYTES_MAX, ImportView, LeftOut, LeftOutView, ListProblem, ListProblems, Reports, read_list,
};
pub use secret::PasswordRule;
pub use usage::{
    BurnDownDay, BurnDownView, Callers, IntegrationUsageView, Usage, UsageOverview, UsageRankingView, UsageValueView,
};
