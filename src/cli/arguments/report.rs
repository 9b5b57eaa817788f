//! The arguments of `soapgate report`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::arguments::{Format, Place, parse_name};

const LONG: &str = "Import the Analytics list of accounts that the identity service does not hold\n\n\
    A CSV file in UTF-8 with a column \"Primary Identifier\". Where it has the columns \"User Type\" and \"IdP Service in \
    Use\", only rows with \"Internal\" and \"No\" count; columns \"Identifier 1\", \"Identifier 2\" and so on, and \
    \"Barcode\", are further identifiers of the account. All of the file is imported or nothing, and the same file twice \
    changes nothing.";

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Import the Analytics list of accounts that the identity service does not hold
    ///
    /// All of the file is imported or nothing, and the same file twice changes nothing.
    #[command(
        long_about = LONG,
        after_help = "Examples:\n  soapgate report import accounts.csv\n  \
                            soapgate report import accounts.csv --institution 01DEMO_INST --by mia --json\n  \
                            soapgate report import - < accounts.csv"
    )]
    Import {
        /// The file; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        /// Who imports it
        #[arg(long, value_name = "NAME", env = "SOAPGATE_OPERATOR", default_value = "operator", value_parser = parse_name)]
        by: String,
        #[command(flatten)]
        format: Format,
    },
}
