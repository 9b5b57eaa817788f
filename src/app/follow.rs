//! Tasks beside the calls: following changes made by anybody, remembering accepted integrations, counting flags.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::{Clock, FlagState, Reason};
use crate::gateway::{AcceptedReceiver, Gateway};
use crate::identity::IntegrationRegistry;
use crate::store::{ChangeFeed, FlagTable, IntegrationTable, Total};
use crate::telemetry::{Component, Metrics, Status};

/// How often changes are looked for: what an operator changes takes effect within two seconds.
const POLL: Duration = Duration::from_secs(1);
/// How often flags are counted for the metric.
const COUNT: Duration = Duration::from_secs(15);

/// Lets changes made by commands and by other nodes take effect.
pub(crate) async fn follow_changes(
    mut feed: ChangeFeed,
    registry: Arc<IntegrationRegistry>,
    gateway: Arc<Gateway>,
    (health, clock): (Component, Arc<dyn Clock>),
    stop: CancellationToken,
) {
    let mut away = false;
    while !ended(&stop, POLL).await {
        let followed = match feed.poll().await {
            // The registry first: what is asked after the cache was emptied must not see an old secret.
            Ok(news) => {
                let followed = registry.follow(&news).await;
                gateway.follow(&news);
                followed
            }
            Err(error) => {
                gateway.missed_store(&error);
                Err(error)
            }
        };
        match followed {
            Err(ref error) if !away => tracing::warn!(error = %error, "changes.store_failed"),
            Ok(()) if away => tracing::info!("changes.store_back"),
            Ok(()) | Err(_) => {}
        }
        away = followed.is_err();
        // Calls are answered all the same.
        let now = clock.now();
        match followed {
            Ok(()) => health.works(now),
            Err(error) => health.fails(Status::Degraded, &error.report(), now),
        };
    }
}

/// Writes down which integrations an identity service accepted, off the calls' path.
pub(crate) async fn note_accepted(mut accepted: AcceptedReceiver, table: IntegrationTable, stop: CancellationToken) {
    while let Some((name, at)) = tokio::select! { name = accepted.next() => name, () = stop.cancelled() => None } {
        if let Err(error) = table.note_accepted(&name, at).await {
            tracing::warn!(error = %error, integration.id = %name, "integration.not_noted");
        }
    }
}

/// Keeps the metric of flags at what the store holds.
pub(crate) async fn count_flags(flags: FlagTable, metrics: Metrics, stop: CancellationToken) {
    loop {
        match flags.totals().await {
            Ok(totals) => metrics.flags.are(&by_state_and_reason(&totals)),
            Err(error) => tracing::debug!(error = %error, "flag.not_counted"),
        }
        if ended(&stop, COUNT).await {
            return;
        }
    }
}

/// The totals of all institutions, zero included.
fn by_state_and_reason(totals: &[Total]) -> Vec<(FlagState, Reason, i64)> {
    let pairs = FlagState::ALL.into_iter().flat_map(|state| Reason::ALL.into_iter().map(move |reason| (state, reason)));
    let count = |state, reason| {
        let of_state = totals.iter().filter(|total| total.state == state);
        of_state
            .flat_map(|total| &total.reasons)
            .filter(|(known, _)| *known == reason)
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    pairs.map(|(state, reason)| (state, reason, i64::try_from(count(state, reason)).unwrap_or(i64::MAX))).collect()
}

async fn ended(stop: &CancellationToken, wait: Duration) -> bool {
    tokio::time::timeout(wait, stop.cancelled()).await.is_ok()
}
