//! Verbs of `flags`.

use clap::Subcommand;

use crate::cli::arguments::Format;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum FlagsCommand {
    /// List the flags, the most severe first
    #[command(after_help = "Examples:\n  soapgate flags list\n  soapgate flags list --json | jq '.[].account'")]
    List {
        #[command(flatten)]
        format: Format,
    },
}
