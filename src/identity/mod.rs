//! Who knows whether a password is right: the port, its adapters, the registry of integrations, the hashing pool.

mod adapter_error;
mod alma;
mod argon;
mod connect_time;
mod embedded;
#[cfg(test)]
pub(crate) mod fixture;
mod guard;
mod handover;
mod hashing;
mod hashing_error;
mod http_client;
mod ldap;
mod memory;
mod nobody;
mod oidc;
mod port;
mod rate;
mod registry;
mod registry_answer;
mod service_secret;
mod settings;
mod share;
mod web_address;

pub use adapter_error::AdapterError;
pub use alma::{AlmaService, AlmaSettings, PasswordEncoding};
pub use argon::{Match, Work};
pub use embedded::Embedded;
pub use guard::Guarded;
pub use hashing::{HashingPool, Lane, Turn};
pub use hashing_error::HashingError;
pub use ldap::{DnTemplate, Filter, LdapBind, LdapFind, LdapFlavour, LdapService, LdapSettings, LdapUrl};
pub use nobody::Nobody;
pub use oidc::{OidcAdmin, OidcClient, OidcFlavour, OidcService, OidcSettings};
pub use port::{Answered, Asides, Ask, BoxFuture, IdentityError, IdentityService, SecondLook, Sent};
pub use rate::{Bucket, Rate};
pub use registry::IntegrationRegistry;
pub use registry_answer::RegistryAnswer;
pub use service_secret::ServiceSecret;
pub use settings::{GuardSettings, HashingSettings, IdentityKind, IdentitySettings, source_key};
pub use web_address::keeps_secrets;
