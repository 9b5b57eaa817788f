//! Arguments that many commands take.

use clap::Args;

use crate::domain::Institution;

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose account.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The institution; needed when there is more than one
    #[arg(long, value_name = "CODE", value_parser = Institution::parse)]
    pub(crate) institution: Option<Institution>,
}
