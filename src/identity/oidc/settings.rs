//! Settings of the `oidc` adapter.

use std::path::PathBuf;

use crate::identity::ServiceSecret;

/// How an OpenID Connect provider is asked by the password grant (RFC 6749, section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The issuer exactly as the provider writes it; its metadata is found below at `/.well-known/openid-configuration`.
    pub issuer: String,
    /// The gateway's own name at the provider.
    pub client_id: String,
    /// How the gateway proves that name.
    pub client: OidcClient,
    /// Scopes asked for; with `openid` the provider gives an ID token too.
    pub scope: String,
    /// Whose words the provider speaks.
    pub flavour: OidcFlavour,
    /// Whether an ID token must come with a yes, and is checked.
    pub check_id_token: bool,
    /// How accounts are looked up after a refusal (Keycloak only).
    pub admin: Option<OidcAdmin>,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OidcClient {
    /// A signed assertion (`private_key_jwt`, RFC 7523).
    PrivateKey {
        /// The key in PEM: RSA, P-256, P-384 or Ed25519.
        key: ServiceSecret,
        /// Its id at the provider, where it has one.
        key_id: Option<String>,
    },
    /// Not at all: a public client.
    Public,
    /// A shared secret in the form (`client_secret_post`).
    SecretInForm(ServiceSecret),
    /// A shared secret in the head (`client_secret_basic`).
    SecretInHead(ServiceSecret),
}

/// Providers whose words differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OidcFlavour {
    /// Canaille.
    Canaille,
    /// Whoever keeps to RFC 6749.
    Generic,
    /// Keycloak.
    Keycloak,
}

/// A Keycloak client with a service account that may read users (`view-users`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcAdmin {
    /// Its name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: ServiceSecret,
}
