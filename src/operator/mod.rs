//! What an operator can do, without HTTP and without printing: commands now, a console later.

mod accounts;
mod error;
mod flags;
mod integrations;
mod moment;
mod report;
mod secret;
#[cfg(test)]
mod tests;

pub use accounts::{AccountView, Accounts, NewAccount, NextSignIn};
pub use error::OperatorError;
pub use flags::{FlagDetailView, FlagPageView, FlagView, Flags, ReasonView, Signature, SourceView, TrailView};
pub use integrations::{IntegrationView, Integrations, Secret};
pub use moment::{ExpiryError, parse_expiry};
pub use report::{
    AccountList, FILE_BYTES_MAX, ImportView, LeftOut, LeftOutView, ListProblem, ListProblems, Reports, read_list,
};
pub use secret::PasswordRule;
