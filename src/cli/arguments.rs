//! The command line: verbs, flags and their help. No flag takes a secret.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cli::exit::Exit;
use crate::cli::flags_arguments::FlagsCommand;
use crate::cli::report_arguments::ReportCommand;
use crate::domain::{Institution, IntegrationName, Timestamp};
use crate::operator::parse_expiry;

/// Answers Alma's deprecated SOAP sign-in calls from an identity service, and flags the accounts that need a manual
/// password update.
#[derive(Debug, Parser)]
#[command(
    name = "soapgate",
    version,
    after_help = "Examples:\n  soapgate demo\n  soapgate check && soapgate serve\n  soapgate accounts add reader\n  \
                  soapgate integrations add AlmaSDK-demo-institutionCode-01DEMO_INST --generate",
    after_long_help = long_help()
)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, global = true, env = "SOAPGATE_CONFIG", default_value = "config.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until a signal ends it
    ///
    /// Says on standard output, on one line of JSON, where it listens; logs go to standard error. SIGTERM and SIGINT
    /// let calls in flight end, SIGHUP reads the configuration again.
    #[command(after_help = "Examples:\n  soapgate serve\n  soapgate serve --config /etc/soapgate/config.toml\n  \
                            SOAPGATE__SERVER__LISTEN=127.0.0.1:9080 soapgate serve")]
    Serve,
    /// Serve demo data from a temporary folder
    ///
    /// Listens on loopback, says where, and shows calls that are ready to paste.
    #[command(after_help = "Examples:\n  soapgate demo\n  soapgate demo --listen 127.0.0.1:0 --management 127.0.0.1:0")]
    Demo(DemoArguments),
    /// Look at everything that serving needs, without serving
    ///
    /// Changes nothing: the store is only read.
    #[command(after_help = "Examples:\n  soapgate check\n  soapgate check --online --json\n  \
                            soapgate check --config /etc/soapgate/new.toml")]
    Check(CheckArguments),
    /// Keep the accounts of the embedded identity service
    #[command(
        subcommand,
        after_help = "Examples:\n  soapgate accounts add reader\n  soapgate accounts list --json\n  \
                                        soapgate accounts unlock reader --institution 01DEMO_INST"
    )]
    Accounts(AccountsCommand),
    /// Keep the integrations that may call
    #[command(
        subcommand,
        after_help = "Examples:\n  soapgate integrations list\n  \
                      soapgate integrations add AlmaSDK-demo-institutionCode-01DEMO_INST --generate\n  \
                      soapgate integrations rotate AlmaSDK-demo-institutionCode-01DEMO_INST --overlap 7d"
    )]
    Integrations(IntegrationsCommand),
    /// Work on the queue of accounts that need somebody to act
    #[command(
        subcommand,
        after_help = "Examples:\n  soapgate flags list --state open\n  soapgate flags list --json\n  \
                      soapgate flags show 0123456789abcdef"
    )]
    Flags(FlagsCommand),
    /// Bring in what Alma Analytics reports
    #[command(subcommand, after_help = "Examples:\n  soapgate report import accounts.csv")]
    Report(ReportCommand),
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where SOAP is served
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the console and its API are served
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) console: Option<SocketAddr>,
    /// Where health and metrics are served
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) management: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CheckArguments {
    /// Ask the identity services too
    #[arg(long)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

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

#[derive(Clone, Debug, Args)]
pub(crate) struct AccountArguments {
    /// The account's identifier, in any case
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountsCommand {
    /// Add an account
    ///
    /// Its password comes from a prompt, or from one line of standard input.
    #[command(after_help = "Examples:\n  soapgate accounts add reader\n  \
                            soapgate accounts add reader --must-change < first-password\n  \
                            soapgate accounts add guest --institution 01DEMO_INST --expires 2027-06-30\n  \
                            soapgate accounts add legacy --no-password")]
    Add {
        #[command(flatten)]
        account: AccountArguments,
        /// Add it without a usable password
        #[arg(long, conflicts_with = "must_change")]
        no_password: bool,
        /// The password must be changed
        #[arg(long)]
        must_change: bool,
        /// The last day (UTC), or the moment, of the account
        #[arg(long, value_name = "DATE", value_parser = parse_expiry)]
        expires: Option<Timestamp>,
    },
    /// Give an account a new password
    ///
    /// It comes from a prompt, or from one line of standard input. A locked account stays locked.
    #[command(after_help = "Examples:\n  soapgate accounts set-password reader\n  \
                            soapgate accounts set-password reader --must-change < new-password")]
    SetPassword {
        #[command(flatten)]
        account: AccountArguments,
        /// The password must be changed
        #[arg(long)]
        must_change: bool,
    },
    /// Refuse an account until it is unlocked
    #[command(after_help = "Examples:\n  soapgate accounts lock reader")]
    Lock(AccountArguments),
    /// Let a locked account in again, and forget its attempts
    #[command(after_help = "Examples:\n  soapgate accounts unlock reader --institution 01DEMO_INST")]
    Unlock(AccountArguments),
    /// Switch an account off
    #[command(after_help = "Examples:\n  soapgate accounts disable reader")]
    Disable(AccountArguments),
    /// Switch an account on again
    #[command(after_help = "Examples:\n  soapgate accounts enable reader")]
    Enable(AccountArguments),
    /// List the accounts of an institution
    #[command(
        after_help = "Examples:\n  soapgate accounts list\n  soapgate accounts list --institution 01DEMO_INST --json"
    )]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        format: Format,
    },
}

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

fn long_help() -> String {
    format!(
        "Examples:\n  soapgate demo\n  soapgate check && soapgate serve\n  soapgate accounts add reader\n  \
         soapgate integrations add AlmaSDK-demo-institutionCode-01DEMO_INST --generate\n\n{}\n\n\
         Every key of the configuration can be set by a variable as well: SOAPGATE__SECTION__KEY.",
        Exit::table()
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_and_takes_the_file() {
        fn walk(command: &clap::Command, path: &str, seen: &mut Vec<String>) {
            let mut command = command.clone();
            let help = command.render_help().to_string();
            assert!(help.contains(&format!("Examples:\n  {}", "soapgate")), "{path}: {help}");
            assert!(help.contains("--config <FILE>"), "{path}: {help}");
            seen.push(path.to_owned());
            for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
                walk(inner, &format!("{path} {}", inner.get_name()), seen);
            }
        }
        let mut command = Arguments::command();
        command.build();
        let mut seen = Vec::new();
        walk(&command, "soapgate", &mut seen);
        let expected = "soapgate, soapgate serve, soapgate demo, soapgate check, soapgate accounts, \
                        soapgate accounts add, soapgate accounts set-password, soapgate accounts lock, \
                        soapgate accounts unlock, soapgate accounts disable, soapgate accounts enable, \
                        soapgate accounts list, soapgate integrations, soapgate integrations add, \
                        soapgate integrations list, soapgate integrations rotate, soapgate integrations disable, \
                        soapgate integrations enable, soapgate flags, soapgate flags list, soapgate flags show, \
                        soapgate flags assign, soapgate flags notify, soapgate flags wait, soapgate flags resolve, \
                        soapgate flags dismiss, soapgate flags snooze, soapgate flags reopen, soapgate report, \
                        soapgate report import";
        assert_eq!(seen.join(", "), expected);
    }
}
