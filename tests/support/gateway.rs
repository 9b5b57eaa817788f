//! A real server in this process, on free ports, in a temporary folder, filled by the means of an operator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use soapgate::app::{Server, SystemClock, open_database};
use soapgate::config::{self, Settings};
use soapgate::domain::{AccountId, Clock, Institution, IntegrationName, Password};
use soapgate::identity::{HashingPool, HashingSettings};
use soapgate::operator::{Accounts, FlagView, Flags, Integrations, NewAccount, Secret, Usage, parse_expiry};
use soapgate::store::{Database, FlagFilter, FlagOrder, NewAccountRecord, StoredHash};

use crate::support::client::exchange;

/// Integrations and accounts, as `fixtures/demo/data.toml` has them; accounts here may have a hash that cannot be used.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Population {
    institution: String,
    #[serde(default)]
    integration: Vec<NewIntegration>,
    #[serde(default)]
    account: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIntegration {
    name: String,
    secret: String,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    id: String,
    password: Option<String>,
    #[serde(default)]
    must_change: bool,
    expires: Option<String>,
    state: Option<State>,
    /// What stands in the store in place of a hash: whoever asks for this account gets no answer.
    broken_hash: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Disabled,
    Locked,
}

impl Population {
    pub(crate) fn read(text: &str) -> Self {
        toml::from_str(text).expect("integrations and accounts")
    }

    /// The demo's.
    pub(crate) fn demo() -> Self {
        Self::read(include_str!("../../fixtures/demo/data.toml"))
    }
}

/// A running server with its folder.
pub(crate) struct TestGateway {
    pub(crate) server: Server,
    pub(crate) soap: SocketAddr,
    pub(crate) management: SocketAddr,
    settings: Settings,
    clock: Arc<dyn Clock>,
    folder: TempDir,
    apart: Option<Apart>,
}

/// A runtime of a server's own: with it, the server's tasks end wherever they are.
struct Apart(Option<Runtime>);

impl Apart {
    fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(Some(runtime.expect("a runtime")))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl TestGateway {
    /// A server with this configuration and the demo's integrations and accounts.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(config, &[Population::demo()]).await
    }

    /// The same, with settings that no file may have: limits far below a second, so that tests see them at work.
    pub(crate) async fn start_tuned(config: &str, tune: impl FnOnce(&mut Settings)) -> Self {
        Self::start_at(config, &[Population::demo()], Arc::new(SystemClock), tune).await
    }

    /// A server with this configuration and these integrations and accounts.
    pub(crate) async fn start_with(config: &str, populations: &[Population]) -> Self {
        Self::start_at(config, populations, Arc::new(SystemClock), |_| {}).await
    }

    /// The same by another clock. A further node of a database that others serve already brings no population.
    pub(crate) async fn start_at(
        config: &str,
        populations: &[Population],
        clock: Arc<dyn Clock>,
        tune: impl FnOnce(&mut Settings),
    ) -> Self {
        let (folder, settings) = prepare(config, populations, tune).await;
        Self::serve(settings, clock, folder, None).await
    }

    /// The same on a runtime of its own, so that it can be killed.
    pub(crate) async fn start_apart(
        config: &str,
        populations: &[Population],
        clock: Arc<dyn Clock>,
        tune: impl FnOnce(&mut Settings),
    ) -> Self {
        let (folder, settings) = prepare(config, populations, tune).await;
        Self::serve(settings, clock, folder, Some(Apart::new())).await
    }

    async fn serve(settings: Settings, clock: Arc<dyn Clock>, folder: TempDir, apart: Option<Apart>) -> Self {
        let starting = Server::start_at(settings.clone(), Arc::clone(&clock));
        let server = match apart.as_ref().and_then(|apart| apart.0.as_ref()) {
            None => starting.await,
            Some(runtime) => runtime.spawn(starting).await.expect("no panic"),
        };
        let server = server.expect("a server");
        let (soap, management) = (server.soap, server.management);
        Self { server, soap, management, settings, clock, folder, apart }
    }

    /// Stops it in order and starts it again on the same database.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await.start().await
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> Stopped {
        let Self { server, settings, clock, folder, apart, .. } = self;
        server.stop().await.expect("it stops");
        Stopped { settings, clock, folder, apart }
    }

