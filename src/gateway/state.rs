//! The gateway: what its calls share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::domain::{AccountId, Clock, Fact, IncidentId, IntegrationName, Timestamp};
use crate::gateway::attempts::{CallerRates, LedgerReceiver, Shield};
use crate::gateway::call::{Call, Reply};
use crate::gateway::flagging::{AcceptedReceiver, FlagQueue, FlagReceiver, Sighting};
use crate::gateway::incidents::Incidents;
use crate::gateway::nonces::Nonces;
use crate::gateway::outcome::{CallError, Outcome};
use crate::gateway::question::IdentityUse;
use crate::gateway::replies::failure_without_route;
use crate::gateway::second_look::{Looker, Refusal};
use crate::gateway::settings::{CacheSettings, FlagSettings, ShieldSettings, SlowDownSettings, UsageSettings};
use crate::gateway::slow_down::SlowDown;
use crate::gateway::table::{Endpoint, Fingerprint, Place, RouteTable};
use crate::gateway::usage::{UsageBuffer, UsageKeeper};
use crate::gateway::verify::Verifier;
use crate::identity::IntegrationRegistry;
use crate::soap::Version;
use crate::store::{AttemptStore, Change, News, StoreError};
use crate::telemetry::{CallKind, Metrics};

/// The settings of what calls share.
pub struct GatewaySettings {
    /// The verdict cache.
    pub cache: CacheSettings,
    /// The queue of flags.
    pub flags: FlagSettings,
    /// The lock-out shield.
    pub shield: ShieldSettings,
    /// How guessing at integrations is slowed.
    pub slow_down: SlowDownSettings,
    /// The counters of who calls.
    pub usage: UsageSettings,
    /// Nonces remembered at once.
    pub nonces: usize,
    /// Whether each call leaves a line in the log.
    pub log_calls: bool,
}

/// Thirty-two bytes for each of the gateway's keys, random per process.
pub struct GatewayKeys {
    /// Of the verdict cache.
    pub cache: [u8; 32],
    /// Of incident ids.
    pub incidents: [u8; 32],
}

/// The ends of the gateway's queues, for the workers that empty them.
pub struct Queues {
    /// Attempts to be counted in the store.
    pub attempts: LedgerReceiver,
    /// What may flag.
    pub flags: FlagReceiver,
    /// Integrations accepted for the first time.
    pub accepted: AcceptedReceiver,
    /// Ended calls to be counted.
    pub usage: UsageKeeper,
}

/// Changes that are dropped from the cache one by one; more of them empty it.
const CHANGES_ONE_BY_ONE: usize = 64;

/// First acceptances that may wait; there are never more integrations than an institution has systems.
const ACCEPTED_WAITING: usize = 256;

/// The one use case.
pub struct Gateway {
    pub(crate) table: ArcSwap<RouteTable>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) registry: Arc<IntegrationRegistry>,
    pub(crate) slow_down: SlowDown,
    pub(crate) nonces: Nonces,
    pub(crate) flags: FlagQueue,
    pub(crate) usage: Arc<UsageBuffer>,
    pub(crate) count_accounts: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) log_calls: bool,
    nonce_key: [u8; 32],
    incidents: Incidents,
    /// Integrations that an identity service accepted: they can be flagged like registered ones. With each whether the
    /// store was told.
    accepted: RwLock<HashMap<AccountId, bool>>,
    first_accepted: mpsc::Sender<(IntegrationName, Timestamp)>,
    looker: Looker,
    asks: TaskTracker,
}

