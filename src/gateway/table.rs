//! The routes that are served, as one table that a reload replaces as a whole.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::Guard;
use bytes::Bytes;

use crate::contract::{ALMA_SERVICES, AUTHENTICATE_PATH, AlmaService, Wsdl, WsdlError};
use crate::domain::{AccountId, Institution};
use crate::gateway::lifecycle::LifecycleFields;
use crate::gateway::question::{Asked, IdentityUse};
use crate::gateway::replies::Replies;
use crate::gateway::route::{ContractKind, RouteSettings};
use crate::gateway::settings::{IdentityChoice, InstitutionSettings, NonceSettings};
use crate::telemetry::{Metrics, RouteMetrics};

/// What separates what is remembered for one route, or one institution, from all else: it changes with the settings.
pub(crate) type Fingerprint = [u8; 16];

/// A route with everything resolved that a call of it needs.
pub(crate) struct Route {
    pub(crate) settings: RouteSettings,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) replies: Replies,
    pub(crate) metrics: RouteMetrics,
    /// A canary was let in here: nobody else is, until one is refused.
    out_of_service: AtomicBool,
}

impl Route {
    /// Whether calls are answered by what identity services say.
    pub(crate) fn is_in_service(&self) -> bool {
        !self.out_of_service.load(Ordering::Relaxed)
    }

    /// Says whether they are from now on, and gives whether they were.
    pub(crate) fn set_in_service(&self, is_in: bool) -> bool {
        !self.out_of_service.swap(!is_in, Ordering::Relaxed)
    }
}

/// What is served at one path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Served {
    Alma(&'static AlmaService),
    Authenticate,
}

impl Served {
    /// The operation by which accounts sign in here.
    pub(crate) const fn sign_in_operation(self) -> &'static str {
        match self {
            Self::Alma(_) | Self::Authenticate => "authenticateUser",
        }
    }

    /// Whether accounts can sign in here at all.
    fn has_sign_in(self) -> bool {
        match self {
            Self::Alma(service) => service.operation(self.sign_in_operation()).is_some(),
            Self::Authenticate => true,
        }
    }
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
    identity: IdentityUse,
    others: Vec<(IdentityChoice, IdentityUse)>,
    probe_accounts: Vec<AccountId>,
    pub(crate) fingerprint: Fingerprint,
}

impl InstitutionEntry {
    /// The identity service that knows an account: chosen before anybody is asked, and the only one.
    pub(crate) fn asked(&self, account: &AccountId) -> Asked {
        let other = self.others.iter().find(|(choice, _)| choice.fits(account));
        Asked::Service(other.map_or(&self.identity, |(_, used)| used).clone())
    }

    /// Whether an account may be flagged: monitoring's own may not.
    pub(crate) fn may_flag(&self, account: &AccountId) -> bool {
        !self.probe_accounts.contains(account)
    }

    /// Every identity service that it uses, with the choice that leads to it.
    pub(crate) fn identities(&self) -> impl Iterator<Item = (Option<&IdentityChoice>, &IdentityUse)> {
        let others = self.others.iter().map(|(choice, used)| (Some(choice), used));
        std::iter::once((None, &self.identity)).chain(others)
    }
}

/// An institution's settings together with the identity service that was made for it.
pub struct InstitutionPlan {
    /// Its settings.
    pub settings: InstitutionSettings,
    /// Who knows its passwords.
    pub identity: IdentityUse,
    /// Who knows them instead for the choices of `settings`, in their order.
    pub others: Vec<IdentityUse>,
    /// The settings of these identity services, as text: what is remembered of the institution ends when they change.
    pub identity_settings: String,
}

/// Every path that is served and every institution that is known.
pub struct RouteTable {
    paths: HashMap<String, usize>,
    endpoints: Vec<Endpoint>,
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
        let (mut paths, mut endpoints) = (HashMap::new(), Vec::new());
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
                out_of_service: AtomicBool::new(false),
            });
            for (path, served) in served_paths(settings) {
                let wsdl = match served {
                    Served::Alma(service) => Wsdl::alma(service)?,
                    Served::Authenticate => Wsdl::authenticate()?,
                };
                let wsdl = Bytes::from(wsdl.at(&format!("{public_url}{path}")));
                paths.insert(path, endpoints.len());
                endpoints.push(Endpoint { route: Arc::clone(&route), served, wsdl });
            }
        }
        let institutions = institutions
            .into_iter()
            .map(|plan| {
                let fingerprint = fingerprint(&(&plan.settings, &plan.identity_settings));
                let InstitutionSettings { code, probe_accounts, others, .. } = plan.settings;
                let (identity, others) = (plan.identity, others.into_iter().zip(plan.others).collect());
                (code, InstitutionEntry { identity, others, probe_accounts, fingerprint })
            })
            .collect();
        Ok(Self { paths, endpoints, institutions, nonces, nowhere: metrics.route("none") })
    }

    /// What is served at a place that was marked, for counting a call whose own routes are gone.
    #[must_use]
    pub fn marked(&self, mark: Mark) -> Option<&Endpoint> {
        self.endpoints.get(mark.0)
    }

    /// Every route, once.
    pub(crate) fn routes(&self) -> Vec<&Route> {
        let mut routes: Vec<&Route> = Vec::new();
        for endpoint in &self.endpoints {
            if !routes.iter().any(|route| std::ptr::eq(*route, &raw const *endpoint.route)) {
                routes.push(&endpoint.route);
            }
        }
        routes
    }

    /// Every route by which accounts can sign in, once, with one of the paths where they do.
    pub(crate) fn routes_with_paths(&self) -> Vec<(&str, &Route)> {
        let path_of = |route: &Route| {
            let is_its = |at: &usize| {
                self.endpoints.get(*at).is_some_and(|endpoint| {
                    std::ptr::eq(&raw const *endpoint.route, route) && endpoint.served.has_sign_in()
                })
            };
            self.paths.iter().filter(|(_, at)| is_its(at)).map(|(path, _)| path.as_str()).min()
        };
        self.routes().into_iter().filter_map(|route| Some((path_of(route)?, route))).collect()
    }

    /// The paths that are served, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.paths.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

/// A path of the routes as they were when a call came in: the call keeps them, whatever is reloaded meanwhile. Nothing
/// is counted up or down for it that every processor would have to share.
pub struct Place {
    table: Guard<Arc<RouteTable>>,
    at: usize,
}

/// A place without its routes.
#[derive(Clone, Copy)]
pub struct Mark(usize);

impl Place {
    /// The place of `path`, if anything is served there.
    pub(crate) fn find(table: Guard<Arc<RouteTable>>, path: &str) -> Option<Self> {
        let at = *table.paths.get(path)?;
        Some(Self { table, at })
    }

    /// The routes.
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// What is served there.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.table.endpoints[self.at]
    }

    pub(crate) fn route(&self) -> &Route {
        &self.endpoint().route
    }

    /// What finds this place's endpoint again in these routes, and with luck in those after a reload.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.at)
    }
}

impl Endpoint {
    /// The WSDL document with this path's public address.
    #[must_use]
    pub fn wsdl(&self) -> Bytes {
        self.wsdl.clone()
    }

    /// What every reply says of the route's end.
    #[must_use]
    pub fn lifecycle(&self) -> Option<&LifecycleFields> {
        self.route.replies.lifecycle()
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
