//! `check`: what `serve` needs beside the configuration and the store.

use std::sync::Arc;

use tokio::time::Instant;

use crate::app::clock::SystemClock;
use crate::config::Settings;
use crate::contract::check_documents;
use crate::identity::{AlmaService, AlmaSettings, IdentityService, IdentitySettings, LdapService, LdapSettings};
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

/// Tries the address and the key of an Alma, without touching anybody's account; says what was found to work.
///
/// # Errors
/// What does not work, told so that an operator knows what to mend.
pub async fn check_alma(identity: &IdentitySettings, alma: &AlmaSettings) -> Result<String, String> {
    let service = AlmaService::new(&identity.name, alma, Arc::new(SystemClock), Metrics::new());
    let service = service.map_err(|error| error.to_string())?;
    service.check(Instant::now() + identity.timeout).await.map_err(|error| error.to_string())
}

/// Tries the address, the certificates and the gateway's own name of a directory, without touching anybody's account;
/// says what was found to work.
///
/// # Errors
/// What does not work, told so that an operator knows what to mend.
pub async fn check_ldap(identity: &IdentitySettings, ldap: &LdapSettings) -> Result<String, String> {
    let service = LdapService::new(&identity.name, ldap, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
    service.check(Instant::now() + identity.timeout).await.map_err(|error| error.to_string())
}
