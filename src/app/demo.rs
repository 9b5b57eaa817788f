//! `demo`: a server with demo data in a temporary folder, and calls to try on it.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::Deserialize;

use crate::app::clock::SystemClock;
use crate::app::open::open_database;
use crate::app::run::run;
use crate::app::server::Server;
use crate::config::{self, Settings};
use crate::domain::{AccountId, Institution, IntegrationName, Password};
use crate::identity::HashingPool;
use crate::operator::{Accounts, Integrations, NewAccount, Secret, parse_expiry};
use crate::telemetry::start_log;

const CONFIG: &str = include_str!("../../fixtures/demo/config.toml");
const DATA: &str = include_str!("../../fixtures/demo/data.toml");

/// Where `demo` listens instead of on its default ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemoListeners {
    /// The SOAP listener.
    pub soap: Option<SocketAddr>,
    /// The console and its API.
    pub console: Option<SocketAddr>,
    /// Health and metrics.
    pub management: Option<SocketAddr>,
}

#[derive(Deserialize)]
struct Data {
    institution: String,
    integration: Vec<DemoIntegration>,
    account: Vec<DemoAccount>,
}

#[derive(Deserialize)]
struct DemoIntegration {
    name: String,
    secret: String,
}

#[derive(Deserialize)]
struct DemoAccount {
    id: String,
    password: Option<String>,
    #[serde(default)]
    must_change: bool,
    expires: Option<String>,
    state: Option<DemoState>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DemoState {
    Disabled,
    Locked,
}

/// Serves demo data from a temporary folder until a signal ends it; the folder goes with it.
///
/// # Errors
/// When it cannot start or cannot end in order.
pub async fn demo(listeners: DemoListeners) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("soapgate-demo-").tempdir().context("no temporary folder")?;
    let settings = settings(folder.path(), listeners)?;
    let _log = start_log(&settings.log)?;
    fill(&settings).await.context("the demo data cannot be written")?;
    run(settings, greet).await
}

fn settings(folder: &Path, listeners: DemoListeners) -> anyhow::Result<Settings> {
    let mut text: toml::Table = CONFIG.parse()?;
    let listen = [("server", listeners.soap), ("console", listeners.console), ("management", listeners.management)];
    for (section, address) in listen {
        if let Some(address) = address {
            let table = text.entry(section).or_insert_with(|| toml::Table::new().into());
            let table = table.as_table_mut().with_context(|| format!("[{section}] is no table"))?;
            table.insert("listen".to_owned(), address.to_string().into());
        }
    }
    let file = folder.join("config.toml");
    std::fs::write(&file, toml::to_string(&text)?)?;
    // The demo is the same for everybody: the environment has no say in it.
    Ok(config::load(&file, [])?)
}

async fn fill(settings: &Settings) -> anyhow::Result<()> {
    let data: Data = toml::from_str(DATA)?;
    let database = open_database(settings).await?;
    let pool = Arc::new(HashingPool::new(&settings.hashing)?);
    let clock = Arc::new(SystemClock);
    let integrations = Integrations::new(&database, Arc::clone(&pool), clock.clone());
    for integration in data.integration {
        let name = IntegrationName::parse(&integration.name)?;
        integrations.add(&name, Secret::Given(Password::new(integration.secret))).await?;
    }
    let institution = Institution::parse(&data.institution)?;
    let accounts = Accounts::new(&database, pool, clock);
    for account in data.account {
        let id = AccountId::parse(&institution, &account.id)?;
        accounts
            .add(NewAccount {
                account: id.clone(),
                password: account.password.map(Password::new),
                must_change: account.must_change,
                expires_at: account.expires.as_deref().map(parse_expiry).transpose()?,
            })
            .await?;
        match account.state {
            None => {}
            Some(DemoState::Disabled) => accounts.disable(&id).await?,
            Some(DemoState::Locked) => accounts.lock(&id).await?,
        }
    }
    database.close().await;
    Ok(())
}

/// Says what can be tried, ready to paste.
fn greet(server: &Server) -> anyhow::Result<()> {
    let (soap, management) = (server.soap, server.management);
    let envelope = |body: &str| {
        format!(
            "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>{body}</S:Body></S:Envelope>"
        )
    };
    let alma = envelope(
        "<a:authenticateUser xmlns:a=\"http://alma.exlibris.com/\"><arg0>reader</arg0><arg1>correct horse battery</arg1></a:authenticateUser>",
    );
    let own = envelope(
        "<n:authenticateUser xmlns:n=\"urn:soapgate:authenticate:1\"><n:userName>legacy</n:userName><n:password>anything</n:password><n:institution>01DEMO_INST</n:institution></n:authenticateUser>",
    );
    let config = server.config_file().display();
    // As it was called, so that it can be pasted.
    let program = std::env::args().next().unwrap_or_else(|| "soapgate".to_owned());
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "
Accounts at 01DEMO_INST (user / password): reader / correct horse battery, zoë / p&<>\"'é€ (and a trailing blank),
mustchange / temporary-pass-1, locked / locked-pass-1, disabled / disabled-pass-1, expired / expired-pass-1, legacy (none).
Integration: AlmaSDK-demo-institutionCode-01DEMO_INST / integration-demo.

Sign in as an old integration does (the answer's result is true):
  curl -sS -u AlmaSDK-demo-institutionCode-01DEMO_INST:integration-demo -H 'Content-Type: text/xml' \\
    -d '{alma}' \\
    http://{soap}/almaws/repository/UserAuthenticationWebServices

Sign in to the gateway's own contract, with an account that has no password (false, and a flag):
  curl -sS -H 'Content-Type: text/xml' -d '{own}' \\
    http://{soap}/soap/authenticate

See who must be looked after:
  {program} flags list --config {config}

See who calls, some ten seconds later:
  {program} usage --config {config}

The WSDL documents: http://{soap}/almaws/repository/UserAuthenticationWebServices?wsdl and
http://{soap}/soap/authenticate?wsdl. Health and metrics: http://{management}/readyz and http://{management}/metrics.
Ctrl-C ends the demo and removes its data."
    )?;
    Ok(())
}
