//! A gateway behind a real listener, over an identity service and a clock of the test's own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use soapgate::app::SystemClock;
use soapgate::domain::{AttemptRule, Clock, Institution};
use soapgate::gateway::{
    CacheSettings, ContractKind, FlagSettings, Gateway, GatewayKeys, GatewaySettings, IdentityUse, InstitutionPlan,
    InstitutionSettings, IntegrationRule, NonceSettings, Queues, RouteSettings, RouteTable, ShieldSettings,
    SlowDownSettings, UsageSettings,
};
use soapgate::http::{HttpLimits, SharedLimits, SoapEndpoint, bind, serve};
use soapgate::identity::{HashingPool, HashingSettings, IdentityService, IntegrationRegistry};
use soapgate::store::{Database, DatabaseUrl};
use soapgate::telemetry::Metrics;

/// What is served at `/soap/authenticate`, without an integration.
pub(crate) struct Bench {
    pub(crate) soap: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) endpoint: Arc<SoapEndpoint>,
    _queues: Queues,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn start(identity: Arc<dyn IdentityService>, limits: HttpLimits) -> Self {
        Self::start_at(identity, limits, Arc::new(SystemClock)).await
    }

    pub(crate) async fn start_at(
        identity: Arc<dyn IdentityService>,
        limits: HttpLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let integrations = Database::open(&url).await.expect("a database").integrations();
        let hashing = HashingSettings { memory_kib: 64, iterations: 1, ..HashingSettings::default() };
        let pool = Arc::new(HashingPool::new(&hashing).expect("a pool"));
        let registry = IntegrationRegistry::load(integrations, pool, Arc::new(SystemClock)).await.expect("a registry");

        let code = Institution::parse("01DEMO_INST").expect("a code");
        let route = RouteSettings {
            institution: Some(code.clone()),
            integration: IntegrationRule::None,
            ..RouteSettings::new(ContractKind::Authenticate)
        };
        let plan = InstitutionPlan {
            settings: InstitutionSettings {
                code,
                identity: identity.name().to_owned(),
                others: Vec::new(),
                probe_accounts: Vec::new(),
            },
            identity: IdentityUse {
                service: identity,
                timeout: Duration::from_secs(5),
                attempts: AttemptRule::default(),
            },
            others: Vec::new(),
            identity_settings: String::new(),
        };
        let metrics = Metrics::new();
        let table = RouteTable::build(&[route], vec![plan], NonceSettings::default(), "http://test", &metrics);
        let settings = GatewaySettings {
            cache: CacheSettings::default(),
            flags: FlagSettings::default(),
            shield: ShieldSettings::default(),
            slow_down: SlowDownSettings::default(),
            usage: UsageSettings::default(),
            nonces: 10,
            log_calls: true,
        };
        let keys = GatewayKeys { cache: [1; 32], incidents: [2; 32] };
        let (gateway, queues) = Gateway::new(
            table.expect("a table"),
            Arc::new(registry),
            Vec::new(),
            &settings,
            &keys,
            clock,
            metrics.clone(),
        );
        let listener = bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).expect("a listener");
        let soap = listener.local_addr().expect("an address");
        let limits: SharedLimits = Arc::new(arc_swap::ArcSwap::from_pointee(limits));
        let endpoint = Arc::new(SoapEndpoint::new(Arc::new(gateway), Arc::clone(&limits)));
        tokio::spawn(serve(listener, Arc::clone(&endpoint), limits, CancellationToken::new()));
        Self { soap, metrics, endpoint, _queues: queues, _folder: folder }
    }
}
