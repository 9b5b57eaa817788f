//! The arguments of `soapgate usage`.

use clap::{Args, ValueEnum};

use crate::cli::arguments::Format;
use crate::domain::{Dimension, IntegrationName, IntegrationNameError};
use crate::operator::Callers;

pub(crate) const LONG: &str = "Show who still calls\n\n\
    Calls are counted by UTC day: first, last, accepted, refused and unanswered, by integration, and within that by \
    account, operation, source address and user agent. Of each, those that call the most are kept by name, and the rest \
    is one number, so that sums are right. An account is named once it is known to exist: what somebody types as a name \
    may be a password. A running server writes what it counted every few seconds.";

pub(crate) const EXAMPLES: &str = "Examples:\n  soapgate usage\n  soapgate usage --days 7 --by agent\n  \
    soapgate usage --integration AlmaSDK-demo-institutionCode-01DEMO_INST --by source --top 5\n  \
    soapgate usage --burn-down --days 90 --json";

#[derive(Clone, Debug, Args)]
pub(crate) struct UsageArguments {
    /// How many days, today included; days are those of UTC
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub(crate) days: u32,
    #[arg(
        long,
        value_name = "NAME",
        value_parser = parse_callers,
        help = "Only this integration's calls; 'none' means those without a known one"
    )]
    pub(crate) integration: Option<Callers>,
    /// What the calls have in common, those with the most calls first
    #[arg(long, value_name = "WHAT", conflicts_with = "burn_down")]
    pub(crate) by: Option<By>,
    /// How many of them; the rest is shown together, as others
    #[arg(long, value_name = "N", default_value_t = 20, requires = "by", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,
    /// Day by day: whether legacy calls become less
    #[arg(long)]
    pub(crate) burn_down: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// By what calls are told apart.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum By {
    Account,
    Operation,
    Source,
    Agent,
}

impl By {
    pub(crate) const fn dimension(self) -> Dimension {
        match self {
            Self::Account => Dimension::Account,
            Self::Operation => Dimension::Operation,
            Self::Source => Dimension::Source,
            Self::Agent => Dimension::Agent,
        }
    }
}

fn parse_callers(text: &str) -> Result<Callers, IntegrationNameError> {
    if text == "none" { Ok(Callers::Nameless) } else { IntegrationName::parse(text).map(Callers::Integration) }
}