impl Gateway {
    /// A gateway over `table`. `accepted` are the integrations that an identity
    /// service accepted before.
    #[must_use]
    pub fn new(
        table: RouteTable,
        registry: Arc<IntegrationRegistry>,
        accepted: Vec<IntegrationName>,
        settings: &GatewaySettings,
        keys: &GatewayKeys,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> (Self, Queues) {
        let (flags, receiver) = FlagQueue::new(settings.flags.queue, metrics.clone());
        let (first_accepted, accepted_receiver) = mpsc::channel(ACCEPTED_WAITING);
        let asks = TaskTracker::new();
        let (shield, ledger_receiver) = Shield::new(&settings.shield, &keys.cache, metrics.clone());
        let shield = (shield, CallerRates::new(&settings.shield.rates));
        let verifier =
            Verifier::new(&settings.cache, keys.cache, shield, asks.clone(), Arc::clone(&clock), metrics.clone());
        let verifier = Arc::new(verifier);
        let looker = Looker::new(Arc::clone(&verifier), flags.clone());
        let usage = UsageBuffer::new(metrics.clone());
        let keeper = UsageKeeper::new(Arc::clone(&usage), settings.usage.clone(), Arc::clone(&registry));
        let gateway = Self {
            table: ArcSwap::from_pointee(table),
            verifier,
            registry,
            slow_down: SlowDown::new(&settings.slow_down),
            nonces: Nonces::new(settings.nonces),
            flags,
            usage,
            count_accounts: settings.usage.accounts,
            clock,
            metrics,
            log_calls: settings.log_calls,
            nonce_key: blake3::derive_key("soapgate nonces 1", &keys.cache),
            incidents: Incidents::new(keys.incidents),
            accepted: RwLock::new(accepted.into_iter().map(|name| (name.account().clone(), true)).collect()),
            first_accepted,
            looker,
            asks,
        };
        let accepted = AcceptedReceiver(accepted_receiver);
        (gateway, Queues { attempts: ledger_receiver, flags: receiver, accepted, usage: keeper })
    }

    /// The routes served now. A call keeps the ones it started with.
    #[must_use]
    pub fn table(&self) -> Arc<RouteTable> {
        self.table.load_full()
    }

    /// What is served at `path` now.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<Place> {
        Place::find(self.table.load(), path)
    }

    /// Serves other routes from now on. One that a canary took out of service stays out until a canary is refused.
    pub fn replace_table(&self, table: RouteTable) {
        let before = self.table();
        for out in before.routes().into_iter().filter(|route| !route.is_in_service()) {
            if let Some(same) = table.routes().into_iter().find(|route| route.metrics.label() == out.metrics.label()) {
                same.set_in_service(false);
            }
        }
        self.table.store(Arc::new(table));
    }

    /// Takes over what the store counts of attempts, before the first call.
    pub async fn begin_counting(&self, store: &dyn AttemptStore) {
        self.verifier.shield.begin(store, self.clock.now()).await;
    }

    /// Notes that the store did not answer when it was asked for changes: other nodes may be without it as well.
    pub fn missed_store(&self, error: &StoreError) {
        self.verifier.shield.missed_store(error);
    }

