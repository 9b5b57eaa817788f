//! What an operator can do, without HTTP and without printing: commands now, a console later.

mod accounts;
mod archives;
mod error;
mod flags;
mod integrations;
mod moment;
mod secret;
#[cfg(test)]
mod tests;

pub use accounts::{AccountView, Accounts, ForgottenView, NewAccount, NextSignIn};
pub use archives::{Archives, BackupView, RestoreView, Standing};
pub use error::OperatorError;
pub use flags::{FlagDetailView, FlagPageView, FlagView, Flags, ReasonView, Signature, SourceView, TrailView};
pub use integrations::{IntegrationView, Integrations, Secret};
pub use moment::{ExpiryError, parse_expiry};
pub use secret::PasswordRule;
