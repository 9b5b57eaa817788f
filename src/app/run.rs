//! `serve`: from settings to a server that runs until a signal ends it.

use std::net::SocketAddr;

use crate::config::Settings;

/// Where `demo` listens instead of on ports that the system picks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemoListeners {
    /// The SOAP listener.
    pub soap: Option<SocketAddr>,
    /// The console and its API.
    pub console: Option<SocketAddr>,
    /// Health and metrics.
    pub management: Option<SocketAddr>,
}

/// Serves until a signal ends it.
///
/// # Errors
/// When it cannot start or cannot end in order.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    anyhow::bail!("{} is not served yet", settings.file.display())
}

/// Serves demo data from a temporary folder until a signal ends it.
///
/// # Errors
/// When it cannot start or cannot end in order.
pub async fn demo(listeners: DemoListeners) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not served yet on {listeners:?}")
}