    /// Ends it in the middle of whatever it does; it must have been started apart.
    pub(crate) async fn kill(self) -> Stopped {
        let Self { server, settings, clock, folder, apart, .. } = self;
        let runtime = apart.and_then(|mut apart| apart.0.take()).expect("a runtime of its own");
        let killing = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10)));
        killing.await.expect("it is gone");
        drop(server);
        Stopped { settings, clock, folder, apart: Some(Apart::new()) }
    }

    /// The database's file.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.settings.data_dir.join("soapgate.db")
    }

    /// A second handle on the database, as a command beside the server has it.
    pub(crate) async fn beside(&self) -> Operator {
        let database = open_database(&self.settings).await.expect("a database");
        let pool = Arc::new(HashingPool::new(&self.settings.hashing).expect("a pool"));
        Operator { database, pool }
    }

    /// Writes another configuration and has the server apply it.
    pub(crate) fn reload(&mut self, config: &str) {
        std::fs::write(self.folder.path().join("config.toml"), config).expect("a file");
        self.server.reload();
    }

    /// What a scraper sees.
    pub(crate) async fn metrics(&self) -> String {
        let reply = exchange(self.management, b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert_eq!(reply.status(), 200);
        reply.text().to_owned()
    }

    /// The sum of a metric over all series whose labels hold `label`.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> u64 {
        let text = self.metrics().await;
        let series = text.lines().filter_map(|line| line.rsplit_once(' '));
        series
            .filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(label))
            .map(|(_, value)| value.parse::<u64>().expect("a count"))
            .sum()
    }
}

/// What a server leaves behind.
pub(crate) struct Stopped {
    settings: Settings,
    clock: Arc<dyn Clock>,
    folder: TempDir,
    apart: Option<Apart>,
}

impl Stopped {
    /// Starts it again on the same database.
    pub(crate) async fn start(self) -> TestGateway {
        self.start_tuned(|_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn start_tuned(mut self, tune: impl FnOnce(&mut Settings)) -> TestGateway {
        tune(&mut self.settings);
        TestGateway::serve(self.settings, self.clock, self.folder, self.apart).await
    }

    /// A file in its data folder.
    pub(crate) fn data_file(&self, name: &str) -> PathBuf {
        self.settings.data_dir.join(name)
    }
}

/// What an operator does beside the server.
pub(crate) struct Operator {
    pub(crate) database: Database,
    pool: Arc<HashingPool>,
}

impl Operator {
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::new(&self.database, Arc::clone(&self.pool), Arc::new(SystemClock))
    }

    pub(crate) fn integrations(&self) -> Integrations {
        Integrations::new(&self.database, Arc::clone(&self.pool), Arc::new(SystemClock))
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags::new(&self.database, Arc::new(SystemClock))
    }

    /// All flags there are.
    pub(crate) async fn all_flags(&self) -> Vec<FlagView> {
        let mut all = Vec::new();
        let (filter, order) = (FlagFilter::default(), FlagOrder::default());
        self.flags().all(&filter, order, |page| all.extend(page)).await.expect("flags");
        all
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::new(&self.database, Arc::new(SystemClock))
    }
}

/// A folder with this configuration and a database with these integrations and accounts. argon2 gets its cheapest
/// parameters.
pub(crate) async fn prepare(
    config: &str,
    populations: &[Population],
    tune: impl FnOnce(&mut Settings),
) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, config).expect("a file");
    let mut settings = config::load(&file, []).unwrap_or_else(|problems| panic!("{problems}"));
    settings.hashing = HashingSettings { memory_kib: 64, iterations: 1, ..settings.hashing };
    tune(&mut settings);
    let database = open_database(&settings).await.expect("a database");
    for population in populations {
        fill(&database, &settings, population).await;
    }
    database.close().await;
    (folder, settings)
}

async fn fill(database: &Database, settings: &Settings, population: &Population) {
    let pool = Arc::new(HashingPool::new(&settings.hashing).expect("a pool"));
    let clock = Arc::new(SystemClock);
    let integrations = Integrations::new(database, Arc::clone(&pool), clock.clone());
    for NewIntegration { name, secret, disabled } in &population.integration {
        let name = IntegrationName::parse(name).expect("a name");
        integrations.add(&name, Secret::Given(Password::new(secret.clone()))).await.expect("registered");
        if *disabled {
            integrations.disable(&name).await.expect("switched off");
        }
    }
    let institution = Institution::parse(&population.institution).expect("a code");
    let accounts = Accounts::new(database, pool, clock.clone());
    for new in &population.account {
        let account = AccountId::parse(&institution, &new.id).expect("an identifier");
        if let Some(hash) = &new.broken_hash {
            let hash = Some(StoredHash::new(hash.as_str()));
            let record = NewAccountRecord { account, hash, must_change: false, expires_at: None };
            assert!(database.accounts().insert(&record, clock.now()).await.expect("stored"));
            continue;
        }
        let added = NewAccount {
            account: account.clone(),
            password: new.password.clone().map(Password::new),
            must_change: new.must_change,
            expires_at: new.expires.as_deref().map(|text| parse_expiry(text).expect("a time")),
        };
        accounts.add(added).await.expect("added");
        match new.state {
            None => {}
            Some(State::Disabled) => accounts.disable(&account).await.expect("switched off"),
            Some(State::Locked) => accounts.lock(&account).await.expect("locked"),
        }
    }
}
