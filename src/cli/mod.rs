//! Commands, their arguments and exit codes.

mod accounts;
mod arguments;
mod check;
mod exit;
mod flags;
mod flags_arguments;
mod integrations;
mod output;
mod progress;
mod report;
mod report_arguments;
mod run;
mod secret;
mod workplace;

pub use run::run;
