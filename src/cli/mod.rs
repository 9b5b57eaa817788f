//! Commands, their arguments and exit codes.

mod accounts;
mod arguments;
mod check;
mod exit;
mod flags;
mod integrations;
mod output;
mod run;
mod secret;
mod usage;
mod usage_arguments;
mod workplace;

pub use run::run;
