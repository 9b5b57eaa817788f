//! The program and its commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::cli::arguments::{
    AccountsCommand, BackupArguments, CheckArguments, DemoArguments, FlagsCommand, IntegrationsCommand, ReportCommand,
    RestoreArguments, UsageArguments,
};
use crate::cli::exit::Exit;

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
    /// Show who still calls
    ///
    /// Calls are counted by UTC day: first, last, accepted, refused and unanswered, by integration, and within that by
    /// account, operation, source address and user agent. Of each, those that call the most are kept by name, and the
    /// rest is one number, so that sums are right. An account is named once it is known to exist: what somebody types
    /// as a name may be a password. A running server writes what it counted every few seconds.
    #[command(after_help = "Examples:\n  soapgate usage\n  soapgate usage --days 7 --by agent\n  \
                            soapgate usage --integration AlmaSDK-demo-institutionCode-01DEMO_INST --by source --top 5\n  \
                            soapgate usage --burn-down --days 90 --json")]
    Usage(UsageArguments),
    /// Copy the whole database to a file, also while a server runs
    ///
    /// The file is the same for every kind of database, and shows everything as it was at one moment. It holds the
    /// hashes of passwords, identifiers and notes: keep it as you keep the database. No password is in it.
    #[command(after_help = "Examples:\n  soapgate backup /var/backups/soapgate.jsonl\n  \
                            soapgate backup --force soapgate.jsonl --json")]
    Backup(BackupArguments),
    /// Fill an empty database from a backup
    ///
    /// All of it or nothing, and only to a database in which nothing is yet: before the first start, or with another
    /// database.url. So it is also the way from one kind of database to the other.
    #[command(after_help = "Examples:\n  soapgate restore /var/backups/soapgate.jsonl\n  \
                            SOAPGATE__DATABASE__URL=sqlite:new.db soapgate restore soapgate.jsonl")]
    Restore(RestoreArguments),
    /// Bring in what Alma Analytics reports
    #[command(subcommand, after_help = "Examples:\n  soapgate report import accounts.csv")]
    Report(ReportCommand),
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
                        soapgate accounts forget, soapgate accounts list, soapgate integrations, \
                        soapgate integrations add, \
                        soapgate integrations list, soapgate integrations rotate, soapgate integrations disable, \
                        soapgate integrations enable, soapgate flags, soapgate flags list, soapgate flags show, \
                        soapgate flags assign, soapgate flags notify, soapgate flags wait, soapgate flags resolve, \
                        soapgate flags dismiss, soapgate flags snooze, soapgate flags reopen, soapgate usage, \
                        soapgate backup, soapgate restore, soapgate report, soapgate report import";
        assert_eq!(seen.join(", "), expected);
    }
}
