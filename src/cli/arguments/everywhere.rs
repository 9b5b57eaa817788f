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

/// A name of somebody, as it stands in the trail.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    parse_text(text, 100)
}

/// What somebody writes about a flag.
pub(crate) fn parse_note(text: &str) -> Result<String, String> {
    parse_text(text, 1_000)
}

fn parse_text(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("write at least one letter".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("write it on one line, without control characters".to_owned());
    }
    if text.chars().count() > most {
        return Err(format!("write at most {most} characters"));
    }
    Ok(text.to_owned())
}
