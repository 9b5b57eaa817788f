//! From settings to parts: which adapter stands behind which port.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

use crate::config::Settings;
use crate::domain::Clock;
use crate::gateway::{IdentityUse, InstitutionPlan, RouteTable};
use crate::identity::{
    AlmaService, Embedded, Guarded, HashingPool, IdentityKind, IdentityService, IdentitySettings, LdapService,
    OidcService,
};
use crate::store::Database;
use crate::telemetry::{Health, Metrics};

/// What outlives a reload.
pub(crate) struct Foundation {
    pub(crate) database: Database,
    pub(crate) pool: Arc<HashingPool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// The identity services that are in use.
    pub(crate) made: Mutex<Vec<(IdentitySettings, Arc<dyn IdentityService>)>>,
}

impl Foundation {
    /// The routes and institutions of `settings`; `soap` is the address that SOAP is served at.
    pub(crate) fn table(&self, settings: &Settings, soap: SocketAddr) -> anyhow::Result<RouteTable> {
        let services = self.identity_services(settings)?;
        let institutions = settings
            .institutions
            .iter()
            .map(|institution| {
                let named = |name: &String| {
                    let found = services.iter().find(|(settings, _)| settings.name == *name);
                    found.with_context(|| format!("institution {} has no identity service {name}", institution.code))
                };
                let used = |(settings, service): &(IdentitySettings, Arc<dyn IdentityService>)| IdentityUse {
                    service: Arc::clone(service),
                    timeout: settings.timeout,
                    attempts: settings.attempts,
                };
                let identity = named(&institution.identity)?;
                let others = institution.others.iter().map(|choice| named(&choice.identity));
                let others = others.collect::<anyhow::Result<Vec<_>>>()?;
                let all: Vec<&IdentitySettings> =
                    std::iter::once(&identity).chain(&others).map(|(settings, _)| settings).collect();
                Ok(InstitutionPlan {
                    settings: institution.clone(),
                    identity_settings: format!("{all:?}"),
                    identity: used(identity),
                    others: others.into_iter().map(used).collect(),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let public_url = settings.server.public_url.clone().unwrap_or_else(|| format!("http://{soap}"));
        let nonces = settings.nonces.clone();
        Ok(RouteTable::build(&settings.routes, institutions, nonces, &public_url, &self.metrics)?)
    }

    /// Every identity service of `settings`, in its guard. One whose settings did not change stays what it is, with
    /// its connections, its breaker and what it has counted.
    fn identity_services(
        &self,
        settings: &Settings,
    ) -> anyhow::Result<Vec<(IdentitySettings, Arc<dyn IdentityService>)>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut services = Vec::new();
        for identity in &settings.identities {
            let kept = made.iter().find(|(before, _)| before == identity).map(|(_, service)| Arc::clone(service));
            let service = match kept {
                Some(service) => service,
                None => Arc::new(Guarded::new(
                    self.identity_service(identity).with_context(|| format!("identity {}", identity.name))?,
                    &identity.guard,
                    identity.timeout,
                    Arc::clone(&self.clock),
                    &self.health,
                )),
            };
            services.push((identity.clone(), service));
        }
        let names: Vec<&str> = settings.identities.iter().map(|identity| identity.name.as_str()).collect();
        self.health.keep("identity", &names);
        made.clone_from(&services);
        Ok(services)
    }

    fn identity_service(&self, settings: &IdentitySettings) -> anyhow::Result<Arc<dyn IdentityService>> {
        Ok(match &settings.kind {
            IdentityKind::Alma(alma) => {
                let (clock, metrics) = (Arc::clone(&self.clock), self.metrics.clone());
                Arc::new(AlmaService::new(&settings.name, alma, clock, metrics)?)
            }
            IdentityKind::Embedded => Arc::new(Embedded::new(
                settings.name.clone(),
                self.database.accounts(),
                Arc::clone(&self.pool),
                Arc::clone(&self.clock),
            )),
            IdentityKind::Ldap(ldap) => Arc::new(LdapService::new(&settings.name, ldap, Arc::clone(&self.clock))?),
            IdentityKind::Oidc(oidc) => Arc::new(OidcService::new(&settings.name, oidc, Arc::clone(&self.clock))?),
        })
    }
}

/// Random bytes for a key that lives as long as the process.
pub(crate) fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(key)
}
