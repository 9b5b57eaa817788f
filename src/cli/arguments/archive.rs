//! The arguments of `soapgate backup`, `soapgate restore` and `soapgate accounts forget`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::{AccountArguments, Format, parse_name};

#[derive(Clone, Debug, Args)]
pub(crate) struct BackupArguments {
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Put it in the place of a file of that name
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup to restore
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ForgetArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Who does it; the trail says so
    #[arg(long, value_name = "NAME", env = "SOAPGATE_OPERATOR", default_value = "operator", value_parser = parse_name)]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) format: Format,
}
