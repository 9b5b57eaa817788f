//! From settings to parts: which adapter stands behind which port.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;

use crate::config::Settings;
use crate::domain::Clock;
use crate::gateway::{InstitutionPlan, RouteTable};
use crate::identity::{Embedded, HashingPool, IdentityKind, IdentityService, IdentitySettings};
use crate::store::Database;
use crate::telemetry::Metrics;

/// What outlives a reload.
pub(crate) struct Foundation {
    pub(crate) database: Database,
    pub(crate) pool: Arc<HashingPool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
}

impl Foundation {
    /// The routes and institutions of `settings`; `soap` is the address that SOAP is served at.
    pub(crate) fn table(&self, settings: &Settings, soap: SocketAddr) -> anyhow::Result<RouteTable> {
        let institutions = settings
            .institutions
            .iter()
            .map(|institution| {
                let identity = settings
                    .identities
                    .iter()
                    .find(|identity| identity.name == institution.identity)
                    .with_context(|| format!("institution {} has no identity service", institution.code))?;
                Ok(InstitutionPlan {
                    settings: institution.clone(),
                    identity: self.identity_service(identity)?,
                    identity_timeout: identity.timeout,
                    identity_settings: format!("{identity:?}"),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let public_url = settings.server.public_url.clone().unwrap_or_else(|| format!("http://{soap}"));
        let nonces = settings.nonces.clone();
        Ok(RouteTable::build(&settings.routes, institutions, nonces, &public_url, &self.metrics)?)
    }

    fn identity_service(&self, settings: &IdentitySettings) -> anyhow::Result<Arc<dyn IdentityService>> {
        Ok(match &settings.kind {
            IdentityKind::Alma(_) => anyhow::bail!("kind alma is not served yet"),
            IdentityKind::Embedded => Arc::new(Embedded::new(
                settings.name.clone(),
                self.database.accounts(),
                Arc::clone(&self.pool),
                Arc::clone(&self.clock),
            )),
            IdentityKind::Ldap(_) => anyhow::bail!("kind ldap is not served yet"),
            IdentityKind::Oidc(_) => anyhow::bail!("kind oidc is not served yet"),
        })
    }
}

/// Random bytes for a key that lives as long as the process.
pub(crate) fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(key)
}
