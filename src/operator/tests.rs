//! Operators' work from end to end, over a database of its own.

use std::borrow::Cow;
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::domain::{Clock, Fact, GuessFacts, Rejection, Timestamp};
use crate::identity::fixture::{self, StillClock, later, password, source};
use crate::identity::{HashingPool, IntegrationRegistry, Lane, Match, RegistryAnswer, Turn};
use crate::operator::{Accounts, Flags, Integrations, NewAccount, NextSignIn, OperatorError, PasswordRule, Secret};
use crate::store::suite::harness::{self, Fresh, account, integration};
use crate::store::{Change, ChangeFeed, DatabaseUrl, FlagFilter, FlagOrder, FlagStore, Gathered, News, Seen};

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000_000;

struct Bench {
    fresh: Fresh,
    pool: Arc<HashingPool>,
    clock: Arc<StillClock>,
    accounts: Accounts,
    integrations: Integrations,
}

impl Bench {
    async fn new() -> Self {
        let fresh = harness::sqlite().await;
        let pool = fixture::pool();
        let clock = StillClock::at(NOW);
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        Self {
            accounts: Accounts::new(&fresh.database, Arc::clone(&pool), Arc::clone(&shared)),
            integrations: Integrations::new(&fresh.database, Arc::clone(&pool), shared),
            fresh,
            pool,
            clock,
        }
    }

    async fn add(&self, identifier: &str, text: Option<&str>) -> Result<(), OperatorError> {
        let new = NewAccount {
            account: account(identifier),
            password: text.map(password),
            must_change: false,
            expires_at: None,
        };
        self.accounts.add(new).await
    }

    async fn lets_in(&self, user: &str, secret: &str) -> bool {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let registry = IntegrationRegistry::load(self.fresh.database.integrations(), Arc::clone(&self.pool), clock);
        let registry = registry.await.expect("loaded");
        let answer = registry.verify(Some(&integration(user)), &password(secret), source(), later()).await;
        answer.expect("an answer") == RegistryAnswer::Accepted
    }
}

#[tokio::test]
async fn an_account_goes_through_all_its_states() {
    let bench = Bench::new().await;
    bench.add("Zoë", Some("p&<>\"'é€ ")).await.expect("added");
    let zoe = account("zoë");
    bench.accounts.lock(&zoe).await.expect("locked");
    bench.accounts.disable(&zoe).await.expect("disabled");
    bench.clock.set(NOW + 1_500);
    bench.accounts.set_password(&zoe, password("another"), NextSignIn::MustChange).await.expect("set");
    let listed = bench.accounts.list(zoe.institution()).await.expect("listed");
    let expected = json!([{
        "institution": "01DEMO_INST", "account": "zoë", "has_password": true, "must_change": true, "locked": true,
        "disabled": true, "expires": null, "created": "2027-01-15T08:00:00Z", "changed": "2027-01-15T08:00:01.5Z",
    }]);
    assert_eq!(serde_json::to_value(&listed).expect("JSON"), expected);

    bench.accounts.unlock(&zoe).await.expect("unlocked");
    bench.accounts.enable(&zoe).await.expect("enabled");
    bench.accounts.set_password(&zoe, password("a third"), NextSignIn::Free).await.expect("set");
    let listed = bench.accounts.list(zoe.institution()).await.expect("listed");
    assert_eq!((listed[0].locked, listed[0].disabled, listed[0].must_change), (false, false, false));

    let hash = bench.fresh.database.accounts().find(&zoe).await.expect("found").expect("it is there").hash;
    let turn = Turn { lane: Lane::Accounts, source: source(), deadline: later() };
    let found = bench.pool.verify(turn, &password("a third"), hash.as_ref()).await.expect("checked");
    assert_eq!(found, Match::Matched { rehash_needed: false });
}

