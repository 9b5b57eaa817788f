//! The provider as it describes itself: found when it is first needed, so that one that is away at the start stops
//! nothing, and before anything of a password is sent.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use reqwest::header::ACCEPT;
use reqwest::{Method, Url};
use tokio::time::Instant;

use crate::domain::NoAnswer;
use crate::identity::adapter_error::AdapterError;
use crate::identity::http_client::{HttpAnswer, HttpClient};
use crate::identity::oidc::id_token::{Claims, Flaw, check};
use crate::identity::oidc::kept::Kept;
use crate::identity::oidc::metadata::{Metadata, read_keys, read_metadata};
use crate::identity::port::{IdentityError, Sent};
use crate::identity::web_address::keeps_secrets;

/// Where metadata are, below the issuer (Discovery 1.0, section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// A provider, and what is known of it.
pub(crate) struct Provider {
    issuer: String,
    address: Url,
    http: Arc<HttpClient>,
    metadata: Kept<Metadata>,
    keys: Kept<JwkSet>,
}

impl Provider {
    /// # Errors
    /// When the issuer is no address to which a password may go.
    pub(crate) fn new(issuer: &str, http: Arc<HttpClient>) -> Result<Self, AdapterError> {
        let address = Url::parse(&format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/')));
        let address = address.ok().filter(keeps_secrets).ok_or_else(|| {
            AdapterError::new(
                "issuer is no https address; write one such as \"https://sso.example.org/realms/library\"",
            )
        })?;
        Ok(Self { issuer: issuer.to_owned(), address, http, metadata: Kept::new(), keys: Kept::new() })
    }

    /// Its metadata.
    pub(crate) async fn metadata(&self, deadline: Instant) -> Result<Arc<Metadata>, IdentityError> {
        let fetch = async |deadline| read_metadata(&self.issuer, &self.fetch(&self.address, deadline).await?);
        self.metadata.get(deadline, fetch).await
    }

    /// Its public keys.
    pub(crate) async fn keys(&self, metadata: &Metadata, deadline: Instant) -> Result<Arc<JwkSet>, IdentityError> {
        let address = keys_address(metadata)?;
        self.keys.get(deadline, async |deadline| read_keys(&self.fetch(address, deadline).await?)).await
    }

    /// Checks an ID token; when none of `keys` signed it, with those that it publishes now.
    pub(crate) async fn check_id_token(
        &self,
        token: &str,
        client_id: &str,
        metadata: &Metadata,
        keys: &Arc<JwkSet>,
        deadline: Instant,
    ) -> Result<Claims, IdentityError> {
        let mut said = check(token, keys, &self.issuer, client_id);
        if said == Err(Flaw::UnknownKey) {
            let address = keys_address(metadata)?;
            let fetch = async |deadline| read_keys(&self.fetch(address, deadline).await?);
            let newer = self.keys.other_than(keys, deadline, fetch).await;
            // By now a password was sent.
            if let Some(newer) = newer.map_err(|error| IdentityError { sent: Sent::Maybe, ..error })? {
                said = check(token, &newer, &self.issuer, client_id);
            }
        }
        said.map_err(|flaw| IdentityError::sent(NoAnswer::Protocol, flaw.text()))
    }

    /// Has its metadata read again soon: an endpoint was not where they say.
    pub(crate) fn doubt(&self) {
        self.metadata.doubt();
    }

    async fn fetch(&self, address: &Url, deadline: Instant) -> Result<HttpAnswer, IdentityError> {
        let request = self.http.request(Method::GET, address.clone()).header(ACCEPT, "application/json");
        self.http.send(request, deadline).await
    }
}

fn keys_address(metadata: &Metadata) -> Result<&Url, IdentityError> {
    metadata.jwks_uri.as_ref().ok_or_else(|| {
        IdentityError::unsent(NoAnswer::Misconfigured, "it publishes no keys (jwks_uri), which check_id_token needs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_in_clear_is_refused_outside_this_machine() {
        let http = Arc::new(HttpClient::new(None).expect("a client"));
        for issuer in ["http://sso.example.org", "sso.example.org", "", "ftp://localhost"] {
            let error = Provider::new(issuer, Arc::clone(&http)).err().expect(issuer);
            assert!(error.to_string().starts_with("issuer is no https address"), "{error}");
        }
        for (issuer, address) in [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            ("http://127.0.0.1:8080/realms/x", "http://127.0.0.1:8080/realms/x/.well-known/openid-configuration"),
        ] {
            let provider = Provider::new(issuer, Arc::clone(&http)).expect(issuer);
            assert_eq!((provider.address.as_str(), provider.issuer.as_str()), (address, issuer));
        }
    }
}
