//! What the commands on accounts, integrations, flags and lists work with: the settings, the open database, the hashing pool.

use std::path::Path;
use std::sync::Arc;

use crate::app::{SystemClock, open_database};
use crate::cli::exit::Failure;
use crate::config::{Settings, load};
use crate::domain::{Clock, Institution};
use crate::identity::HashingPool;
use crate::operator::{Accounts, Flags, Integrations, Reports};
use crate::store::Database;

/// The settings and the open database.
pub(crate) struct Workplace {
    settings: Settings,
    database: Database,
}

impl Workplace {
    pub(crate) async fn open(config: &Path) -> Result<Self, Failure> {
        let settings = load_settings(config)?;
        let database = open_database(&settings).await?;
        Ok(Self { settings, database })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn accounts(&self) -> Result<Accounts, Failure> {
        Ok(Accounts::new(&self.database, self.pool()?, clock()))
    }

    pub(crate) fn integrations(&self) -> Result<Integrations, Failure> {
        Ok(Integrations::new(&self.database, self.pool()?, clock()))
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags::new(&self.database, clock())
    }

    pub(crate) fn reports(&self) -> Reports {
        Reports::new(&self.database, clock())
    }

    /// The institution that is meant by `named`: the only one there is when none is named.
    pub(crate) fn institution(&self, named: Option<&Institution>) -> Result<Institution, Failure> {
        let known = || {
            let codes: Vec<&str> = self.settings.institutions.iter().map(|known| known.code.as_str()).collect();
            codes.join(", ")
        };
        match (named, self.settings.institutions.as_slice()) {
            (Some(code), all) if all.iter().any(|known| known.code == *code) => Ok(code.clone()),
            (Some(code), _) => Err(Failure::refused(format!(
                "there is no institution {code} in the configuration; known are {}",
                known()
            ))),
            (None, [only]) => Ok(only.code.clone()),
            (None, _) => Err(Failure::usage(format!("say which institution with --institution: {}", known()))),
        }
    }

    fn pool(&self) -> Result<Arc<HashingPool>, Failure> {
        Ok(Arc::new(HashingPool::new(&self.settings.hashing)?))
    }

    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}

/// Reads the configuration with the process's environment over it.
pub(crate) fn load_settings(config: &Path) -> Result<Settings, Failure> {
    Ok(load(config, std::env::vars_os())?)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
