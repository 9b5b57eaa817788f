//! Settings of the use case: institutions, the verdict cache, nonces, flags, counters of calls, and how guessing is
//! slowed.

use std::time::Duration;

use crate::domain::{AccountId, IdentifierPattern, Institution};

/// One `[[institution]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstitutionSettings {
    /// Its code, as integrations' names carry it.
    pub code: Institution,
    /// The name of the identity service that knows its accounts.
    pub identity: String,
    /// Other identity services, for identifiers of a certain shape: the first that fits is asked, and no other.
    pub others: Vec<IdentityChoice>,
    /// Accounts that monitoring signs in with: they never flag.
    pub probe_accounts: Vec<AccountId>,
}

impl InstitutionSettings {
    /// The names of all identity services that know accounts of it.
    pub fn identities(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.identity).chain(self.others.iter().map(|choice| &choice.identity)).map(String::as_str)
    }

    /// The name of the identity service that knows an account.
    #[must_use]
    pub fn identity_of(&self, account: &AccountId) -> &str {
        self.others.iter().find(|choice| choice.fits(account)).map_or(&self.identity, |choice| &choice.identity)
    }
}

/// An identity service for the identifiers that fit one of its patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityChoice {
    /// Which identifiers.
    pub identifiers: Vec<IdentifierPattern>,
    /// The name of their identity service.
    pub identity: String,
}

impl IdentityChoice {
    /// Identifiers by which this service is chosen, with `random` in the place of whatever is left open; none of a
    /// pattern where nothing is.
    pub fn examples(&self, random: String) -> impl Iterator<Item = String> {
        self.identifiers.iter().filter_map(move |pattern| pattern.example(&random))
    }

    /// Whether this service, and no other, knows an account.
    #[must_use]
    pub fn fits(&self, account: &AccountId) -> bool {
        self.identifiers.iter().any(|pattern| pattern.fits(account))
    }
}

/// Settings of the lock-out shield that all identity services share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShieldSettings {
    /// Accounts whose attempts are remembered at once.
    pub accounts: usize,
    /// How fast callers may ask.
    pub rates: RateSettings,
    /// How long a sign-in waits for the store before its node counts alone. No file sets it.
    pub store_wait: Duration,
}

impl Default for ShieldSettings {
    fn default() -> Self {
        Self { accounts: 200_000, rates: RateSettings::default(), store_wait: Duration::from_millis(50) }
    }
}

/// The longest that a caller who is too fast is made to wait before anybody is asked.
pub const CALLERS_WAIT: Duration = Duration::from_secs(2);

/// How many questions a second one address and one integration may cause; twice as many may come at once. Recent yes
/// answers and refusals that are remembered cause none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Of one address.
    pub per_source: u32,
    /// Of one integration.
    pub per_integration: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self { per_source: 100, per_integration: 100 }
    }
}

/// Settings of the verdict cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// How long a yes answers without asking again; zero switches the cache off.
    pub ttl: Duration,
    /// Yes answers remembered at once.
    pub entries: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { ttl: Duration::from_mins(1), entries: 10_000 }
    }
}

/// Settings of the checks on a `UsernameToken`'s `Created` and `Nonce`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceSettings {
    /// How old `Created` may be.
    pub age: Duration,
    /// How far in the future `Created` may lie, because clocks differ.
    pub skew: Duration,
    /// Nonces remembered at once; when full, tokens with a nonce are refused.
    pub entries: usize,
}

impl Default for NonceSettings {
    fn default() -> Self {
        Self { age: Duration::from_mins(5), skew: Duration::from_mins(1), entries: 100_000 }
    }
}

/// Settings of the worker that writes flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagSettings {
    /// Verdicts that may wait to be written; beyond that they are counted and dropped, never waited for.
    pub queue: usize,
}

impl Default for FlagSettings {
    fn default() -> Self {
        Self { queue: 10_000 }
    }
}

/// Settings of the counters of who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSettings {
    /// Values of each dimension that have counters of their own, for a day and an integration.
    pub top: usize,
    /// How often counters are written to the store.
    pub write_every: Duration,
    /// Whether accounts are counted by their identifiers.
    pub accounts: bool,
}

impl Default for UsageSettings {
    fn default() -> Self {
        Self { top: 100, write_every: Duration::from_secs(10), accounts: true }
    }
}

/// How wrong passwords of registered integrations are slowed, per source address: they are never locked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowDownSettings {
    /// Wrong passwords from one address that are answered without delay.
    pub free: u32,
    /// What each further one adds to the delay of its answer.
    pub step: Duration,
    /// The longest delay.
    pub longest: Duration,
    /// How long an address must be quiet until it is forgotten.
    pub forget: Duration,
    /// Addresses remembered at once.
    pub sources: usize,
}

impl Default for SlowDownSettings {
    fn default() -> Self {
        Self {
            free: 3,
            step: Duration::from_millis(250),
            longest: Duration::from_secs(2),
            forget: Duration::from_mins(10),
            sources: 10_000,
        }
    }
}
