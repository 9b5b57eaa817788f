//! The gateway of the month with its store and its workers, wired as a server wires them, but for the clock, the
//! listener and the identity services.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use soapgate::contract::Authorization;
use soapgate::domain::{AttemptRule, Clock, Institution, IntegrationName, Password};
use soapgate::gateway::{
    Body, CacheSettings, Call, ContractKind, FlagSettings, FlagWriter, Gateway, GatewayKeys, GatewaySettings,
    IdentityUse, InstitutionPlan, InstitutionSettings, NonceSettings, Presented, RateSettings, Reply, RouteSettings,
    RouteTable, ShieldSettings, SlowDownSettings, UsageSettings, UserAgent, keep_ledger,
};
use soapgate::identity::{HashingPool, HashingSettings, IdentityService, IntegrationRegistry};
use soapgate::operator::{Integrations, Secret};
use soapgate::soap::Version;
use soapgate::store::{Database, DatabaseUrl, FlagStore, FlagTable, Gathered, RecordFuture};
use soapgate::telemetry::{Health, Metrics};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::population::Integration;
use crate::services::{MonthClock, Service};
use crate::support::messages::{alma_envelope, basic};

/// What every integration that is not broken presents.
pub(crate) const SECRET: &str = "integration-secret";
/// Facts about accounts are written in the order of their accounts: once this one's are there, so are all before.
pub(crate) const FENCE: &str = "fence";
const PATH: &str = "/almaws/repository/UserAuthenticationWebServices";

/// The store of flags, watched for the fence.
struct Watched {
    table: FlagTable,
    fences: AtomicU64,
    news: Notify,
}

impl FlagStore for Watched {
    fn record<'a>(&'a self, gathered: &'a [Gathered]) -> RecordFuture<'a> {
        Box::pin(async move {
            let recorded = self.table.record(gathered).await?;
            if gathered.iter().any(|one| one.account.identifier() == FENCE) {
                self.fences.fetch_add(1, Ordering::SeqCst);
                self.news.notify_one();
            }
            Ok(recorded)
        })
    }
}

