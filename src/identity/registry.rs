//! The gateway's own check of integrations: those registered, held in memory, so that a store that is away stops
//! nobody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::domain::{AccountId, Answer, Clock, IntegrationName, Password, Rejection};
use crate::identity::argon::Match;
use crate::identity::{HashingPool, IdentityError, Lane, Turn};
use crate::store::{Change, IntegrationRecord, IntegrationTable, News, StoreError, StoredHash};

/// What the registry says of an integration's sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// It is registered and the secret is right.
    Accepted,
    /// The secret is right, but the integration is switched off.
    Disabled,
    /// No such integration is registered.
    Unknown,
    /// The secret is wrong.
    WrongSecret,
}

impl RegistryAnswer {
    /// The same in the words of identity services.
    #[must_use]
    pub const fn answer(self) -> Answer {
        match self {
            Self::Accepted => Answer::Accepted,
            Self::Disabled => Answer::Rejected(Rejection::Disabled),
            Self::Unknown => Answer::Rejected(Rejection::UnknownAccount),
            Self::WrongSecret => Answer::Rejected(Rejection::WrongPassword),
        }
    }

    /// Whether there is such an integration.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        match self {
            Self::Accepted | Self::Disabled | Self::WrongSecret => true,
            Self::Unknown => false,
        }
    }
}

/// The registered integrations, by their folded account: a caller may spell the name in another case.
type Entries = HashMap<AccountId, IntegrationRecord>;

/// The registry.
pub struct IntegrationRegistry {
    entries: ArcSwap<Entries>,
    stale: AtomicBool,
    table: IntegrationTable,
    pool: Arc<HashingPool>,
    clock: Arc<dyn Clock>,
}

impl IntegrationRegistry {
    /// Loads every registered integration.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(
        table: IntegrationTable,
        pool: Arc<HashingPool>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let registry = Self { entries: ArcSwap::default(), stale: AtomicBool::new(true), table, pool, clock };
        registry.refresh().await?;
        Ok(registry)
    }

    /// Loads again when the news concern an integration, or when the last loading failed; so it is called with all
    /// news, also when there are none.
    ///
    /// # Errors
    /// When the store fails; the registry then goes on as last seen.
    pub async fn follow(&self, news: &News) -> Result<(), StoreError> {
        let concerned = match news {
            News::Changes(changes) => changes.iter().any(|change| match change {
                Change::Integration(_) => true,
                Change::Account(_) | Change::AccountCleared(_) => false,
            }),
            News::Lost => true,
        };
        if concerned {
            self.stale.store(true, Ordering::Release);
        }
        if self.stale.load(Ordering::Acquire) { self.refresh().await } else { Ok(()) }
    }

    /// Loads again.
    ///
    /// # Errors
    /// When the store fails; the registry then goes on as last seen.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.stale.store(true, Ordering::Release);
        let records = self.table.list().await?;
        let entries: Entries = records.into_iter().map(|record| (record.name.account().clone(), record)).collect();
        self.entries.store(Arc::new(entries));
        self.stale.store(false, Ordering::Release);
        Ok(())
    }

    /// Whether an integration of this name is registered.
    #[must_use]
    pub fn contains(&self, name: &IntegrationName) -> bool {
        self.entries.load().contains_key(name.account())
    }

    /// Checks an integration's secret. `None` is a name that no integration can have; it takes as long as any other.
    ///
    /// # Errors
    /// When there is no place in the hashing pool, or no result within the deadline.
    pub async fn verify(
        &self,
        name: Option<&IntegrationName>,
        secret: &Password,
        source: IpAddr,
        deadline: Instant,
    ) -> Result<RegistryAnswer, IdentityError> {
        let turn = Turn { lane: Lane::Integrations, source, deadline };
        let entries = self.entries.load_full();
        let now = self.clock.now();
        let overlapping =
            |record: &&IntegrationRecord| record.previous.as_ref().is_some_and(|previous| now < previous.valid_until);
        let record = name.and_then(|name| entries.get(name.account()));

        let current = self.pool.verify(turn, secret, record.map(|record| &record.hash)).await?;
        let mut matched = current != Match::Mismatched;
        // While any integration has two secrets, every refusal takes two checks, or the time would tell which have.
        if !matched && entries.values().any(|record| overlapping(&record)) {
            let previous = record.filter(overlapping).and_then(|record| record.previous.as_ref());
            let checked = self.pool.verify(turn, secret, previous.map(|previous| &previous.hash)).await?;
            matched = checked != Match::Mismatched;
        }
        let Some(record) = record else {
            return Ok(RegistryAnswer::Unknown);
        };
        if !matched {
            return Ok(RegistryAnswer::WrongSecret);
        }
        if record.disabled {
            return Ok(RegistryAnswer::Disabled);
        }
        if current == (Match::Matched { rehash_needed: true }) {
            self.renew(turn, record, secret).await;
        }
        Ok(RegistryAnswer::Accepted)
    }

    /// Puts a hash with today's parameters in the place of an old one, in the store and then here. The answer is known
    /// already and does not change when this fails; the next check tries again.
    async fn renew(&self, turn: Turn, record: &IntegrationRecord, secret: &Password) {
        match self.replace(turn, record, secret).await {
            Ok(Some(new)) => self.keep(record, &new),
            Ok(None) => {}
            Err(error) => warn!(error = %error, "hash.not_renewed"),
        }
    }

    async fn replace(
        &self,
        turn: Turn,
        record: &IntegrationRecord,
        secret: &Password,
    ) -> Result<Option<StoredHash>, String> {
        let new = self.pool.hash_in(turn, secret).await.map_err(|error| error.to_string())?;
        let replaced = timeout_at(turn.deadline, self.table.replace_hash(&record.name, &record.hash, &new))
            .await
            .map_err(|_| String::from("the store did not answer in time"))?
            .map_err(|error| error.report())?;
        Ok(replaced.then_some(new))
    }

    fn keep(&self, record: &IntegrationRecord, new: &StoredHash) {
        self.entries.rcu(|entries| {
            let mut entries = Entries::clone(entries);
            if let Some(kept) = entries.get_mut(record.name.account())
                && kept.hash == record.hash
            {
                kept.hash = new.clone();
            }
            entries
        });
    }
}
