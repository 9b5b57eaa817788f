//! Commands, their arguments and exit codes.

mod accounts;
mod archive;
mod archive_arguments;
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
