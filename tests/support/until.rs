//! Waiting for what can be seen from outside.

use std::time::Duration;

/// Asks again and again until the answer is yes, which must be before a test gives up.
pub(crate) async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap_or_else(|_| panic!("not seen: {what}"));
}
