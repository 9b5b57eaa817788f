//! Integrations that are let in for the first time, on their way to the store.

use tokio::sync::mpsc;

use crate::domain::{IntegrationName, Timestamp};

/// Integrations that an identity service accepted for the first time, to be written down off the calls' path.
pub struct AcceptedReceiver(pub(crate) mpsc::Receiver<(IntegrationName, Timestamp)>);

impl AcceptedReceiver {
    /// The next one, and when it was let in; `None` when there will be none.
    pub async fn next(&mut self) -> Option<(IntegrationName, Timestamp)> {
        self.0.recv().await
    }
}
