//! Commands, their arguments and exit codes.

mod accounts;
mod archive;
mod arguments;
mod check;
mod exit;
mod flags;
mod integrations;
mod output;
mod progress;
mod report;
mod run;
mod secret;
mod usage;
mod workplace;

pub use run::run;
