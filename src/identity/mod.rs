//! Who knows whether a password is right: the port, its adapters, the hashing pool.

mod port;
mod settings;

pub use port::{Ask, BoxFuture, IdentityError, IdentityService};
pub use settings::{HashingSettings, IdentityKind, IdentitySettings, source_key};
