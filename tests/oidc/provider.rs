//! A scripted provider: metadata, keys, tokens that it signs, and Keycloak's administration, as far as it is asked.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp};
use rcgen::KeyPair;
use serde_json::{Value, json};
use soapgate::identity::{OidcClient, OidcFlavour, OidcSettings, ServiceSecret};
use tokio_rustls::TlsAcceptor;

use crate::support::fake::fault::Fault;
use crate::support::fake::http::{FakeHttp, Request, Site, reply};

/// Ends of paths.
pub(crate) const METADATA: &str = "/.well-known/openid-configuration";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const CERTS: &str = "/certs";
pub(crate) const REVOKE: &str = "/revoke";
const ISSUER: &str = "/realms/library";
const CLIENT_ID: &str = "soapgate";
const SECRET: &str = "planted secret: +%&é";

/// A running provider; it ends with its value.
pub(crate) struct FakeProvider {
    http: FakeHttp<Provider>,
    base: String,
    client_key: KeyPair,
}

pub(crate) struct Provider {
    base: String,
    /// Passwords by name.
    pub(crate) users: HashMap<String, String>,
    /// Names that sign-ins came with, right or wrong.
    pub(crate) sign_ins: Vec<String>,
    /// Tokens that were given back.
    pub(crate) given_back: Vec<String>,
    /// Changes of the metadata.
    pub(crate) metadata: Value,
    /// Changes of the claims of an ID token.
    pub(crate) claims: Value,
    pub(crate) with_id_token: bool,
    pub(crate) scopes: Vec<&'static str>,
    /// Users of the administration, by name.
    pub(crate) directory: HashMap<&'static str, Value>,
    pub(crate) admin_tokens: usize,
    /// Whether administration takes the token that it last issued.
    pub(crate) admin_token_is_good: bool,
    pub(crate) may_view: bool,
    key: EncodingKey,
    key_id: String,
    client_key: String,
}

impl FakeProvider {
    pub(crate) async fn start() -> Self {
        Self::start_with("http://127.0.0.1", None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::start_with("https://localhost", Some(acceptor)).await
    }

    async fn start_with(host: &str, tls: Option<TlsAcceptor>) -> Self {
        let client_key = KeyPair::generate().expect("a key");
        let provider = Provider {
            base: String::new(),
            users: HashMap::new(),
            sign_ins: Vec::new(),
            given_back: Vec::new(),
            metadata: json!({}),
            claims: json!({}),
            with_id_token: true,
            scopes: vec!["openid"],
            directory: HashMap::new(),
            admin_tokens: 0,
            admin_token_is_good: true,
            may_view: true,
            key: signing_key(),
            key_id: "first".to_owned(),
            client_key: client_key.public_key_pem(),
        };
        let http = FakeHttp::start(provider, tls).await;
        let base = format!("{host}:{}", http.address().port());
        http.site(|provider| provider.base.clone_from(&base));
        Self { http, base, client_key }
    }

    /// A provider that knows `reader` by this password.
    pub(crate) async fn with_reader(password: &str) -> Self {
        let provider = Self::start().await;
        provider.add("reader", password);
        provider
    }

    pub(crate) fn add(&self, name: &str, password: &str) {
        self.site(|provider| provider.users.insert(name.to_owned(), password.to_owned()));
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}{ISSUER}", self.base)
    }

    pub(crate) fn settings(&self) -> OidcSettings {
        OidcSettings {
            issuer: self.issuer(),
            client_id: CLIENT_ID.to_owned(),
            client: OidcClient::SecretInHead(ServiceSecret::new(SECRET.to_owned())),
            scope: "openid".to_owned(),
            flavour: OidcFlavour::Keycloak,
            check_id_token: false,
            admin: None,
            ca_file: None,
        }
    }

    /// The proof by a private key.
    pub(crate) fn client_key(&self) -> OidcClient {
        OidcClient::PrivateKey { key: ServiceSecret::new(self.client_key.serialize_pem()), key_id: None }
    }

