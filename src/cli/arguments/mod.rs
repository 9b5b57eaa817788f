//! The command line: verbs, flags and their help, one file for each command's. No flag takes a secret.

mod accounts;
mod archive;
mod command;
mod everywhere;
mod flags;
mod integrations;
mod report;
mod serving;
mod usage;

pub(crate) use accounts::{AccountArguments, AccountsCommand};
pub(crate) use archive::{BackupArguments, ForgetArguments, RestoreArguments};
pub(crate) use command::{Arguments, Command};
pub(crate) use everywhere::{Format, Place, parse_name, parse_note};
pub(crate) use flags::{By, FlagsCommand, Step};
pub(crate) use integrations::IntegrationsCommand;
pub(crate) use report::ReportCommand;
pub(crate) use serving::{CheckArguments, DemoArguments};
pub(crate) use usage::UsageArguments;