    /// Drops what is remembered of accounts and integrations that somebody changed.
    pub fn follow(&self, news: &News) {
        match news {
            News::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Account(account) => self.verifier.shield.forget(account),
                        Change::AccountCleared(account) => self.verifier.shield.clear(account),
                        Change::Everything => self.forget_everything(),
                        Change::Integration(_) => {}
                    }
                }
                // Each is compared with every entry: many at once cost less than all entries asked again.
                if changes.len() > CHANGES_ONE_BY_ONE {
                    return self.verifier.forget_all();
                }
                for change in changes {
                    match change {
                        Change::Account(account) | Change::AccountCleared(account) => self.verifier.forget(account),
                        Change::Everything => {}
                        Change::Integration(name) => self.verifier.forget(name.account()),
                    }
                }
            }
            News::Lost => self.forget_everything(),
        }
    }

    fn forget_everything(&self) {
        self.verifier.shield.forget_all();
        self.verifier.forget_all();
        self.usage.forget_accounts();
        // The store may know one less; whoever is let in again is known again.
        self.accepted.write().unwrap_or_else(PoisonError::into_inner).values_mut().for_each(|told| *told = false);
    }

    /// Waits until no question is open.
    pub async fn finish(&self) {
        self.asks.close();
        self.asks.wait().await;
    }

    /// A reply to a request from `source` that became no call: what HTTP refuses, and what failed for a fault of our
    /// own. `endpoint` is where it was posted, if anything is served there.
    #[must_use]
    pub fn refuse_request(
        &self,
        version: Version,
        source: IpAddr,
        endpoint: Option<&Endpoint>,
        error: CallError,
    ) -> Reply {
        let kind = CallKind::Fault(error.label());
        let ours = matches!(error, CallError::Internal);
        let table = self.table.load();
        let (reply, metrics) = match endpoint {
            Some(endpoint) => {
                let route = &endpoint.route;
                (route.replies.write(version, &Outcome::Failed(error), || self.incident()), &route.metrics)
            }
            None => (failure_without_route(version, &error, self.incident()), &table.nowhere),
        };
        metrics.fault(kind.reason());
        metrics.ended(kind);
        let incident = reply.incident.as_ref().map(IncidentId::as_str);
        if ours {
            tracing::error!(call.incident = incident, call.route = metrics.label(), "call.panicked");
        }
        if self.log_calls {
            tracing::info!(
                call.incident = incident, call.route = metrics.label(),
                call.outcome = kind.outcome(), call.reason = kind.reason(), call.status = reply.status,
                call.source = %source, call.soap = version.label(), "call"
            );
        }
        reply
    }

    /// A reply to a request from `source` whose head could not be read: no call, and counted as a fault only. Nobody
    /// knows its SOAP version, so it is the one that every toolkit reads.
    #[must_use]
    pub fn refuse_head(&self, source: IpAddr, error: &CallError) -> Reply {
        let reply = failure_without_route(Version::Soap11, error, self.incident());
        self.table.load().nowhere.fault(error.label());
        if self.log_calls {
            tracing::info!(
                call.incident = reply.incident.as_ref().map(IncidentId::as_str), call.reason = error.label(),
                call.status = reply.status, call.source = %source, "request.unread"
            );
        }
        reply
    }

    pub(crate) fn incident(&self) -> IncidentId {
        self.incidents.next()
    }

    /// Whether an integration may be flagged: invented names may not.
    pub(crate) fn knows(&self, name: &IntegrationName) -> bool {
        self.registry.contains(name)
            || self.accepted.read().unwrap_or_else(PoisonError::into_inner).contains_key(name.account())
    }

    /// Remembers that an identity service accepted an integration.
    pub(crate) fn remember_accepted(&self, name: &IntegrationName) {
        let told = self.accepted.write().unwrap_or_else(PoisonError::into_inner).insert(name.account().clone(), true);
        if told != Some(true) && self.first_accepted.try_send((name.clone(), self.clock.now())).is_err() {
            tracing::warn!(integration.id = %name, "integration.not_noted");
        }
    }

    /// Tells what somebody who was asked just now said of an account. A refusal by `used` is looked at again first;
    /// nobody waits for it.
    pub(crate) fn sighted(
        &self,
        call: &Call,
        account: &AccountId,
        fact: Fact,
        by: Option<&IntegrationName>,
        used: Option<IdentityUse>,
    ) {
        let entry = call.place.table().institutions.get(account.institution());
        let sighting = entry.is_none_or(|entry| entry.may_flag(account)).then(|| Sighting {
            account: account.clone(),
            fact,
            integration: self.registered(by),
            source: call.source,
            operation: call.place.endpoint().served.sign_in_operation(),
            at: self.clock.now(),
        });
        match (fact, used, sighting) {
            (Fact::Refused(rejection, guess), Some(used), sighting) => {
                let refusal = Refusal { rejection, guess, sighting };
                self.asks.spawn(self.looker.clone().look(used, account.clone(), refusal));
            }
            (_, _, Some(sighting)) => self.flags.put(sighting),
            (_, _, None) => {}
        }
    }

    /// An integration's name in the spelling that it is registered with.
    fn registered(&self, by: Option<&IntegrationName>) -> Option<IntegrationName> {
        by.map(|name| self.registry.registered_name(name).unwrap_or_else(|| name.clone()))
    }

    pub(crate) fn nonce_digest(&self, route: &Fingerprint, account: &AccountId, nonce: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.nonce_key);
        hasher.update(route);
        for part in [account.institution().as_str(), account.identifier(), nonce] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
