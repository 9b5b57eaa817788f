//! A running server: start, reload, stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::assemble::{Foundation, random_key};
use crate::app::canaries::send_canaries;
use crate::app::clock::SystemClock;
use crate::app::follow::{count_flags, follow_changes, note_accepted};
use crate::app::housekeeping::Housekeeping;
use crate::app::open::open_database;
use crate::config::{self, Settings};
use crate::domain::Clock;
use crate::gateway::{FlagWriter, Gateway, GatewayKeys, GatewaySettings, LEFTOVERS, keep_ledger, keep_usage};
use crate::http::{Management, Readiness, SharedLimits, SoapEndpoint, bind, serve};
use crate::identity::{HashingPool, IntegrationRegistry};
use crate::store::ChangeFeed;
use crate::telemetry::{Health, Metrics};

/// How long queued flags, attempts and counters may take to be written once every call has ended.
const WRITERS_DEADLINE: Duration = Duration::from_secs(5);

/// A server that accepts calls.
pub struct Server {
    /// Where SOAP is served.
    pub soap: SocketAddr,
    /// Where health and metrics are served.
    pub management: SocketAddr,
    settings: Settings,
    foundation: Foundation,
    gateway: Arc<Gateway>,
    endpoint: Arc<SoapEndpoint>,
    limits: SharedLimits,
    readiness: Arc<Readiness>,
    stop_listening: CancellationToken,
    stop_writing: CancellationToken,
    part_ended: CancellationToken,
    listening: JoinHandle<()>,
    reloaded: Arc<Notify>,
    background: Vec<JoinHandle<()>>,
    flag_writer: JoinHandle<()>,
    ledger_keeper: JoinHandle<()>,
    usage_keeper: JoinHandle<()>,
}

