//! When canaries are sent: at start, after each reload, and every hour.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::http::Readiness;
use crate::telemetry::Health;

const EVERY: Duration = Duration::from_hours(1);

/// Sends canaries until `stop` is cancelled. `/readyz` waits for the first ones, and falls while a route is out of
/// service.
pub(crate) async fn send_canaries(
    gateway: Arc<Gateway>,
    health: Health,
    readiness: Arc<Readiness>,
    reloaded: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            all_fit = gateway.send_canaries(&health) => readiness.canaries(all_fit),
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = reloaded.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}
