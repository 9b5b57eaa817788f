//! The arguments of `soapgate flags`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::arguments::{Format, parse_name, parse_note};
use crate::domain::{FlagState, Institution, Reason, Severity, Timestamp};
use crate::operator::parse_expiry;
use crate::store::{FlagFilter, FlagId, FlagOrder};

#[derive(Debug, Subcommand)]
pub(crate) enum FlagsCommand {
    /// List the flags, the most severe first
    ///
    /// As a table the first fifty, with how many there are and how to see the next; as JSON all of them, unless a limit
    /// is given.
    #[command(
        after_help = "Examples:\n  soapgate flags list\n  soapgate flags list --state open --reason no-password\n  \
                            soapgate flags list --account 2001\n  \
                            soapgate flags list --json | jq '.[].account'"
    )]
    List {
        #[command(flatten)]
        kind: Kind,
        /// In which order
        #[arg(long, value_enum, default_value_t, value_name = "ORDER")]
        sort: Sort,
        /// How many at the most
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: Option<u32>,
        /// Go on where a list ended: what it said is next
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Show one flag: its evidence, where its sign-ins came from, what happened to it
    #[command(after_help = "Examples:\n  soapgate flags show 0123456789abcdef\n  \
                            soapgate flags show 0123456789abcdef --json")]
    Show {
        #[command(flatten)]
        flag: Which,
        #[command(flatten)]
        format: Format,
    },
    /// Say who looks after a flag
    #[command(after_help = "Examples:\n  soapgate flags assign 0123456789abcdef --to mia")]
    Assign {
        #[command(flatten)]
        flag: Which,
        /// Who looks after it from now on
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        to: String,
        #[command(flatten)]
        by: By,
    },
    /// Note that the account's owner was told
    #[command(after_help = "Examples:\n  soapgate flags notify 0123456789abcdef --note 'by mail'")]
    Notify(Step),
    /// Note that the owner has been sent a way to set a password
    #[command(after_help = "Examples:\n  soapgate flags wait 0123456789abcdef")]
    Wait(Step),
    /// Note that the reason is gone
    #[command(after_help = "Examples:\n  soapgate flags resolve 0123456789abcdef --note 'set at the desk'")]
    Resolve(Step),
    /// Note that nothing is to be done; the note says why
    #[command(after_help = "Examples:\n  soapgate flags dismiss 0123456789abcdef --note 'has left the house'")]
    Dismiss(Step),
    /// Leave a flag alone until a day
    #[command(after_help = "Examples:\n  soapgate flags snooze 0123456789abcdef --until 2027-01-31")]
    Snooze {
        #[command(flatten)]
        step: Step,
        /// The last day (UTC) on which it is left alone, or the moment until which it is
        #[arg(long, value_name = "DATE", value_parser = parse_expiry)]
        until: Timestamp,
    },
    /// Bring a flag back that was closed or left alone
    #[command(after_help = "Examples:\n  soapgate flags reopen 0123456789abcdef --note 'came back'")]
    Reopen(Step),
}

/// Which flags.
#[derive(Clone, Debug, Args)]
pub(crate) struct Kind {
    /// Of this institution
    #[arg(long, value_name = "CODE", value_parser = Institution::parse)]
    institution: Option<Institution>,
    /// In this state; may be given several times
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Vec<FlagState>,
    /// For this reason
    #[arg(long, value_name = "CODE", value_parser = parse_reason)]
    reason: Option<Reason>,
    /// Of this severity
    #[arg(long, value_name = "NAME", value_parser = parse_severity)]
    severity: Option<Severity>,
    /// Of accounts whose identifier begins so; they come by identifier
    #[arg(long, value_name = "PREFIX")]
    account: Option<String>,
}

impl Kind {
    pub(crate) fn filter(self) -> FlagFilter {
        FlagFilter {
            institution: self.institution,
            states: self.state,
            reason: self.reason,
            severity: self.severity,
            prefix: self.account.map(|prefix| prefix.trim().to_lowercase()).filter(|prefix| !prefix.is_empty()),
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Sort {
    /// By the account's identifier
    Account,
    /// The most severe first, among equals the one opened last
    #[default]
    Severity,
}

impl Sort {
    pub(crate) const fn order(self) -> FlagOrder {
        match self {
            Self::Account => FlagOrder::Account,
            Self::Severity => FlagOrder::Severity,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// The flag's id
    #[arg(value_name = "ID", value_parser = parse_id)]
    pub(crate) id: FlagId,
}

/// Who does something, and why.
#[derive(Clone, Debug, Args)]
pub(crate) struct By {
    /// Who does it
    #[arg(long, value_name = "NAME", env = "SOAPGATE_OPERATOR", default_value = "operator", value_parser = parse_name)]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = parse_note)]
    pub(crate) note: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Step {
    #[command(flatten)]
    pub(crate) flag: Which,
    #[command(flatten)]
    pub(crate) by: By,
}

fn parse_id(text: &str) -> Result<FlagId, String> {
    FlagId::parse(text)
        .ok_or_else(|| "a flag's id has 16 of the digits 0-9 and a-f, as `flags list` shows it".to_owned())
}

fn parse_state(text: &str) -> Result<FlagState, String> {
    let known = || FlagState::ALL.map(FlagState::label).join(", ");
    FlagState::of_label(text).ok_or_else(|| format!("write one of {}", known()))
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::of_code(text).ok_or_else(|| format!("write one of {}", Reason::ALL.map(Reason::code).join(", ")))
}

fn parse_severity(text: &str) -> Result<Severity, String> {
    let known = || Severity::ALL.map(Severity::label).join(", ");
    Severity::ALL
        .into_iter()
        .find(|severity| severity.label() == text)
        .ok_or_else(|| format!("write one of {}", known()))
}