impl Server {
    /// Opens the store and the listeners; from then on calls are answered.
    ///
    /// # Errors
    /// When a listener or the store cannot be opened.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        Self::start_at(settings, Arc::new(SystemClock)).await
    }

    /// The same by another clock.
    ///
    /// # Errors
    /// When a listener or the store cannot be opened.
    pub async fn start_at(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let bound = |what, address| bind(address).with_context(|| format!("{what} cannot listen on {address}"));
        let management_listener = bound("management.listen", settings.management_listen)?;
        let soap_listener = bound("server.listen", settings.server.listen)?;
        let (soap, management) = (soap_listener.local_addr()?, management_listener.local_addr()?);
        let limits: SharedLimits = Arc::new(ArcSwap::from_pointee(settings.server.limits.clone()));
        let (stop_listening, stop_writing) = (CancellationToken::new(), CancellationToken::new());
        let part_ended = CancellationToken::new();
        let (metrics, readiness) = (Metrics::new(), Arc::new(Readiness::default()));
        let health = Health::default();
        let management_endpoint = Arc::new(Management::new(Arc::clone(&readiness), metrics.clone(), health.clone()));
        // Health outlives the SOAP listener, so that the fall of readiness can be seen to the end.
        let manage = serve(management_listener, management_endpoint, Arc::clone(&limits), stop_writing.clone());
        let mut background = vec![start_part(&part_ended, manage)];

        let database = open_database(&settings).await?;
        let pool = Arc::new(HashingPool::new(&settings.hashing)?);
        let foundation = Foundation {
            database: database.clone(),
            pool: Arc::clone(&pool),
            clock: clock.clone(),
            metrics,
            health,
            made: Mutex::default(),
        };
        // The feed is opened before anything is read, so that no change falls between.
        let feed = ChangeFeed::start(&database).await?;
        let registry = Arc::new(IntegrationRegistry::load(database.integrations(), pool, clock.clone()).await?);
        let accepted = database.integrations().accepted_before().await?;
        let keys = GatewayKeys { cache: random_key()?, incidents: random_key()? };
        let (gateway, queues) = Gateway::new(
            foundation.table(&settings, soap)?,
            Arc::clone(&registry),
            accepted,
            &gateway_settings(&settings),
            &keys,
            clock.clone(),
            foundation.metrics.clone(),
        );
        let gateway = Arc::new(gateway);
        gateway.begin_counting(&database.attempts()).await;
        let count = keep_ledger(queues.attempts, Arc::new(database.attempts()), stop_writing.clone());
        let ledger_keeper = start_part(&part_ended, count);
        let writer = FlagWriter {
            store: Arc::new(database.flags()),
            leftovers: settings.data_dir.join(LEFTOVERS),
            health: foundation.health.component("queue", "flags", clock.now()),
            clock: clock.clone(),
        };
        let flag_writer = start_part(&part_ended, writer.run(queues.flags, stop_writing.clone()));
        let count = keep_usage(queues.usage, Arc::new(database.usage()), stop_writing.clone());
        let usage_keeper = start_part(&part_ended, count);
        let note = note_accepted(queues.accepted, database.integrations(), stop_writing.clone());
        background.push(start_part(&part_ended, note));
        let store_health = foundation.health.component("store", "database", clock.now());
        let watch = (store_health, clock.clone());
        let follow = follow_changes(feed, registry, Arc::clone(&gateway), watch, stop_writing.clone());
        background.push(start_part(&part_ended, follow));
        let count = count_flags(database.flags(), foundation.metrics.clone(), stop_writing.clone());
        background.push(start_part(&part_ended, count));
        let [first, second, ..] = random_key()?;
        let housekeeping = Housekeeping {
            flags: database.flags(),
            erasure: database.erasure(),
            retention: settings.retention.clone(),
            health: foundation.health.component("store", "housekeeping", clock.now()),
            clock: clock.clone(),
            chance: u16::from_be_bytes([first, second]),
        };
        background.push(start_part(&part_ended, housekeeping.run(stop_writing.clone())));
        let reloaded = Arc::new(Notify::new());
        let canaries = send_canaries(
            Arc::clone(&gateway),
            foundation.health.clone(),
            Arc::clone(&readiness),
            Arc::clone(&reloaded),
            stop_writing.clone(),
        );
        background.push(start_part(&part_ended, canaries));
        let endpoint = Arc::new(SoapEndpoint::new(Arc::clone(&gateway), Arc::clone(&limits)));
        let calls = serve(soap_listener, Arc::clone(&endpoint), Arc::clone(&limits), stop_listening.clone());
        let listening = start_part(&part_ended, calls);
        readiness.started();
        tracing::info!(soap = %soap, management = %management, paths = ?gateway.table().paths(), "server.started");
        Ok(Self {
            soap,
            management,
            settings,
            foundation,
            gateway,
            endpoint,
            limits,
            readiness,
            stop_listening,
            stop_writing,
            part_ended,
            listening,
            reloaded,
            background,
            flag_writer,
            ledger_keeper,
            usage_keeper,
        })
    }

    /// The file it was configured by.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.settings.file
    }

    /// Waits until a part of the server has ended that should not have: by a panic, most likely.
    pub(crate) async fn part_ended(&self) {
        self.part_ended.cancelled().await;
    }

    /// Applies the configuration as it is now; a bad one is reported and nothing of it applied.
    pub fn reload(&mut self) {
        let file = self.settings.file.clone();
        let new = match config::load(&file, std::env::vars_os()) {
            Ok(new) => new,
            Err(problems) => {
                for line in problems.lines() {
                    tracing::error!(problem = %line, "config.refused");
                }
                return;
            }
        };
        let (settings, kept) = self.settings.reload(new);
        match self.foundation.table(&settings, self.soap) {
            Ok(table) => self.gateway.replace_table(table),
            Err(error) => {
                tracing::error!(problem = %error, "config.refused");
                return;
            }
        }
        self.limits.store(Arc::new(settings.server.limits.clone()));
        self.settings = settings;
        self.reloaded.notify_one();
        if kept.is_empty() {
            tracing::info!(file = %file.display(), "config.reloaded");
        } else {
            tracing::warn!(file = %file.display(), restart_needed = ?kept, "config.reloaded");
        }
    }

    /// Stops in order: readiness falls, then listeners close, calls in flight end, flags are written. What has not
    /// ended by the drain deadline is cut.
    ///
    /// # Errors
    /// When a listener failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.readiness.stopping();
        tokio::time::sleep(self.settings.server.drain_delay).await;
        self.stop_listening.cancel();
        let drained = tokio::time::timeout(self.settings.server.drain_deadline, async {
            let listening = self.listening.await;
            self.endpoint.finish().await;
            self.gateway.finish().await;
            listening
        })
        .await;
        if let Ok(ended) = drained {
            ended.context("the SOAP listener failed")?;
            tracing::info!("server.drained");
        } else {
            let deadline_ms = self.settings.server.drain_deadline.as_millis();
            tracing::warn!(deadline_ms, "server.cut");
        }
        self.stop_writing.cancel();
        let writers = async { tokio::join!(self.flag_writer, self.ledger_keeper, self.usage_keeper) };
        if tokio::time::timeout(WRITERS_DEADLINE, writers).await.is_err() {
            tracing::error!("store.lost_at_stop");
        }
        for task in self.background {
            task.abort();
        }
        self.foundation.database.close().await;
        Ok(())
    }
}

/// Starts a part of the server; whichever way it ends is noticed.
fn start_part(ended: &CancellationToken, part: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let notice = ended.clone().drop_guard();
    tokio::spawn(async move {
        let _notice = notice;
        part.await;
    })
}

fn gateway_settings(settings: &Settings) -> GatewaySettings {
    GatewaySettings {
        cache: settings.cache.clone(),
        flags: settings.flags.clone(),
        shield: settings.shield.clone(),
        slow_down: settings.slow_down.clone(),
        usage: settings.usage.clone(),
        nonces: settings.nonces.entries,
        log_calls: settings.log.calls,
    }
}