    pub(crate) fn trusting(&self, ca_file: &Path) -> OidcSettings {
        OidcSettings { ca_file: Some(ca_file.to_owned()), ..self.settings() }
    }

    pub(crate) fn site<T>(&self, look: impl FnOnce(&mut Provider) -> T) -> T {
        self.http.site(look)
    }

    pub(crate) fn fault(&self, path_end: &'static str, fault: Fault) {
        self.http.fault(path_end, fault);
    }

    pub(crate) fn requests(&self, path_end: &str) -> usize {
        self.http.requests(path_end)
    }
}

fn signing_key() -> EncodingKey {
    let pair = KeyPair::generate().expect("a key");
    EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a key")
}

fn json_reply(status: &str, body: &Value) -> String {
    reply(status, "application/json", &body.to_string())
}

fn error(status: &str, code: &str, text: &str) -> String {
    json_reply(status, &json!({ "error": code, "error_description": text }))
}

fn change(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().expect("an object") {
        value[name] = change.clone();
    }
    value
}

impl Site for Provider {
    fn answer(&mut self, request: &Request) -> String {
        let path = request.path.as_str();
        assert!(!request.query.contains("planted"), "a secret stands in an address");
        match (request.method.as_str(), path.strip_prefix(ISSUER)) {
            ("GET", Some(METADATA)) => self.metadata(),
            ("GET", Some(CERTS)) => self.certs(),
            ("POST", Some(TOKEN)) => self.token(request),
            ("POST", Some(REVOKE)) => {
                let form = form(request);
                self.given_back.push(form["token"].clone());
                reply("200 OK", "text/plain", "")
            }
            ("GET", None) => self.administer(request),
            _ => reply("404 Not Found", "text/html", "<html></html>"),
        }
    }

    fn saw(&mut self, request: &Request) {
        if request.path.ends_with(TOKEN) {
            self.sign_ins.extend(form(request).remove("username"));
        }
    }
}

fn form(request: &Request) -> HashMap<String, String> {
    assert_eq!(request.headers["content-type"], b"application/x-www-form-urlencoded");
    form_urlencoded::parse(&request.body).into_owned().collect()
}

impl Provider {
    /// Signs with another key from now on.
    pub(crate) fn change_key(&mut self, id: &str) {
        (self.key, self.key_id) = (signing_key(), id.to_owned());
    }

    fn metadata(&self) -> String {
        let issuer = format!("{}{ISSUER}", self.base);
        let own = json!({
            "issuer": issuer,
            "token_endpoint": format!("{issuer}{TOKEN}"),
            "jwks_uri": format!("{issuer}{CERTS}"),
            "revocation_endpoint": format!("{issuer}{REVOKE}"),
            "grant_types_supported": ["authorization_code", "password"],
        });
        json_reply("200 OK", &change(own, &self.metadata))
    }

    fn certs(&self) -> String {
        let mut key = Jwk::from_encoding_key(&self.key, Algorithm::ES256).expect("a key");
        key.common.key_id = Some(self.key_id.clone());
        json_reply("200 OK", &json!({ "keys": [key] }))
    }

    /// Who asks, when the proof is right.
    fn client(&self, request: &Request, form: &HashMap<String, String>) -> Option<String> {
        if let Some(value) = request.headers.get("authorization") {
            let pair = STANDARD.decode(value.strip_prefix(b"Basic ")?).ok()?;
            let pair = String::from_utf8(pair).ok()?.replacen(':', "=", 1);
            let (id, secret) = form_urlencoded::parse(pair.as_bytes()).into_owned().next()?;
            return (secret == SECRET).then_some(id);
        }
        let id = form.get("client_id")?;
        if let Some(assertion) = form.get("client_assertion") {
            let key = DecodingKey::from_ec_pem(self.client_key.as_bytes()).expect("a key");
            let mut validation = Validation::new(Algorithm::ES256);
            validation.set_audience(&[format!("{}{ISSUER}{TOKEN}", self.base)]);
            validation.set_issuer(&[id]);
            return decode::<Value>(assertion, &key, &validation).ok().map(|_| id.clone());
        }
        match form.get("client_secret") {
            Some(secret) => (secret == SECRET).then(|| id.clone()),
            None => (id == "public").then(|| id.clone()),
        }
    }

