//! Verbs of `accounts`.

use clap::{Args, Subcommand};

use crate::cli::arguments::{ForgetArguments, Format, Place};
use crate::domain::Timestamp;
use crate::operator::parse_expiry;

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
    /// Erase one person
    ///
    /// Flags, evidence, notes, what is known of their sign-ins and attempts, their rows of the imported list, and the
    /// account itself where it is kept here. The trail keeps its rows, which lead to nobody any more. Whoever signs in
    /// again, or stands in the next list, is known again; backups and logs are yours to keep or to delete.
    #[command(after_help = "Examples:\n  soapgate accounts forget reader --institution 01DEMO_INST\n  \
                            soapgate accounts forget reader --by mia --json")]
    Forget(ForgetArguments),
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