#[tokio::test]
async fn what_is_there_is_not_added_and_what_is_not_there_is_not_changed() {
    let bench = Bench::new().await;
    bench.add("reader", Some("one")).await.expect("added");
    let error = bench.add("READER", Some("two")).await.expect_err("refused");
    assert_eq!(error.to_string(), "account reader at institution 01DEMO_INST exists already");
    let error = bench.accounts.lock(&account("nobody")).await.expect_err("refused");
    assert_eq!(error.to_string(), "there is no account nobody at institution 01DEMO_INST");

    bench.integrations.add(&integration("demo"), Secret::Given(password("one"))).await.expect("registered");
    let error = bench.integrations.add(&integration("DEMO"), Secret::Generate).await.err().expect("refused");
    assert_eq!(error.to_string(), "integration AlmaSDK-DEMO-institutionCode-01DEMO_INST exists already");
    let missing = integration("nobody");
    for result in [bench.integrations.disable(&missing).await, bench.integrations.enable(&missing).await] {
        assert!(matches!(result, Err(OperatorError::NotFound(_))), "{result:?}");
    }
    let rotated = bench.integrations.rotate(&missing, Secret::Generate, Duration::ZERO).await;
    assert!(matches!(rotated, Err(OperatorError::NotFound(_))));
}

#[tokio::test]
async fn an_unusable_password_is_refused_and_nothing_is_written() {
    let bench = Bench::new().await;
    let error = bench.add("reader", Some("")).await.expect_err("refused");
    assert!(matches!(error, OperatorError::Password(PasswordRule::Empty)), "{error:?}");
    let error = bench.add("reader", Some("a\0b")).await.expect_err("refused");
    assert_eq!(error.to_string(), "the password holds a NUL character");
    assert_eq!(bench.accounts.list(account("reader").institution()).await.expect("listed"), []);

    let error = bench.integrations.add(&integration("demo"), Secret::Given(password(""))).await.err().expect("refused");
    assert!(matches!(error, OperatorError::Password(PasswordRule::Empty)), "{error:?}");
    assert_eq!(bench.integrations.list().await.expect("listed"), []);
}

#[tokio::test]
async fn unlocking_an_account_of_another_service_is_told_to_every_process() {
    let bench = Bench::new().await;
    let mut feed = ChangeFeed::start(&bench.fresh.database).await.expect("the feed starts");
    bench.accounts.clear_attempts(&account("someone")).await.expect("told");
    let news = feed.poll().await.expect("the store answers");
    assert_eq!(news, News::Changes(vec![Change::AccountCleared(account("someone"))]));
}

#[tokio::test]
async fn a_generated_secret_is_given_once_and_lets_in() {
    let bench = Bench::new().await;
    let added = bench.integrations.add(&integration("demo"), Secret::Generate).await.expect("registered");
    let secret = added.expect("it is shown").expose().to_owned();
    assert!(secret.len() >= 24, "{}", secret.len());
    assert!(bench.lets_in("demo", &secret).await);
    let given = bench.integrations.add(&integration("other"), Secret::Given(password("given"))).await;
    assert!(given.expect("registered").is_none(), "what was given is not shown");
    assert!(bench.lets_in("other", "given").await);
}

#[tokio::test]
async fn a_rotation_lets_both_in_for_a_while() {
    let bench = Bench::new().await;
    bench.integrations.add(&integration("demo"), Secret::Given(password("old"))).await.expect("registered");
    let new = Secret::Given(password("new"));
    bench.integrations.rotate(&integration("demo"), new, Duration::from_hours(1)).await.expect("rotated");
    assert!(bench.lets_in("demo", "old").await && bench.lets_in("demo", "new").await);
    let expected = json!([{
        "name": "AlmaSDK-demo-institutionCode-01DEMO_INST", "institution": "01DEMO_INST", "disabled": false,
        "previous_valid_until": "2027-01-15T09:00:00Z", "created": "2027-01-15T08:00:00Z",
        "changed": "2027-01-15T08:00:00Z", "first_accepted": null, "last_accepted": null,
    }]);
    assert_eq!(serde_json::to_value(bench.integrations.list().await.expect("listed")).expect("JSON"), expected);

    bench.clock.set(NOW + 3_600_000);
    assert!(!bench.lets_in("demo", "old").await && bench.lets_in("demo", "new").await);
    assert_eq!(bench.integrations.list().await.expect("listed")[0].previous_valid_until, None);

    let newest = Secret::Given(password("newest"));
    bench.integrations.rotate(&integration("demo"), newest, Duration::ZERO).await.expect("rotated");
    assert!(!bench.lets_in("demo", "new").await && bench.lets_in("demo", "newest").await);
}

