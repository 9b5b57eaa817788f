//! Keycloak's administration, asked about a user after a refusal. No password of anybody's is sent there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::domain::{AccountId, NoAnswer, Timestamp};
use crate::identity::adapter_error::AdapterError;
use crate::identity::http_client::{HttpAnswer, HttpClient};
use crate::identity::oidc::answer::{Said, conclude};
use crate::identity::oidc::client::Client;
use crate::identity::oidc::metadata::Metadata;
use crate::identity::oidc::settings::{OidcAdmin, OidcClient, OidcFlavour};
use crate::identity::oidc::user::{Beside, User, has_links, has_password, is_locked, read_users};
use crate::identity::port::{IdentityError, SecondLook};
use crate::identity::web_address::keeps_secrets;

/// How long before its end an access token is not used any more.
const MARGIN: Duration = Duration::from_secs(10);

/// A client with a service account that may read users.
pub(crate) struct Admin {
    client: Client,
    realm: Url,
    http: Arc<HttpClient>,
    token: Mutex<Option<(HeaderValue, Instant)>>,
}

/// Where and when a question is asked.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Instant,
}

impl Admin {
    /// # Errors
    /// When the issuer is no realm of Keycloak's.
    pub(crate) fn new(issuer: &str, settings: &OidcAdmin, http: Arc<HttpClient>) -> Result<Self, AdapterError> {
        let realm = realm_address(issuer).ok_or_else(|| {
            AdapterError::new("admin needs an issuer of Keycloak's, such as \"https://sso.example.org/realms/library\"")
        })?;
        let client = OidcClient::SecretInHead(settings.client_secret.clone());
        Ok(Self { client: Client::new(&settings.client_id, &client)?, realm, http, token: Mutex::default() })
    }

    /// What is known of an account that was refused; `None` when it is not known, or not clear who it is.
    pub(crate) async fn look(
        &self,
        account: &AccountId,
        at: Circumstances<'_>,
    ) -> Result<Option<SecondLook>, IdentityError> {
        let Some(user) = self.find(account.identifier(), at).await? else { return Ok(None) };
        let id = user.id.as_str();
        let locked = self.get(&["attack-detection", "brute-force", "users", id], &[], at).await?;
        let credentials = self.get(&["users", id, "credentials"], &[], at).await?;
        let mut beside = Beside {
            is_locked: locked.as_deref().and_then(is_locked).ok_or_else(unreadable)?,
            has_password: credentials.as_deref().and_then(has_password).ok_or_else(unreadable)?,
            is_linked: false,
        };
        if !beside.has_password && !user.is_federated() {
            let links = self.get(&["users", id, "federated-identity"], &[], at).await?;
            beside.is_linked = links.as_deref().and_then(has_links).ok_or_else(unreadable)?;
        }
        Ok(Some(user.conclude(account.institution(), beside)))
    }

