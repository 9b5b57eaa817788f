//! Who knows whether a password is right: the port, its adapters, the registry of integrations, the hashing pool.

mod argon;
mod embedded;
#[cfg(test)]
pub(crate) mod fixture;
mod hashing;
mod hashing_error;
mod memory;
mod port;
mod registry;
mod registry_answer;
mod settings;
mod share;

pub use argon::{Match, Work};
pub use embedded::Embedded;
pub use hashing::{HashingPool, Lane, Turn};
pub use hashing_error::HashingError;
pub use port::{Ask, BoxFuture, IdentityError, IdentityService};
pub use registry::IntegrationRegistry;
pub use registry_answer::RegistryAnswer;
pub use settings::{HashingSettings, IdentityKind, IdentitySettings, source_key};