#[tokio::test]
async fn flags_are_shown_in_their_public_shape() {
    let bench = Bench::new().await;
    let seen = |fact, at| Seen {
        fact,
        integration: Some(integration("demo")),
        source: Some(IpAddr::from([192, 0, 2, 1])),
        operation: Cow::Borrowed("authenticateUser"),
        first: Timestamp::from_millis(at),
        last: Timestamp::from_millis(at),
        count: 1,
    };
    let no_password = Fact::Refused(Rejection::NoPassword, GuessFacts::default());
    let seen = vec![seen(no_password, NOW), seen(Fact::MustChange, NOW + 60_000)];
    let gathered = [Gathered { account: account("legacy"), seen }];
    let recorded = bench.fresh.database.flags().record(&gathered).await.expect("recorded").remove(0);
    let id = recorded.expect("a flag").flag;
    let flags = Flags::new(&bench.fresh.database, bench.clock.clone());
    let page = flags.page(&FlagFilter::default(), FlagOrder::Severity, None, 10).await.expect("listed");
    assert_eq!((page.next, page.total.as_str()), (None, "1"));
    let expected = json!([{
        "id": id.as_str(), "institution": "01DEMO_INST", "account": "legacy", "state": "open",
        "reasons": ["must-change", "no-password"], "severity": "high", "confidence": "high",
        "first_seen": "2027-01-15T08:00:00Z",
        "last_seen": "2027-01-15T08:01:00Z", "count": 2, "opened_at": "2027-01-15T08:00:00Z",
        "integrations": ["AlmaSDK-demo-institutionCode-01DEMO_INST"], "snoozed_until": null,
    }]);
    assert_eq!(serde_json::to_value(page.flags).expect("JSON"), expected);
}

#[tokio::test]
async fn a_planted_password_is_in_no_file_and_no_error() {
    const PLANTED: &str = "planted-7f3c-password";
    let bench = Bench::new().await;
    bench.add("reader", Some(PLANTED)).await.expect("added");
    let mut errors = vec![bench.add("reader", Some(PLANTED)).await.expect_err("it exists")];
    bench.accounts.set_password(&account("reader"), password(PLANTED), NextSignIn::Free).await.expect("set");
    let nobody = account("nobody");
    errors.push(bench.accounts.set_password(&nobody, password(PLANTED), NextSignIn::Free).await.expect_err("nobody"));
    let demo = integration("demo");
    bench.integrations.add(&demo, Secret::Given(password(PLANTED))).await.expect("registered");
    let again = Secret::Given(password(PLANTED));
    bench.integrations.rotate(&demo, again, Duration::from_hours(1)).await.expect("rotated");
    let generated = bench.integrations.add(&integration("made"), Secret::Generate).await.expect("registered");
    let generated = generated.expect("it is shown");

    let DatabaseUrl::Sqlite(file) = &bench.fresh.url else { panic!("a file can be read") };
    let folder = file.parent().expect("a folder");
    let mut seen_a_hash = false;
    for entry in fs::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("the file is read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PLANTED) && !text.contains(generated.expose()), "{}", path.display());
        seen_a_hash |= text.contains("$argon2id$");
    }
    assert!(seen_a_hash, "the search reads what was written");

    bench.fresh.database.close().await;
    let closed = bench.accounts.set_password(&account("reader"), password(PLANTED), NextSignIn::Free).await;
    errors.push(closed.expect_err("the store is closed"));
    let unusable = password(&format!("{PLANTED}\0"));
    errors.push(bench.accounts.set_password(&account("reader"), unusable, NextSignIn::Free).await.expect_err("a NUL"));
    for error in errors {
        assert!(!format!("{error} {error:?} {error:#?}").contains("planted"), "{error:?}");
    }
}

/// Once somebody is erased, nobody knows any more which other identifiers were theirs.
#[tokio::test]
async fn nobody_is_forgotten_by_half_while_another_process_has_the_file() {
    let bench = Bench::new().await;
    bench.add("reader", Some("a password")).await.expect("added");
    let data = tempfile::tempdir().expect("a folder");
    let lock = fs::File::create(data.path().join("flags-left-over.lock")).expect("a lock");
    lock.lock().expect("it is free");
    let held = bench.accounts.forget(&account("reader"), "mia", data.path()).await;
    assert!(matches!(held.expect_err("it is held"), OperatorError::File { .. }));
    drop(lock);
    bench.accounts.forget(&account("reader"), "mia", data.path()).await.expect("nothing is gone yet");
}
