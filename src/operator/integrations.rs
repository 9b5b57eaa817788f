//! Registered integrations and their secrets.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{Clock, IntegrationName, Password, Timestamp};
use crate::identity::HashingPool;
use crate::operator::{OperatorError, moment, secret};
use crate::store::{Database, IntegrationRecord, IntegrationTable};

/// Where an integration's secret comes from.
pub enum Secret {
    /// The gateway makes one.
    Generate,
    /// The old system already sends this one.
    Given(Password),
}

/// One registered integration as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntegrationView {
    /// The full Basic name.
    pub name: String,
    /// The code of its institution.
    pub institution: String,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Until when the secret before is let in as well, RFC 3339 in UTC.
    pub previous_valid_until: Option<String>,
    /// When it was added.
    pub created: String,
    /// When somebody last changed it.
    pub changed: String,
    /// When it was first let in.
    pub first_accepted: Option<String>,
    /// When it was last noted to be let in.
    pub last_accepted: Option<String>,
}

/// What an operator can do with integrations.
pub struct Integrations {
    table: IntegrationTable,
    pool: Arc<HashingPool>,
    clock: Arc<dyn Clock>,
}

impl Integrations {
    /// The integrations of a database.
    #[must_use]
    pub fn new(database: &Database, pool: Arc<HashingPool>, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.integrations(), pool, clock }
    }

    /// Registers an integration. A generated secret is returned; it is never seen again.
    ///
    /// # Errors
    /// When it is registered already, or the secret cannot be one.
    pub async fn add(&self, name: &IntegrationName, secret: Secret) -> Result<Option<Password>, OperatorError> {
        let (secret, origin) = ready(secret)?;
        let hash = self.pool.hash(&secret).await?;
        if self.table.insert(name, &hash, self.clock.now()).await? {
            Ok(origin.show(secret))
        } else {
            Err(OperatorError::AlreadyExists(describe(name)))
        }
    }

    /// Gives an integration another secret; the one it had is let in for `overlap` longer. A generated secret is
    /// returned; it is never seen again.
    ///
    /// # Errors
    /// When there is no such integration, or the secret cannot be one.
    pub async fn rotate(
        &self,
        name: &IntegrationName,
        secret: Secret,
        overlap: Duration,
    ) -> Result<Option<Password>, OperatorError> {
        let (secret, origin) = ready(secret)?;
        let hash = self.pool.hash(&secret).await?;
        let now = self.clock.now();
        let until = (!overlap.is_zero()).then(|| now.after(overlap));
        if self.table.rotate(name, &hash, until, now).await? {
            Ok(origin.show(secret))
        } else {
            Err(OperatorError::NotFound(describe(name)))
        }
    }

    /// Switches an integration off.
    ///
    /// # Errors
    /// When there is no such integration.
    pub async fn disable(&self, name: &IntegrationName) -> Result<(), OperatorError> {
        found(name, self.table.disable(name, self.clock.now()).await?)
    }

    /// Switches an integration on again.
    ///
    /// # Errors
    /// When there is no such integration.
    pub async fn enable(&self, name: &IntegrationName) -> Result<(), OperatorError> {
        found(name, self.table.enable(name, self.clock.now()).await?)
    }

    /// Every registered integration, by institution and name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<IntegrationView>, OperatorError> {
        let now = self.clock.now();
        Ok(self.table.list().await?.into_iter().map(|record| view(record, now)).collect())
    }
}

#[derive(Clone, Copy)]
enum Origin {
    Generated,
    Given,
}

impl Origin {
    fn show(self, secret: Password) -> Option<Password> {
        match self {
            Self::Generated => Some(secret),
            Self::Given => None,
        }
    }
}

fn ready(secret: Secret) -> Result<(Password, Origin), OperatorError> {
    match secret {
        Secret::Generate => Ok((secret::generate()?, Origin::Generated)),
        Secret::Given(password) => {
            secret::check(&password)?;
            Ok((password, Origin::Given))
        }
    }
}

fn found(name: &IntegrationName, found: bool) -> Result<(), OperatorError> {
    if found { Ok(()) } else { Err(OperatorError::NotFound(describe(name))) }
}

fn describe(name: &IntegrationName) -> String {
    format!("integration {name}")
}

fn view(record: IntegrationRecord, now: Timestamp) -> IntegrationView {
    let overlap = record.previous.map(|previous| previous.valid_until).filter(|until| now < *until);
    IntegrationView {
        name: record.name.to_string(),
        institution: record.name.institution().to_string(),
        disabled: record.disabled,
        previous_valid_until: overlap.map(moment::show),
        created: moment::show(record.created_at),
        changed: moment::show(record.changed_at),
        first_accepted: record.first_accepted.map(moment::show),
        last_accepted: record.last_accepted.map(moment::show),
    }
}
