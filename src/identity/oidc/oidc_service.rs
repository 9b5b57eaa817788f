//! Asking an OpenID Connect provider about a password, by the password grant.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::{AccountId, Answer, Clock, NoAnswer};
use crate::identity::adapter_error::AdapterError;
use crate::identity::http_client::HttpClient;
use crate::identity::oidc::admin::{Admin, Circumstances};
use crate::identity::oidc::answer::{Said, conclude, words};
use crate::identity::oidc::client::Client;
use crate::identity::oidc::id_token::Claims;
use crate::identity::oidc::metadata::Metadata;
use crate::identity::oidc::provider::Provider;
use crate::identity::oidc::settings::{OidcFlavour, OidcSettings};
use crate::identity::oidc::token::Tokens;
use crate::identity::oidc::trial::{try_grant, try_proof};
use crate::identity::port::{Answered, Asides, Ask, BoxFuture, IdentityError, IdentityService, SecondLook};
use crate::identity::rate::Rate;

/// Users that are looked at in a second, and how many more may be at once.
const LOOKS_A_SECOND: u32 = 1;
const LOOKS_AT_ONCE: u32 = 10;
/// Tokens that are given back at once; one more is left to expire.
const GIVEN_BACK_AT_ONCE: usize = 16;
/// How long giving back may take: nobody waits for it.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// The `oidc` adapter.
pub struct OidcService {
    name: String,
    flavour: OidcFlavour,
    scope: String,
    check_id_token: bool,
    client: Client,
    provider: Provider,
    admin: Option<Admin>,
    http: Arc<HttpClient>,
    clock: Arc<dyn Clock>,
    /// Ended with the adapter.
    given_back: Mutex<JoinSet<()>>,
}