    /// The one user who signs in by this name. With an '@' in it that is the mail address first, where the realm lets
    /// people sign in by it; whom it means is not clear when it is another's name.
    async fn find(&self, identifier: &str, at: Circumstances<'_>) -> Result<Option<User>, IdentityError> {
        let mut found = self.search("username", identifier, at).await?;
        if identifier.contains('@') {
            let by_mail = self.search("email", identifier, at).await?;
            found.extend(by_mail);
            found.dedup_by(|one, other| one.id == other.id);
        }
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    async fn search(&self, by: &str, text: &str, at: Circumstances<'_>) -> Result<Vec<User>, IdentityError> {
        let query = [("exact", "true"), ("briefRepresentation", "false"), ("max", "2"), (by, text)];
        let body = self.get(&["users"], &query, at).await?.ok_or_else(unreadable)?;
        read_users(&body).ok_or_else(unreadable)
    }

    /// How many users there are: a question that touches none of them.
    pub(crate) async fn count_users(&self, at: Circumstances<'_>) -> Result<u64, IdentityError> {
        let body = self.get(&["users", "count"], &[], at).await?.ok_or_else(unreadable)?;
        serde_json::from_slice(&body).map_err(|_| unreadable())
    }

    /// Reads below the realm; `None` where there is nothing. A token that is not taken any more is renewed once.
    async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        at: Circumstances<'_>,
    ) -> Result<Option<Bytes>, IdentityError> {
        let mut url = self.realm.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let kept = self.kept_token();
        let is_kept = kept.is_some();
        let token = match kept {
            Some(token) => token,
            None => self.sign_in(at).await?,
        };
        let mut answer = self.read(&url, token, at.deadline).await?;
        if answer.status.as_u16() == 401 && is_kept {
            let token = self.sign_in(at).await?;
            answer = self.read(&url, token, at.deadline).await?;
        }
        let why = match answer.status.as_u16() {
            200 => return Ok(Some(answer.body)),
            404 => return Ok(None),
            401 | 403 => NoAnswer::Misconfigured,
            429 => NoAnswer::Throttled(answer.retry_after()),
            500..=599 => NoAnswer::Unreachable,
            _ => NoAnswer::Protocol,
        };
        // Its words may name the user.
        let status = answer.status.as_u16();
        let detail = format!("the admin client may not read users, or the address is wrong: HTTP {status}");
        Err(IdentityError::sent(why, detail))
    }

    async fn read(&self, url: &Url, token: HeaderValue, deadline: Instant) -> Result<HttpAnswer, IdentityError> {
        let request = self.http.request(Method::GET, url.clone()).header(ACCEPT, "application/json");
        self.http.send(request.header(AUTHORIZATION, token), deadline).await
    }

    fn kept_token(&self) -> Option<HeaderValue> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        token.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(token, _)| token.clone())
    }

    /// A new access token, by the client credentials grant (RFC 6749, section 4.4).
    async fn sign_in(&self, at: Circumstances<'_>) -> Result<HeaderValue, IdentityError> {
        let (endpoint, fields) = (&at.metadata.token_endpoint, [("grant_type", "client_credentials")]);
        let request = self.client.post(&self.http, endpoint, &fields, endpoint, at.now)?;
        let asked = Instant::now();
        let answer = self.http.send(request, at.deadline).await?;
        let refused =
            |words: String| IdentityError::sent(NoAnswer::Misconfigured, format!("the admin client: {words}"));
        let tokens = match conclude(OidcFlavour::Keycloak, &answer, None) {
            Ok(Said::Issued(tokens)) => tokens,
            Ok(Said::Refused(_, words)) => return Err(refused(words)),
            Err(error) => return Err(IdentityError { detail: format!("the admin client: {}", error.detail), ..error }),
        };
        let text = Zeroizing::new(["Bearer ", tokens.access_token()].concat());
        let mut token = HeaderValue::from_str(&text).map_err(|_| unreadable())?;
        token.set_sensitive(true);
        let until = asked + tokens.lifetime().saturating_sub(MARGIN);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), until));
        Ok(token)
    }
}

fn unreadable() -> IdentityError {
    IdentityError::sent(NoAnswer::Protocol, "what the admin client is told cannot be read")
}

/// Where a realm is administered: beside `/realms/NAME` stands `/admin/realms/NAME`.
fn realm_address(issuer: &str) -> Option<Url> {
    let (base, realm) = issuer.trim_end_matches('/').rsplit_once("/realms/")?;
    let is_name = !realm.is_empty() && !realm.contains(['/', '?', '#']);
    Url::parse(&format!("{base}/admin/realms/{realm}")).ok().filter(|url| is_name && keeps_secrets(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_administered_beside_where_it_is_served() {
        let address = |issuer: &str| realm_address(issuer).map(String::from);
        assert_eq!(
            address("https://sso.example.org/auth/realms/my%20library/").as_deref(),
            Some("https://sso.example.org/auth/admin/realms/my%20library")
        );
        for issuer in ["https://sso.example.org", "https://a/realms/", "https://a/realms/b/c", "http://a/realms/b"] {
            assert_eq!(address(issuer), None, "{issuer}");
        }
    }
}
