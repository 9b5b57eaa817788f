//! The `oidc` adapter: an OpenID Connect provider that takes passwords (RFC 6749, section 4.3).

mod admin;
mod answer;
mod client;
mod id_token;
mod kept;
mod metadata;
mod oidc_service;
mod provider;
mod settings;
mod token;
mod trial;
mod user;

pub use oidc_service::OidcService;
pub use settings::{OidcAdmin, OidcClient, OidcFlavour, OidcSettings};