impl OidcService {
    /// An adapter that goes by `name`. The provider is not asked for anything yet.
    ///
    /// # Errors
    /// When the issuer, the key or the certificates cannot be used.
    pub fn new(name: &str, settings: &OidcSettings, clock: Arc<dyn Clock>) -> Result<Self, AdapterError> {
        let http = Arc::new(HttpClient::new(settings.ca_file.as_deref())?);
        let admin = settings.admin.as_ref();
        Ok(Self {
            name: name.to_owned(),
            flavour: settings.flavour,
            scope: settings.scope.clone(),
            check_id_token: settings.check_id_token,
            client: Client::new(&settings.client_id, &settings.client)?,
            provider: Provider::new(&settings.issuer, Arc::clone(&http))?,
            admin: admin.map(|admin| Admin::new(&settings.issuer, admin, Arc::clone(&http))).transpose()?,
            http,
            clock,
            given_back: Mutex::default(),
        })
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answered, IdentityError> {
        let metadata = self.provider.metadata(ask.deadline).await?;
        let keys = if self.check_id_token { Some(self.provider.keys(&metadata, ask.deadline).await?) } else { None };
        let (account, password) = (ask.credentials.account(), ask.credentials.password());
        let mut fields =
            vec![("grant_type", "password"), ("username", account.identifier()), ("password", password.expose())];
        if !self.scope.is_empty() {
            fields.push(("scope", &self.scope));
        }
        let endpoint = &metadata.token_endpoint;
        let request = self.client.post(&self.http, endpoint, &fields, endpoint, self.clock.now())?;
        let answer = self.http.send(request, ask.deadline).await?;
        if matches!(answer.status.as_u16(), 301..=308 | 404 | 405 | 410) {
            self.provider.doubt();
        }
        let tokens = match conclude(self.flavour, &answer, Some(ask.credentials))? {
            Said::Issued(tokens) => tokens,
            Said::Refused(rejection, words) => {
                tracing::debug!(identity.name = self.name, reason = rejection.label(), words, "oidc.refused");
                return Ok(Answer::Rejected(rejection).into());
            }
        };
        self.give_back(&metadata, &tokens);
        let person = match keys {
            Some(keys) => {
                let token = tokens.id_token().ok_or_else(|| {
                    let detail = "it gave no ID token, which check_id_token needs; is openid in scope?";
                    IdentityError::sent(NoAnswer::Protocol, detail)
                })?;
                let checked =
                    self.provider.check_id_token(token, self.client.id(), &metadata, &keys, ask.deadline).await?;
                self.person(account, &checked)
            }
            None => None,
        };
        Ok(Answered { answer: Answer::Accepted, person })
    }

    /// The account under the name by which the provider itself knows it, however the person signed in.
    fn person(&self, account: &AccountId, claims: &Claims) -> Option<AccountId> {
        let name = match self.flavour {
            // The user name, where the realm did not change what the claim is made of.
            OidcFlavour::Keycloak => claims.preferred_username.as_ref()?,
            // Canaille's claim of that name is what people like to be called; elsewhere it need not be unique.
            OidcFlavour::Canaille | OidcFlavour::Generic => &claims.sub,
        };
        AccountId::parse(account.institution(), name).ok()
    }

    /// Gives tokens back, beside the call (RFC 7009): at Keycloak this ends the session, of which every sign-in would
    /// leave one. A provider that is asked for it and does not do it has tokens that expire.
    fn give_back(&self, metadata: &Metadata, tokens: &Tokens) {
        let Some(endpoint) = &metadata.revocation_endpoint else { return };
        let (token, kind) = tokens.longest();
        let fields = [("token", token), ("token_type_hint", kind)];
        let request = self.client.post(&self.http, endpoint, &fields, &metadata.token_endpoint, self.clock.now());
        let Ok(request) = request else { return };
        let mut going_on = self.given_back.lock().unwrap_or_else(PoisonError::into_inner);
        while going_on.try_join_next().is_some() {}
        if going_on.len() >= GIVEN_BACK_AT_ONCE {
            tracing::debug!(identity.name = self.name, "oidc.token_kept");
            return;
        }
        let (http, name) = (Arc::clone(&self.http), self.name.clone());
        going_on.spawn(async move {
            let said = match http.send(request, Instant::now() + GIVING_BACK).await {
                Ok(answer) if answer.status.is_success() => return,
                Ok(answer) => words(&answer),
                Err(error) => error.detail,
            };
            tracing::debug!(identity.name = name, error = said, "oidc.token_kept");
        });
    }

    async fn look(&self, account: &AccountId, deadline: Instant) -> Result<Option<SecondLook>, IdentityError> {
        let Some(admin) = &self.admin else { return Ok(None) };
        let metadata = self.provider.metadata(deadline).await?;
        admin.look(account, Circumstances { metadata: &metadata, now: self.clock.now(), deadline }).await
    }

    async fn try_all(&self, deadline: Instant) -> Result<String, IdentityError> {
        let metadata = self.provider.metadata(deadline).await?;
        let at = Circumstances { metadata: &metadata, now: self.clock.now(), deadline };
        let mut found = vec!["the issuer is the one".to_owned()];
        if self.check_id_token {
            let count = self.provider.keys(&metadata, deadline).await?.keys.len();
            if count == 0 {
                let detail = "it publishes no key that can be used, which check_id_token needs";
                return Err(IdentityError::sent(NoAnswer::Misconfigured, detail));
            }
            found.push(format!("it publishes {count} keys"));
        }
        found.push(try_proof(&self.http, &self.client, at).await?.to_owned());
        found.push(try_grant(&self.http, &self.client, &self.scope, at).await?.to_owned());
        if let Some(admin) = &self.admin {
            found.push(format!("the admin client sees {} users", admin.count_users(at).await?));
        }
        Ok(found.join(", "))
    }
}

impl IdentityService for OidcService {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(self.ask(ask))
    }

    fn asides(&self) -> Asides {
        let looks = self.admin.is_some().then(|| Rate::new(LOOKS_A_SECOND, LOOKS_AT_ONCE));
        Asides { looks, tells_person: false }
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(self.look(account, deadline))
    }

    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(self.try_all(deadline))
    }
}
