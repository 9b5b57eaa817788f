//! `check`: what `serve` needs beside the configuration and the store.

use std::sync::Arc;

use tokio::time::Instant;

use crate::app::clock::SystemClock;
use crate::config::Settings;
use crate::contract::check_documents;
use crate::identity::{
    AdapterError, AlmaService, IdentityKind, IdentityService, IdentitySettings, LdapService, OidcService,
};
use crate::telemetry::Metrics;

/// One thing that `check` looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// What is wrong with it, as a lower-case fragment.
    pub problem: Option<String>,
}

/// Looks at everything that `serve` needs beside the configuration and the store: the WSDL documents.
#[must_use]
pub fn check(_: &Settings) -> Vec<Check> {
    check_documents()
        .into_iter()
        .map(|(name, checked)| Check {
            name: format!("wsdl {name}"),
            problem: checked.err().map(|error| error.to_string()),
        })
        .collect()
}

/// Tries all that a remote identity service is reached by, without touching anybody's account; says what was found to
/// work. The embedded one answers from the store.
///
/// # Errors
/// What does not work, told so that an operator knows what to mend.
pub async fn check_identity(identity: &IdentitySettings) -> Result<String, String> {
    let clock = Arc::new(SystemClock);
    let made: Result<Box<dyn IdentityService>, AdapterError> = match &identity.kind {
        IdentityKind::Alma(alma) => {
            AlmaService::new(&identity.name, alma, clock, Metrics::new()).map(|service| Box::new(service) as _)
        }
        IdentityKind::Embedded => return Ok("answers from the store".to_owned()),
        IdentityKind::Ldap(ldap) => LdapService::new(&identity.name, ldap, clock).map(|service| Box::new(service) as _),
        IdentityKind::Oidc(oidc) => OidcService::new(&identity.name, oidc, clock).map(|service| Box::new(service) as _),
    };
    let service = made.map_err(|error| error.to_string())?;
    let checked = service.check(Instant::now() + identity.timeout).await;
    checked.map_err(|error| match address(&identity.kind) {
        Some((key, address)) => format!("{key} = \"{address}\": {error}"),
        None => error.to_string(),
    })
}

/// Where a service is reached, without a name and a password that somebody may have written into the address.
fn address(kind: &IdentityKind) -> Option<(&'static str, String)> {
    let bare = |address: &str| match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    };
    match kind {
        IdentityKind::Alma(alma) => Some(("base_url", bare(&alma.base_url))),
        IdentityKind::Embedded => None,
        IdentityKind::Ldap(ldap) => Some(("url", ldap.url.to_string())),
        IdentityKind::Oidc(oidc) => Some(("issuer", bare(&oidc.issuer))),
    }
}
