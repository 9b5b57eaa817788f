//! The `oidc` adapter.

mod settings;

pub use settings::{OidcAdmin, OidcClient, OidcFlavour, OidcSettings};
