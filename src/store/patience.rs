//! How long the server waits for the database, whatever it is asked.

use std::time::Duration;

use tokio::time::timeout;

use crate::store::StoreError;

/// Longer than the database itself lets a statement take or waits for a lock. It ends only what nobody answers at all:
/// a machine that is gone without a word ends no connection.
const PATIENCE: Duration = Duration::from_secs(12);

/// Waits for `work`, but not for ever.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(StoreError::late()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_says_nothing_has_failed() {
        assert!(in_time(async { Ok(1) }).await.is_ok());
        let error = in_time::<()>(std::future::pending()).await.expect_err("nobody answers");
        assert_eq!(error.report(), "the database did not answer in time");
    }
}
