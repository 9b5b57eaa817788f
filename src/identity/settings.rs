//! Settings of identity services and of password hashing.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// One `[[identity]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The name institutions refer to.
    pub name: String,
    /// Which adapter.
    pub kind: IdentityKind,
    /// The time one question may take.
    pub timeout: Duration,
}

impl IdentitySettings {
    /// An identity service with every default. One question has five seconds of the eight that a call has.
    #[must_use]
    pub fn new(name: String, kind: IdentityKind) -> Self {
        Self { name, kind, timeout: Duration::from_secs(5) }
    }
}

/// The adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// Accounts in the gateway's own database.
    Embedded,
}

/// Parameters of argon2id and of the one pool in which all hashing runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashingSettings {
    /// argon2id memory in KiB.
    pub memory_kib: u32,
    /// argon2id passes.
    pub iterations: u32,
    /// argon2id lanes.
    pub parallelism: u32,
    /// Accounts' checks that run at once; `None` is one per two cores, at least one.
    pub accounts: Option<NonZeroUsize>,
    /// Integrations' checks that run at once; `None` is one per two cores, at least one.
    pub integrations: Option<NonZeroUsize>,
    /// Checks that may wait in each of the two shares.
    pub waiting: usize,
    /// Checks of one source address, running or waiting, in each of the two shares.
    pub per_source: usize,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            parallelism: 1,
            accounts: None,
            integrations: None,
            waiting: 256,
            per_source: 192,
        }
    }
}

/// An address as a hashing pool counts it: IPv6 by its /64, as one client owns that many.
#[must_use]
pub fn source_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            },
            IpAddr::V4,
        ),
    }
}
