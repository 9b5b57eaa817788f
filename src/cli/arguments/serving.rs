//! Arguments of `demo` and `check`.

use std::net::SocketAddr;

use clap::Args;

use crate::cli::arguments::Format;

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
