//! The gateway as it is served: metrics on, integration and account in the database, both remembered after one call.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use soapgate::app::{SystemClock, open_database};
use soapgate::config;
use soapgate::domain::{AccountId, Institution, IntegrationName, Password};
use soapgate::identity::HashingPool;
use soapgate::operator::{Accounts, Integrations, NewAccount, Secret, parse_expiry};
use tokio::runtime::Runtime;

use crate::load::{INTEGRATION, INTEGRATION_SECRET};

/// Whether each call leaves a line in the log.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    Off,
    On,
}

/// An account to be there when the benchmark begins.
pub(crate) struct Prepared {
    pub(crate) user: String,
    pub(crate) password: Option<&'static str>,
    pub(crate) state: State,
}

/// The state of a prepared account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Disabled,
    Expired,
    Good,
    Locked,
    MustChange,
}

/// Writes a configuration and its data below `folder`; returns the configuration's path.
pub(crate) fn prepare(folder: &Path, line: Line, accounts: &[Prepared], runtime: &Runtime) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("config.toml");
    let calls = matches!(line, Line::On);
    std::fs::write(
        &file,
        format!(
            "server = {{ listen = \"127.0.0.1:0\" }}\nmanagement = {{ listen = \"127.0.0.1:0\" }}\n\
             cache = {{ ttl = \"1h\" }}\nlog = {{ calls = {calls} }}\n\
             [[identity]]\nname = \"accounts\"\nkind = \"embedded\"\n\
             [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"accounts\"\n[[route]]\ncontract = \"alma\"\nmust_change = \"refuse\"\n"
        ),
    )?;
    let settings = config::load(&file, [])?;
    runtime.block_on(async {
        let database = open_database(&settings).await?;
        let pool = Arc::new(HashingPool::new(&settings.hashing)?);
        let clock = Arc::new(SystemClock);
        let name = IntegrationName::parse(INTEGRATION)?;
        let secret = Secret::Given(Password::new(INTEGRATION_SECRET.to_owned()));
        Integrations::new(&database, Arc::clone(&pool), clock.clone()).add(&name, secret).await?;
        let table = Accounts::new(&database, pool, clock);
        for prepared in accounts {
            let account = AccountId::parse(&Institution::parse("01DEMO_INST")?, &prepared.user)?;
            let expires_at = if prepared.state == State::Expired { Some(parse_expiry("2020-01-31")?) } else { None };
            table
                .add(NewAccount {
                    account: account.clone(),
                    password: prepared.password.map(|password| Password::new(password.to_owned())),
                    must_change: prepared.state == State::MustChange,
                    expires_at,
                })
                .await?;
            match prepared.state {
                State::Disabled => table.disable(&account).await?,
                State::Locked => table.lock(&account).await?,
                State::Expired | State::Good | State::MustChange => {}
            }
        }
        database.close().await;
        anyhow::Ok(())
    })?;
    Ok(file.to_str().context("a path in UTF-8")?.to_owned())
}

pub(crate) fn serve(config: &str) -> anyhow::Result<()> {
    let settings = config::load(Path::new(config), [])?;
    soapgate::app::server_runtime()?.block_on(soapgate::app::serve(settings))
}
