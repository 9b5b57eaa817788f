//! Verbs of `integrations`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::arguments::Format;
use crate::domain::IntegrationName;

#[derive(Clone, Debug, Args)]
pub(crate) struct IntegrationArguments {
    #[arg(
        value_name = "NAME",
        value_parser = IntegrationName::parse,
        help = "The full name: AlmaSDK-<user>-institutionCode-<INST>"
    )]
    pub(crate) name: IntegrationName,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IntegrationsCommand {
    /// Register an integration
    ///
    /// The secret that the old system already sends comes from a prompt, or from one line of standard input.
    #[command(after_help = "Examples:\n  \
                            soapgate integrations add AlmaSDK-demo-institutionCode-01DEMO_INST < its-password\n  \
                            soapgate integrations add AlmaSDK-demo-institutionCode-01DEMO_INST --generate")]
    Add {
        #[command(flatten)]
        integration: IntegrationArguments,
        /// Make a new secret and print it, once
        #[arg(long)]
        generate: bool,
        #[command(flatten)]
        format: Format,
    },
    /// List the integrations
    #[command(after_help = "Examples:\n  soapgate integrations list\n  soapgate integrations list --json")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Give an integration a new secret
    ///
    /// It comes from a prompt, or from one line of standard input. Without an overlap the old one ends at once.
    #[command(after_help = "Examples:\n  \
                      soapgate integrations rotate AlmaSDK-demo-institutionCode-01DEMO_INST --overlap 7d\n  \
                      soapgate integrations rotate AlmaSDK-demo-institutionCode-01DEMO_INST --generate --json")]
    Rotate {
        #[command(flatten)]
        integration: IntegrationArguments,
        /// Make a new secret and print it, once
        #[arg(long)]
        generate: bool,
        /// How long the old secret is let in as well, such as 12h or 7d
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
        overlap: Duration,
        #[command(flatten)]
        format: Format,
    },
    /// Refuse an integration
    #[command(after_help = "Examples:\n  soapgate integrations disable AlmaSDK-demo-institutionCode-01DEMO_INST")]
    Disable(IntegrationArguments),
    /// Let a disabled integration in again
    #[command(after_help = "Examples:\n  soapgate integrations enable AlmaSDK-demo-institutionCode-01DEMO_INST")]
    Enable(IntegrationArguments),
}
