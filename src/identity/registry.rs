//! The gateway's own check of integrations: those registered, held in memory, so that a store that is away stops
//! nobody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::domain::{AccountId, Clock, IntegrationName, Password};
use crate::identity::argon::Match;
use crate::identity::{HashingPool, IdentityError, Lane, RegistryAnswer, Turn};
use crate::store::{Change, IntegrationRecord, IntegrationTable, News, StoreError, StoredHash};

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
                Change::Everything | Change::Integration(_) => true,
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
        // Taken back before the rows are read, so that news which come in meanwhile are not forgotten.
        self.stale.store(false, Ordering::Release);
        let records = self.table.list().await.inspect_err(|_| self.stale.store(true, Ordering::Release))?;
        let entries: Entries = records.into_iter().map(|record| (record.name.account().clone(), record)).collect();
        self.entries.store(Arc::new(entries));
        Ok(())
    }

    /// Whether an integration of this name is registered.
    #[must_use]
    pub fn contains(&self, name: &IntegrationName) -> bool {
        self.entries.load().contains_key(name.account())
    }

    /// An integration's name as it was registered, which its caller may spell in another case.
    #[must_use]
    pub fn registered_name(&self, name: &IntegrationName) -> Option<IntegrationName> {
        self.entries.load().get(name.account()).map(|record| record.name.clone())
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
            self.renew(turn.with_half_the_time(), record, secret).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::identity::Work;
    use crate::identity::fixture::{self, StillClock, later, password, source};
    use crate::store::ChangeFeed;
    use crate::store::suite::harness::{self, Fresh, account, integration};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    struct Bench {
        fresh: Fresh,
        pool: Arc<HashingPool>,
        clock: Arc<StillClock>,
        registry: IntegrationRegistry,
        feed: ChangeFeed,
    }

    impl Bench {
        async fn new() -> Self {
            let fresh = harness::sqlite().await;
            let pool = fixture::pool();
            let clock = StillClock::at(NOW.as_millis());
            let feed = ChangeFeed::start(&fresh.database).await.expect("the feed starts");
            let table = fresh.database.integrations();
            let registry = IntegrationRegistry::load(table, Arc::clone(&pool), Arc::clone(&clock) as Arc<dyn Clock>);
            Self { registry: registry.await.expect("loaded"), fresh, pool, clock, feed }
        }

        fn table(&self) -> IntegrationTable {
            self.fresh.database.integrations()
        }

        async fn add(&mut self, user: &str, secret: &str) {
            let hash = self.pool.hash(&password(secret)).await.expect("hashed");
            assert!(self.table().insert(&integration(user), &hash, NOW).await.expect("registered"));
            self.follow().await.expect("followed");
        }

        async fn rotate(&mut self, user: &str, secret: &str, until: i64) {
            let hash = self.pool.hash(&password(secret)).await.expect("hashed");
            let until = Some(Timestamp::from_millis(until));
            assert!(self.table().rotate(&integration(user), &hash, until, NOW).await.expect("rotated"));
            self.follow().await.expect("followed");
        }

        async fn follow(&mut self) -> Result<(), StoreError> {
            let news = self.feed.poll().await?;
            self.registry.follow(&news).await
        }

        async fn ask(&self, user: &str, secret: &str) -> RegistryAnswer {
            self.ask_any(Some(&integration(user)), secret).await
        }

        async fn ask_any(&self, name: Option<&IntegrationName>, secret: &str) -> RegistryAnswer {
            self.registry.verify(name, &password(secret), source(), later()).await.expect("an answer")
        }

        async fn sql(&self, statement: &'static str) {
            sqlx::query(statement).execute(self.fresh.database.pool()).await.expect(statement);
        }
    }

    #[tokio::test]
    async fn a_registered_integration_is_let_in_with_its_secret_only() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Accepted);
        assert_eq!(bench.ask("DEMO", "right").await, RegistryAnswer::Accepted);
        assert_eq!(bench.ask("demo", "Right").await, RegistryAnswer::WrongSecret);
        assert_eq!(bench.ask("demo", "").await, RegistryAnswer::WrongSecret);
        assert_eq!(bench.ask("other", "right").await, RegistryAnswer::Unknown);
        assert_eq!(bench.ask_any(None, "right").await, RegistryAnswer::Unknown);
        assert!(bench.registry.contains(&integration("Demo")));
        assert!(!bench.registry.contains(&integration("other")));
    }

    #[tokio::test]
    async fn that_it_is_switched_off_is_told_for_the_right_secret_only() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        bench.table().disable(&integration("demo"), NOW).await.expect("switched off");
        bench.follow().await.expect("followed");
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Disabled);
        assert_eq!(bench.ask("demo", "wrong").await, RegistryAnswer::WrongSecret);
    }

    #[tokio::test]
    async fn both_secrets_are_let_in_until_the_overlap_ends() {
        let mut bench = Bench::new().await;
        bench.add("demo", "old").await;
        bench.rotate("demo", "new", 2_000).await;
        for (moment, old) in [
            (1_000, RegistryAnswer::Accepted),
            (1_999, RegistryAnswer::Accepted),
            (2_000, RegistryAnswer::WrongSecret),
            (9_000, RegistryAnswer::WrongSecret),
        ] {
            bench.clock.set(moment);
            assert_eq!(bench.ask("demo", "old").await, old, "{moment}");
            assert_eq!(bench.ask("demo", "new").await, RegistryAnswer::Accepted, "{moment}");
            assert_eq!(bench.ask("demo", "neither").await, RegistryAnswer::WrongSecret, "{moment}");
        }
    }

    #[tokio::test]
    async fn every_refusal_is_the_same_amount_of_work() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        bench.add("off", "right").await;
        bench.add("rotated", "old").await;
        bench.table().disable(&integration("off"), NOW).await.expect("switched off");
        bench.rotate("rotated", "new", 2_000).await;
        for (moment, checks) in [(1_000, 2), (2_000, 1)] {
            bench.clock.set(moment);
            for name in
                [Some("demo"), Some("off"), Some("rotated"), Some("other"), None].map(|name| name.map(integration))
            {
                let before = bench.pool.work();
                bench.ask_any(name.as_ref(), "wrong").await;
                let expected = before.and(Work { hashes: checks, kib_passes: checks * 64 * 2 });
                assert_eq!(bench.pool.work(), expected, "{name:?} at {moment}");
            }
        }
    }

    #[tokio::test]
    async fn a_change_made_elsewhere_is_followed() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        bench.rotate("demo", "new", 0).await;
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::WrongSecret);
        assert_eq!(bench.ask("demo", "new").await, RegistryAnswer::Accepted);
    }

    #[tokio::test]
    async fn news_of_accounts_load_nothing_and_lost_news_load_everything() {
        for news in [News::Lost, News::Changes(vec![Change::Everything])] {
            let mut bench = Bench::new().await;
            bench.add("demo", "right").await;
            bench.sql("DELETE FROM integration").await;
            bench.registry.follow(&News::Changes(vec![Change::Account(account("reader"))])).await.expect("followed");
            assert!(bench.registry.contains(&integration("demo")));
            bench.registry.follow(&news).await.expect("followed");
            assert!(!bench.registry.contains(&integration("demo")), "{news:?}");
        }
    }

    #[tokio::test]
    async fn the_registry_goes_on_as_last_seen_while_the_store_is_away() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        bench.fresh.database.close().await;
        assert!(bench.registry.follow(&News::Lost).await.is_err());
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Accepted);
        assert_eq!(bench.ask("demo", "wrong").await, RegistryAnswer::WrongSecret);
    }

    #[tokio::test]
    async fn a_change_that_could_not_be_loaded_is_loaded_with_the_next_news() {
        let mut bench = Bench::new().await;
        bench.add("demo", "right").await;
        let added = Change::Integration(integration("demo"));
        bench.sql("DELETE FROM integration").await;
        bench.sql("ALTER TABLE integration RENAME TO away").await;
        assert!(bench.registry.follow(&News::Changes(vec![added])).await.is_err());
        assert!(bench.registry.contains(&integration("demo")));
        bench.sql("ALTER TABLE away RENAME TO integration").await;
        bench.registry.follow(&News::Changes(vec![])).await.expect("followed");
        assert!(!bench.registry.contains(&integration("demo")));
    }

    #[tokio::test]
    async fn an_old_hash_is_renewed_here_and_in_the_store() {
        let mut bench = Bench::new().await;
        let old = fixture::older_pool().hash(&password("right")).await.expect("hashed");
        bench.table().insert(&integration("demo"), &old, NOW).await.expect("registered");
        bench.follow().await.expect("followed");

        assert_eq!(bench.ask("demo", "wrong").await, RegistryAnswer::WrongSecret);
        assert_eq!(bench.table().list().await.expect("listed")[0].hash, old);
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Accepted);
        let renewed = bench.table().list().await.expect("listed")[0].hash.clone();
        assert!(renewed.as_str().contains("m=64,t=2,p=1"), "{}", renewed.as_str());

        let before = bench.pool.work().hashes;
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Accepted);
        assert_eq!(bench.pool.work().hashes - before, 1, "the one in memory is new as well");
    }

    #[tokio::test]
    async fn an_integration_is_let_in_though_its_hash_cannot_be_renewed() {
        let mut bench = Bench::new().await;
        let old = fixture::older_pool().hash(&password("right")).await.expect("hashed");
        bench.table().insert(&integration("demo"), &old, NOW).await.expect("registered");
        bench.follow().await.expect("followed");
        bench.fresh.database.close().await;
        assert_eq!(bench.ask("demo", "right").await, RegistryAnswer::Accepted);
    }
}
