//! Settings that all identity services share, and those of password hashing.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use crate::domain::AttemptRule;
use crate::identity::{AlmaSettings, LdapSettings, OidcSettings};

/// One `[[identity]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The name institutions refer to.
    pub name: String,
    /// Which adapter, with its own settings.
    pub kind: IdentityKind,
    /// The time one question may take.
    pub timeout: Duration,
    /// Failed sign-ins after which the service locks an account; `None` where it never does.
    pub lock_after: Option<NonZeroU32>,
    /// What is allowed of wrong guesses here.
    pub attempts: AttemptRule,
    /// What protects the service from us.
    pub guard: GuardSettings,
}

impl IdentitySettings {
    /// An identity service with every default of its kind. One question has five seconds of the eight that a call has.
    #[must_use]
    pub fn new(name: String, kind: IdentityKind) -> Self {
        let alma = matches!(kind, IdentityKind::Alma(_));
        let guard = GuardSettings {
            requests_per_second: alma.then_some(NonZeroU32::MIN.saturating_add(24)),
            ..GuardSettings::default()
        };
        Self {
            name,
            kind,
            timeout: Duration::from_secs(5),
            lock_after: alma.then_some(NonZeroU32::MIN.saturating_add(14)),
            attempts: AttemptRule::default(),
            guard,
        }
    }
}

/// The adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// The Ex Libris Identity Service, through Alma's REST API.
    Alma(AlmaSettings),
    /// Accounts in the gateway's own database.
    Embedded,
    /// A directory.
    Ldap(LdapSettings),
    /// An OpenID Connect provider.
    Oidc(OidcSettings),
}

/// What protects an identity service from the gateway, all its nodes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// Questions a second; a few may wait. `None` is no limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Questions a UTC day. `None` is no limit.
    pub requests_per_day: Option<NonZeroU64>,
    /// The percentage of a day's questions that one integration may cause.
    pub integration_share: u32,
    /// Outages in a row after which the service is left alone.
    pub outages: u32,
    /// How long it is left alone before a question about nobody tries it again.
    pub probe_after: Duration,
    /// Nodes that share the questions: each asks its part of them.
    pub nodes: u32,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            requests_per_second: None,
            requests_per_day: None,
            integration_share: 50,
            outages: 3,
            probe_after: Duration::from_secs(10),
            nodes: 1,
        }
    }
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
