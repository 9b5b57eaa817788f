//! The routes that are served, as one table that a reload replaces as a whole.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::contract::{ALMA_SERVICES, AUTHENTICATE_PATH, AlmaService, Wsdl, WsdlError};
use crate::domain::{AccountId, Institution};
use crate::gateway::question::Asked;
use crate::gateway::replies::Replies;
use crate::gateway::route::{ContractKind, RouteSettings};
use crate::gateway::settings::{InstitutionSettings, NonceSettings};
use crate::identity::IdentityService;
use crate::telemetry::{Metrics, RouteMetrics};

/// What separates what is remembered for one route, or one institution, from all else: it changes with the settings.
pub(crate) type Fingerprint = [u8; 16];

/// A route with everything resolved that a call of it needs.
pub(crate) struct Route {
    pub(crate) settings: RouteSettings,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) replies: Replies,
    pub(crate) metrics: RouteMetrics,
}

/// What is served at one path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Served {
    Alma(&'static AlmaService),
    Authenticate,
}

/// One path of a route.
pub struct Endpoint {
    pub(crate) route: Arc<Route>,
    pub(crate) served: Served,
    /// The WSDL document with this path's public address.
    pub(crate) wsdl: Bytes,
}

/// An institution, its identity service, and who never flags there.
pub(crate) struct InstitutionEntry {
    identity: Arc<dyn IdentityService>,
    identity_timeout: Duration,
    pub(crate) probe_accounts: Vec<AccountId>,
    pub(crate) fingerprint: Fingerprint,
}

impl InstitutionEntry {
    /// Its identity service, to be asked.
    pub(crate) fn asked(&self) -> Asked {
        Asked::Service(Arc::clone(&self.identity), self.identity_timeout)
    }
}

/// An institution's settings together with the identity service that was made for it.
pub struct InstitutionPlan {
    /// Its settings.
    pub settings: InstitutionSettings,
    /// Who knows its passwords.
    pub identity: Arc<dyn IdentityService>,
    /// The time that one question to it may take.
    pub identity_timeout: Duration,
    /// The settings of that identity service, as text: what is remembered of the institution ends when they change.
    pub identity_settings: String,
}

/// Every path that is served and every institution that is known.
pub struct RouteTable {
    endpoints: HashMap<String, Arc<Endpoint>>,
    pub(crate) institutions: HashMap<Institution, InstitutionEntry>,
    pub(crate) nonces: NonceSettings,
    /// Where a path that nobody serves is counted.
    pub(crate) nowhere: RouteMetrics,
}

impl RouteTable {
    /// Builds the table. `public_url` is the base that WSDL documents name, without a final slash.
    ///
    /// # Errors
    /// When a WSDL document does not describe its contract.
    pub fn build(
        routes: &[RouteSettings],
        institutions: Vec<InstitutionPlan>,
        nonces: NonceSettings,
        public_url: &str,
        metrics: &Metrics,
    ) -> Result<Self, WsdlError> {
        let mut endpoints = HashMap::new();
        for settings in routes {
            let label = settings.path.clone().unwrap_or_else(|| match settings.contract {
                ContractKind::Alma => "alma".to_owned(),
                ContractKind::Authenticate => AUTHENTICATE_PATH.to_owned(),
            });
            let route = Arc::new(Route {
                fingerprint: fingerprint(settings),
                replies: Replies::new(settings),
                metrics: metrics.route(&label),
                settings: settings.clone(),
            });
            for (path, served) in served_paths(settings) {
                let wsdl = match served {
                    Served::Alma(service) => Wsdl::alma(service)?,
                    Served::Authenticate => Wsdl::authenticate()?,
                };
                let wsdl = Bytes::from(wsdl.at(&format!("{public_url}{path}")));
                endpoints.insert(path, Arc::new(Endpoint { route: Arc::clone(&route), served, wsdl }));
            }
        }
        let institutions = institutions
            .into_iter()
            .map(|plan| {
                let fingerprint = fingerprint(&(&plan.settings, &plan.identity_settings));
                let InstitutionSettings { code, probe_accounts, .. } = plan.settings;
                let InstitutionPlan { identity, identity_timeout, .. } = plan;
                (code, InstitutionEntry { identity, identity_timeout, probe_accounts, fingerprint })
            })
            .collect();
        Ok(Self { endpoints, institutions, nonces, nowhere: metrics.route("none") })
    }

    /// What is served at a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(path)
    }

    /// The paths that are served, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.endpoints.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

impl Endpoint {
    /// The WSDL document with this path's public address.
    #[must_use]
    pub fn wsdl(&self) -> Bytes {
        self.wsdl.clone()
    }
}

/// The paths of a route. A single path of the alma contract that is none of Alma's own serves authenticateUser.
fn served_paths(settings: &RouteSettings) -> Vec<(String, Served)> {
    let alma = || ALMA_SERVICES.iter().flat_map(|service| service.paths.iter().map(move |path| (*path, service)));
    match (settings.contract, &settings.path) {
        (ContractKind::Alma, None) => alma().map(|(path, service)| (path.to_owned(), Served::Alma(service))).collect(),
        (ContractKind::Alma, Some(own)) => {
            let service = alma().find(|(path, _)| path == own).map_or(&ALMA_SERVICES[0], |(_, service)| service);
            vec![(own.clone(), Served::Alma(service))]
        }
        (ContractKind::Authenticate, path) => {
            vec![(path.clone().unwrap_or_else(|| AUTHENTICATE_PATH.to_owned()), Served::Authenticate)]
        }
    }
}

fn fingerprint(settings: &impl Debug) -> Fingerprint {
    let hash = blake3::derive_key("soapgate settings fingerprint 1", format!("{settings:?}").as_bytes());
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(&hash[..size_of::<Fingerprint>()]);
    fingerprint
}
