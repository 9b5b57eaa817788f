//! When canaries are sent: at start, after each reload, and every hour; sooner again where one was lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::http::Readiness;
use crate::telemetry::Health;

const EVERY: Duration = Duration::from_hours(1);
/// How soon they are sent again where one was lost; each time twice as long, up to the hour.
const LOST: Duration = Duration::from_mins(1);

/// Sends canaries until `stop` is cancelled. `/readyz` waits for the first ones, and falls while a route is out of
/// service.
pub(crate) async fn send_canaries(
    gateway: Arc<Gateway>,
    health: Health,
    readiness: Arc<Readiness>,
    reloaded: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut after_lost = LOST;
    loop {
        let round = tokio::select! {
            round = gateway.send_canaries(&health) => round,
            () = stop.cancelled() => return,
        };
        readiness.canaries(round.all_fit);
        let (wait, next) = if round.any_lost { (after_lost, (after_lost * 2).min(EVERY)) } else { (EVERY, LOST) };
        after_lost = next;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = reloaded.notified() => after_lost = LOST,
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::Instant;

    use super::*;
    use crate::domain::{Answer, AttemptRule, Clock, Institution, NoAnswer, Rejection};
    use crate::gateway::{
        CacheSettings, ContractKind, FlagSettings, GatewayKeys, GatewaySettings, IdentityUse, InstitutionPlan,
        InstitutionSettings, NonceSettings, RouteSettings, RouteTable, ShieldSettings, SlowDownSettings, UsageSettings,
    };
    use crate::identity::fixture::{StillClock, pool};
    use crate::identity::{Answered, Ask, BoxFuture, IdentityError, IdentityService, IntegrationRegistry};
    use crate::store::suite::harness;
    use crate::telemetry::Metrics;

    /// Knows nobody, but for the canaries of one round; the first ones may be lost.
    #[derive(Default)]
    struct Once {
        asked: AtomicUsize,
        lets_in: usize,
        loses: usize,
    }

    impl IdentityService for Once {
        fn name(&self) -> &'static str {
            "once"
        }

        fn verify<'a>(&'a self, _: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
            let at = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let nobody = Answer::Rejected(Rejection::UnknownAccount);
            let said = if at == self.lets_in { Answer::Accepted } else { nobody };
            let lost = IdentityError::unsent(NoAnswer::Unreachable, "connection refused");
            Box::pin(std::future::ready(if at <= self.loses { Err(lost) } else { Ok(said.into()) }))
        }

        fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
            Box::pin(std::future::ready(Ok(String::new())))
        }
    }

    /// One route, one institution.
    async fn gateway(service: Arc<Once>, clock: Arc<dyn Clock>) -> Gateway {
        let code = Institution::parse("01DEMO_INST").expect("a code");
        let plan = InstitutionPlan {
            settings: InstitutionSettings {
                code,
                identity: "once".to_owned(),
                others: Vec::new(),
                probe_accounts: Vec::new(),
            },
            identity: IdentityUse { service, timeout: Duration::from_secs(5), attempts: AttemptRule::default() },
            others: Vec::new(),
            identity_settings: String::new(),
        };
        let (metrics, route) = (Metrics::new(), RouteSettings::new(ContractKind::Alma));
        let table = RouteTable::build(&[route], vec![plan], NonceSettings::default(), "http://test", &metrics);
        let settings = GatewaySettings {
            cache: CacheSettings::default(),
            flags: FlagSettings::default(),
            shield: ShieldSettings::default(),
            slow_down: SlowDownSettings::default(),
            usage: UsageSettings::default(),
            nonces: 10,
            log_calls: false,
        };
        let integrations = harness::sqlite().await.database.integrations();
        let registry = IntegrationRegistry::load(integrations, pool(), Arc::clone(&clock)).await.expect("a registry");
        let keys = GatewayKeys { cache: [1; 32], incidents: [2; 32] };
        let table = table.expect("a table");
        Gateway::new(table, Arc::new(registry), Vec::new(), &settings, &keys, clock, metrics).0
    }

    #[tokio::test]
    async fn canaries_are_sent_at_start_and_every_hour() {
        let service = Arc::new(Once { lets_in: 2, ..Once::default() });
        let gateway = Arc::new(gateway(Arc::clone(&service), StillClock::at(1_000)).await);
        let (readiness, stop) = (Arc::new(Readiness::default()), CancellationToken::new());
        readiness.started();
        tokio::time::pause();
        let sending =
            send_canaries(gateway, Health::default(), Arc::clone(&readiness), Arc::new(Notify::new()), stop.clone());
        let sending = tokio::spawn(sending);
        for (round, is_ready) in [(1, true), (2, false), (3, true)] {
            // Time passes by itself while nobody has anything to do.
            tokio::time::sleep(EVERY / 2).await;
            assert_eq!((service.asked.load(Ordering::SeqCst), readiness.is_ready().is_ok()), (round, is_ready));
            tokio::time::sleep(EVERY / 2).await;
        }
        stop.cancel();
        sending.await.expect("it stops");
    }

    #[tokio::test]
    async fn canaries_that_were_lost_are_sent_again_sooner() {
        let service = Arc::new(Once { loses: 8, ..Once::default() });
        let gateway = Arc::new(gateway(Arc::clone(&service), StillClock::at(1_000)).await);
        let stop = CancellationToken::new();
        tokio::time::pause();
        let sending = send_canaries(gateway, Health::default(), Arc::default(), Arc::new(Notify::new()), stop.clone());
        let sending = tokio::spawn(sending);
        let asked = || service.asked.load(Ordering::SeqCst);
        tokio::time::sleep(LOST / 2).await;
        for (round, minutes) in [1, 2, 4, 8, 16, 32, 60, 60, 60].into_iter().enumerate() {
            tokio::time::sleep(LOST * (minutes - 1)).await;
            assert_eq!(asked(), round + 1, "not before {minutes} minutes");
            tokio::time::sleep(LOST).await;
            assert_eq!(asked(), round + 2, "after {minutes} minutes");
        }
        stop.cancel();
        sending.await.expect("it stops");
    }
}
