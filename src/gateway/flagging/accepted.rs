//! Integrations that are let in for the first time, on their way to the store.

use tokio::sync::mpsc;

use crate::domain::IntegrationName;

/// Integrations that an identity service accepted for the first time, to be written down off the calls' path.
pub struct AcceptedReceiver(pub(crate) mpsc::Receiver<IntegrationName>);

impl AcceptedReceiver {
    /// The next one; `None` when there will be none.
    pub async fn next(&mut self) -> Option<IntegrationName> {
        self.0.recv().await
    }
}