/// What lasts for the whole month.
pub(crate) struct Grounds {
    pub(crate) database: Database,
    pub(crate) clock: Arc<MonthClock>,
    pub(crate) services: [Arc<Service>; 2],
    pub(crate) institutions: [&'static str; 2],
    pool: Arc<HashingPool>,
    store: Arc<Watched>,
}

impl Grounds {
    /// A new database in `folder`, in which these integrations are registered.
    pub(crate) async fn prepare(
        folder: &Path,
        clock: Arc<MonthClock>,
        (services, institutions): ([Arc<Service>; 2], [&'static str; 2]),
        integrations: &[Integration],
    ) -> Self {
        let url = DatabaseUrl::Sqlite(folder.join("month.db"));
        let database = Database::open(&url).await.expect("a database");
        let hashing = HashingSettings { memory_kib: 64, iterations: 1, ..HashingSettings::default() };
        let pool = Arc::new(HashingPool::new(&hashing).expect("a pool"));
        let register = Integrations::new(&database, Arc::clone(&pool), Arc::clone(&clock) as Arc<dyn Clock>);
        for integration in integrations {
            let name = IntegrationName::parse(&integration.name).expect("a name");
            register.add(&name, Secret::Given(Password::new(SECRET.to_owned()))).await.expect("registered");
        }
        let store = Arc::new(Watched { table: database.flags(), fences: AtomicU64::new(0), news: Notify::new() });
        Self { database, clock, services, institutions, pool, store }
    }

    fn plan(&self, at: usize) -> InstitutionPlan {
        let code = Institution::parse(self.institutions[at]).expect("a code");
        let service: Arc<dyn IdentityService> = self.services[at].clone();
        InstitutionPlan {
            settings: InstitutionSettings {
                probe_accounts: crate::probes(&code),
                code,
                identity: service.name().to_owned(),
                others: Vec::new(),
            },
            identity: IdentityUse { service, timeout: Duration::from_secs(30), attempts: AttemptRule::default() },
            others: Vec::new(),
            identity_settings: String::new(),
        }
    }
}

/// A running gateway. What it knows of guesses ends with it.
pub(crate) struct House {
    pub(crate) gateway: Arc<Gateway>,
    store: Arc<Watched>,
    stop: CancellationToken,
    workers: [JoinHandle<()>; 2],
}

impl House {
    pub(crate) async fn open(grounds: &Grounds, folder: &Path, key: u8) -> Self {
        let Grounds { database, pool, store, .. } = grounds;
        let clock: Arc<dyn Clock> = grounds.clock.clone();
        let registry = IntegrationRegistry::load(database.integrations(), Arc::clone(pool), Arc::clone(&clock));
        let registry = Arc::new(registry.await.expect("a registry"));
        let metrics = Metrics::new();
        let routes = [RouteSettings::new(ContractKind::Alma)];
        let plans = vec![grounds.plan(0), grounds.plan(1)];
        let table = RouteTable::build(&routes, plans, NonceSettings::default(), "http://test", &metrics);
        let settings = GatewaySettings {
            // Both go by real time, of which there is none here.
            cache: CacheSettings { ttl: Duration::ZERO, ..CacheSettings::default() },
            shield: ShieldSettings {
                rates: RateSettings { per_source: 1_000_000, per_integration: 1_000_000 },
                ..ShieldSettings::default()
            },
            flags: FlagSettings::default(),
            slow_down: SlowDownSettings { step: Duration::ZERO, ..SlowDownSettings::default() },
            nonces: 10,
            log_calls: false,
            usage: UsageSettings::default(),
        };
        let keys = GatewayKeys { cache: [key; 32], incidents: [key.wrapping_add(1); 32] };
        let (gateway, queues) =
            Gateway::new(table.expect("a table"), registry, Vec::new(), &settings, &keys, Arc::clone(&clock), metrics);
        let stop = CancellationToken::new();
        let writer = FlagWriter {
            store: store.clone(),
            leftovers: folder.join("left-over.jsonl"),
            health: Health::default().component("queue", "flags", clock.now()),
            clock,
        };
        let workers = [
            tokio::spawn(writer.run(queues.flags, stop.clone())),
            tokio::spawn(keep_ledger(queues.attempts, Arc::new(database.attempts()), stop.clone())),
        ];
        Self { gateway: Arc::new(gateway), store: Arc::clone(store), stop, workers }
    }

    /// Waits until everything that was said so far is written.
    pub(crate) async fn settle(&self, fence: impl Future<Output = Reply>) {
        self.gateway.finish().await;
        let before = self.store.fences.load(Ordering::SeqCst);
        fence.await;
        while self.store.fences.load(Ordering::SeqCst) == before {
            self.store.news.notified().await;
        }
    }

    /// Ends it in order, as a server does.
    pub(crate) async fn close(self) {
        self.gateway.finish().await;
        self.stop.cancel();
        for worker in self.workers {
            worker.await.expect("it ends in order");
        }
    }
}

/// Signs `user` in as an old system does.
pub(crate) async fn sign_in(
    gateway: Arc<Gateway>,
    integration: String,
    address: [u8; 4],
    secret: &'static str,
    (user, password): (Arc<str>, Arc<str>),
) -> Reply {
    let now = Instant::now();
    let call = Call {
        place: gateway.place(PATH).expect("it is served"),
        authorization: Presented::Once(Authorization::read(basic(&integration, secret).as_bytes())),
        media_version: Version::Soap11,
        charset: None,
        soap_action: None,
        body: Body::Whole(alma_envelope(&user, &password).into()),
        source: IpAddr::from(address),
        agent: UserAgent::default(),
        received: now,
        deadline: now + Duration::from_mins(1),
    };
    gateway.answer(call).await
}