    fn token(&mut self, request: &Request) -> String {
        let form = form(request);
        let Some(client) = self.client(request, &form) else {
            return error("401 Unauthorized", "invalid_client", "Invalid client or Invalid client credentials");
        };
        match form.get("grant_type").map(String::as_str) {
            Some("password") => self.password(&client, &form),
            Some("refresh_token") => error("400 Bad Request", "invalid_grant", "Invalid refresh token"),
            Some("client_credentials") => {
                self.admin_tokens += 1;
                self.admin_token_is_good = true;
                let token = format!("planted-admin-token-{}", self.admin_tokens);
                json_reply("200 OK", &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 }))
            }
            _ => error("400 Bad Request", "unsupported_grant_type", "Unsupported grant_type"),
        }
    }

    fn password(&mut self, client: &str, form: &HashMap<String, String>) -> String {
        let scope = form.get("scope").map(String::as_str).unwrap_or_default();
        if scope.split(' ').any(|scope| !scope.is_empty() && !self.scopes.contains(&scope)) {
            return error("400 Bad Request", "invalid_scope", "Invalid scopes: planted");
        }
        let (Some(name), Some(password)) = (form.get("username"), form.get("password")) else {
            return error("401 Unauthorized", "invalid_request", "Missing parameter: username");
        };
        self.sign_ins.push(name.clone());
        if self.users.get(name) != Some(password) {
            return error("400 Bad Request", "invalid_grant", "Invalid user credentials");
        }
        let number = self.sign_ins.len();
        let mut tokens = json!({
            "access_token": format!("planted-access-{number}"),
            "token_type": "Bearer",
            "refresh_token": format!("planted-refresh-{number}"),
        });
        if self.with_id_token {
            tokens["id_token"] = self.id_token(client, name).into();
        }
        json_reply("200 OK", &tokens)
    }

    fn id_token(&self, client: &str, name: &str) -> String {
        let now = get_current_timestamp();
        let own = json!({
            "iss": format!("{}{ISSUER}", self.base),
            "aud": client,
            "sub": format!("subject of {name}"),
            "preferred_username": name,
            "exp": now + 300,
        });
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, &change(own, &self.claims), &self.key).expect("signed")
    }

    fn administer(&self, request: &Request) -> String {
        let token = format!("Bearer planted-admin-token-{}", self.admin_tokens);
        if !self.admin_token_is_good
            || request.headers.get("authorization").map(Vec::as_slice) != Some(token.as_bytes())
        {
            return json_reply("401 Unauthorized", &json!({ "error": "HTTP 401 Unauthorized" }));
        }
        if !self.may_view {
            return json_reply("403 Forbidden", &json!({ "error": "HTTP 403 Forbidden" }));
        }
        let path = request.path.strip_prefix("/admin/realms/library").expect("the realm's administration");
        let query: HashMap<String, String> = form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
        let found = match path {
            "/users" => {
                let is_meant = |user: &&Value| {
                    ["username", "email"].iter().any(|by| query.get(*by).is_some_and(|text| user[*by] == text.as_str()))
                };
                json!(self.directory.values().filter(is_meant).collect::<Vec<_>>())
            }
            "/users/count" => json!(self.directory.len()),
            _ if path.ends_with("/credentials") => json!([{ "type": "password" }]),
            _ if path.starts_with("/attack-detection/brute-force/users/") => json!({ "disabled": false }),
            _ => return reply("404 Not Found", "application/json", "{}"),
        };
        json_reply("200 OK", &found)
    }
}
