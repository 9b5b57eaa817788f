//! The embedded identity service: accounts in the gateway's own database.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::domain::{Answer, Clock, NoAnswer, Password, Rejection, Timestamp};
use crate::identity::argon::Match;
use crate::identity::{
    Answered, Ask, BoxFuture, HashingError, HashingPool, IdentityError, IdentityService, Lane, Turn,
};
use crate::store::{AccountRecord, AccountTable, StoreError, StoredHash};

/// The embedded identity service.
pub struct Embedded {
    name: String,
    accounts: AccountTable,
    pool: Arc<HashingPool>,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    /// An identity service over a table of accounts.
    pub fn new(name: impl Into<String>, accounts: AccountTable, pool: Arc<HashingPool>, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into(), accounts, pool, clock }
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, IdentityError> {
        let found = timeout_at(ask.deadline, self.accounts.find(ask.credentials.account()))
            .await
            .map_err(|_| store_too_slow())?
            .map_err(|error| store_away(&error))?;
        let turn = Turn { lane: Lane::Accounts, source: ask.source, deadline: ask.deadline };
        let password = ask.credentials.password();
        let stored = found.as_ref().and_then(|record| record.hash.as_ref());
        // Whatever there is to be said about the account, one check is made first, so that all take the same time.
        let checked = self.pool.verify(turn, password, stored).await?;
        let answer = conclude(found.as_ref(), checked, self.clock.now());
        if let (Answer::Accepted | Answer::MustChange, Match::Matched { rehash_needed: true }, Some(record)) =
            (answer, checked, &found)
            && let Some(old) = &record.hash
        {
            self.renew(turn.with_half_the_time(), record, old, password).await;
        }
        Ok(answer)
    }

    /// Puts a hash with today's parameters in the place of an old one. The answer is known already and does not change
    /// when this fails; the next sign-in tries again.
    async fn renew(&self, turn: Turn, record: &AccountRecord, old: &StoredHash, password: &Password) {
        let new = match self.pool.hash_in(turn, password).await {
            Ok(new) => new,
            Err(error) => return warn!(error = %error, "hash.not_renewed"),
        };
        match timeout_at(turn.deadline, self.accounts.replace_hash(&record.account, old, &new)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(error = %error.report(), "hash.not_renewed"),
            Err(_) => warn!(error = "the store did not answer in time", "hash.not_renewed"),
        }
    }
}

impl IdentityService for Embedded {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(async move { self.ask(ask).await.map(Answered::from) })
    }

    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(async move {
            timeout_at(deadline, self.accounts.ping())
                .await
                .map_err(|_| store_too_slow())?
                .map_err(|error| store_away(&error))?;
            Ok(String::from("answers from the store"))
        })
    }
}

/// Locked and without a password are told for any password, as nobody could present a right one; everything else that
/// is wrong with an account only to somebody who knows its password.
fn conclude(found: Option<&AccountRecord>, checked: Match, now: Timestamp) -> Answer {
    let Some(record) = found else {
        return Answer::Rejected(Rejection::UnknownAccount);
    };
    if record.locked {
        return Answer::Rejected(Rejection::Locked);
    }
    if record.hash.is_none() {
        return Answer::Rejected(Rejection::NoPassword);
    }
    match checked {
        Match::Mismatched => Answer::Rejected(Rejection::WrongPassword),
        Match::Matched { .. } if record.disabled => Answer::Rejected(Rejection::Disabled),
        Match::Matched { .. } if record.expires_at.is_some_and(|end| end <= now) => {
            Answer::Rejected(Rejection::Expired)
        }
        Match::Matched { .. } if record.must_change => Answer::MustChange,
        Match::Matched { .. } => Answer::Accepted,
    }
}

fn store_away(error: &StoreError) -> IdentityError {
    IdentityError::unsent(NoAnswer::Unreachable, error.report())
}

fn store_too_slow() -> IdentityError {
    IdentityError::unsent(NoAnswer::TimedOut, "the store did not answer in time")
}

impl From<HashingError> for IdentityError {
    fn from(error: HashingError) -> Self {
        Self::unsent(error.no_answer(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Credentials;
    use crate::identity::Work;
    use crate::identity::fixture::{self, StillClock, flag_of, in_words, later, password, source, table_rows};
    use crate::store::suite::harness::{self, Fresh, account};
    use crate::store::{AccountChange, NewAccountRecord};

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const RIGHT: &str = "correct horse";

    struct Bench {
        fresh: Fresh,
        pool: Arc<HashingPool>,
        service: Embedded,
    }

    impl Bench {
        async fn new() -> Self {
            let fresh = harness::sqlite().await;
            let pool = fixture::pool();
            let clock = StillClock::at(NOW.as_millis());
            let service = Embedded::new("local", fresh.database.accounts(), Arc::clone(&pool), clock);
            Self { fresh, pool, service }
        }

        async fn add(&self, identifier: &str, hash: Option<StoredHash>, changes: &[AccountChange]) {
            self.add_with(identifier, hash, None, changes).await;
        }

        async fn add_with(
            &self,
            identifier: &str,
            hash: Option<StoredHash>,
            expires_at: Option<Timestamp>,
            changes: &[AccountChange],
        ) {
            let table = self.fresh.database.accounts();
            let new = NewAccountRecord { account: account(identifier), hash, must_change: false, expires_at };
            assert!(table.insert(&new, NOW).await.expect("added"));
            for change in changes {
                assert!(table.change(&account(identifier), change, NOW).await.expect("changed"));
            }
        }

        async fn ask(&self, identifier: &str, text: &str) -> Result<Answer, IdentityError> {
            self.ask_until(identifier, text, later()).await
        }

        async fn ask_until(&self, identifier: &str, text: &str, deadline: Instant) -> Result<Answer, IdentityError> {
            let credentials = Credentials::new(account(identifier), password(text)).expect("acceptable");
            let person = credentials.account();
            let ask = Ask { credentials: &credentials, person, source: source(), integration: None, deadline };
            self.service.verify(ask).await.map(|answered| answered.answer)
        }

        async fn stored(&self, identifier: &str) -> Option<StoredHash> {
            let table = self.fresh.database.accounts();
            table.find(&account(identifier)).await.expect("the store answers").expect("it is there").hash
        }

        /// An account in every state, as `add` takes them.
        async fn add_one_in_every_state(&self, hash: &StoredHash) {
            let hash = || Some(hash.clone());
            let must_change = AccountChange::SetPassword { hash: hash().expect("a hash"), must_change: true };
            self.add("plain", hash(), &[]).await;
            self.add("must change", hash(), std::slice::from_ref(&must_change)).await;
            self.add("disabled", hash(), &[AccountChange::Disable]).await;
            self.add("locked", hash(), &[AccountChange::Lock]).await;
            self.add("legacy", None, &[]).await;
            self.add("legacy and locked", None, &[AccountChange::Lock]).await;
            self.add("all at once", hash(), &[AccountChange::Lock, AccountChange::Disable, must_change.clone()]).await;
            self.add_with("ends now", hash(), Some(NOW), &[]).await;
            self.add_with("ends later", hash(), Some(Timestamp::from_millis(1_001)), &[]).await;
            self.add_with("over and must change", hash(), Some(NOW), &[must_change]).await;
            self.add_with("over and disabled", hash(), Some(NOW), &[AccountChange::Disable]).await;
        }
    }

    const ACCEPTED: Answer = Answer::Accepted;
    const WRONG: Answer = Answer::Rejected(Rejection::WrongPassword);
    const LOCKED: Answer = Answer::Rejected(Rejection::Locked);
    const NO_PASSWORD: Answer = Answer::Rejected(Rejection::NoPassword);
    const EXPIRED: Answer = Answer::Rejected(Rejection::Expired);
    const DISABLED: Answer = Answer::Rejected(Rejection::Disabled);
    const UNKNOWN: Answer = Answer::Rejected(Rejection::UnknownAccount);

    /// The account, what the right password gets, what a wrong one gets.
    const STATES: [(&str, Answer, Answer); 12] = [
        ("plain", ACCEPTED, WRONG),
        ("must change", Answer::MustChange, WRONG),
        ("disabled", DISABLED, WRONG),
        ("locked", LOCKED, LOCKED),
        ("legacy", NO_PASSWORD, NO_PASSWORD),
        ("legacy and locked", LOCKED, LOCKED),
        ("all at once", LOCKED, LOCKED),
        ("ends now", EXPIRED, WRONG),
        ("ends later", ACCEPTED, WRONG),
        ("over and must change", EXPIRED, WRONG),
        ("over and disabled", DISABLED, WRONG),
        ("nobody", UNKNOWN, UNKNOWN),
    ];

    #[tokio::test]
    async fn what_is_told_depends_on_the_password() {
        let bench = Bench::new().await;
        let hash = bench.pool.hash(&password(RIGHT)).await.expect("hashed");
        bench.add_one_in_every_state(&hash).await;
        for (identifier, right, wrong) in STATES {
            assert_eq!(bench.ask(identifier, RIGHT).await.expect("an answer"), right, "{identifier}");
            assert_eq!(bench.ask(identifier, "something else").await.expect("an answer"), wrong, "{identifier}");
        }
    }

    #[tokio::test]
    async fn every_row_of_the_table_is_what_the_code_says() {
        let bench = Bench::new().await;
        let hash = bench.pool.hash(&password(RIGHT)).await.expect("hashed");
        bench.add_one_in_every_state(&hash).await;
        let rows = table_rows(include_str!("README.md"));
        assert!(rows.len() >= 14, "{}", rows.len());
        for row in rows {
            let [identifier, presented, verdict, flag] = row[..] else { panic!("{row:?}") };
            let text = if presented == "right" { RIGHT } else { "something else" };
            let said = bench.ask(identifier, text).await;
            assert_eq!(in_words(&said), verdict, "{row:?}");
            assert_eq!(flag_of(said.map_err(|error| error.no_answer)), flag, "{row:?}");
        }
    }

    #[tokio::test]
    async fn every_question_is_the_same_amount_of_work() {
        let bench = Bench::new().await;
        let hash = bench.pool.hash(&password(RIGHT)).await.expect("hashed");
        bench.add_one_in_every_state(&hash).await;
        for (identifier, _, _) in STATES {
            for text in [RIGHT, "something else"] {
                let before = bench.pool.work();
                bench.ask(identifier, text).await.expect("an answer");
                let after = bench.pool.work();
                assert_eq!(after, before.and(Work { hashes: 1, kib_passes: 64 * 2 }), "{identifier}, {text}");
            }
        }
    }

    #[tokio::test]
    async fn refusals_are_the_same_amount_of_work_while_hashes_are_old() {
        let bench = Bench::new().await;
        let hash = fixture::older_pool().hash(&password(RIGHT)).await.expect("hashed");
        bench.add_one_in_every_state(&hash).await;
        for (identifier, right, _) in STATES {
            for text in [RIGHT, "something else"] {
                if text == RIGHT && matches!(right, Answer::Accepted | Answer::MustChange) {
                    continue;
                }
                let before = bench.pool.work().kib_passes;
                bench.ask(identifier, text).await.expect("an answer");
                assert_eq!(bench.pool.work().kib_passes - before, 64 * 2, "{identifier}, {text}");
            }
        }
    }

    #[tokio::test]
    async fn a_spelling_in_another_case_is_the_same_account() {
        let bench = Bench::new().await;
        let hash = bench.pool.hash(&password(RIGHT)).await.expect("hashed");
        bench.add("zoë", Some(hash), &[]).await;
        assert_eq!(bench.ask(" ZOË", RIGHT).await.expect("an answer"), ACCEPTED);
    }

    #[tokio::test]
    async fn an_old_hash_is_renewed_by_an_accepted_sign_in_and_by_nothing_else() {
        let bench = Bench::new().await;
        let old = fixture::older_pool().hash(&password(RIGHT)).await.expect("hashed");
        bench.add_one_in_every_state(&old).await;
        for (identifier, right, _) in STATES.into_iter().filter(|(identifier, _, _)| *identifier != "nobody") {
            let before = bench.stored(identifier).await;
            bench.ask(identifier, "something else").await.expect("an answer");
            assert_eq!(bench.stored(identifier).await, before, "{identifier}");

            bench.ask(identifier, RIGHT).await.expect("an answer");
            let after = bench.stored(identifier).await;
            if matches!(right, Answer::Accepted | Answer::MustChange) {
                let phc = after.as_ref().map_or("", StoredHash::as_str);
                assert!(phc.contains("m=64,t=2,p=1"), "{identifier}: {phc}");
                assert_eq!(bench.ask(identifier, RIGHT).await.expect("an answer"), right, "{identifier}");
                assert_eq!(bench.stored(identifier).await, after, "{identifier} is renewed once");
            } else {
                assert_eq!(after, before, "{identifier}");
            }
        }
    }

    #[tokio::test]
    async fn without_the_store_there_is_no_answer() {
        let bench = Bench::new().await;
        bench.fresh.database.close().await;
        let error = bench.ask("plain", RIGHT).await.expect_err("nobody knows");
        assert_eq!(error.no_answer, NoAnswer::Unreachable);
        assert!(error.detail.starts_with("the database cannot look an account up"), "{}", error.detail);
        assert!(!format!("{error} {error:?}").contains(RIGHT));
    }

    #[tokio::test]
    async fn a_sign_in_is_accepted_though_its_hash_cannot_be_renewed() {
        let bench = Bench::new().await;
        let old = fixture::older_pool().hash(&password(RIGHT)).await.expect("hashed");
        bench.add("plain", Some(old.clone()), &[]).await;
        sqlx::query("CREATE TRIGGER full BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'on purpose'); END")
            .execute(bench.fresh.database.pool())
            .await
            .expect("the store takes no changes any more");
        assert_eq!(bench.ask("plain", RIGHT).await.expect("an answer"), ACCEPTED);
        assert_eq!(bench.stored("plain").await, Some(old));
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_gives_no_answer() {
        let bench = Bench::new().await;
        bench.add("plain", Some(StoredHash::new("{SSHA}c2VjcmV0")), &[]).await;
        let error = bench.ask("plain", RIGHT).await.expect_err("nobody knows");
        assert_eq!(error.no_answer, NoAnswer::Misconfigured);
        assert_eq!(error.detail, "the stored hash is not one of argon2's");
    }

    #[tokio::test]
    async fn nobody_is_asked_after_the_deadline() {
        let bench = Bench::new().await;
        let error = bench.ask_until("plain", RIGHT, Instant::now()).await.expect_err("nobody knows");
        assert_eq!(error.no_answer, NoAnswer::TimedOut);
        assert_eq!(bench.pool.work(), Work::default());
    }
}
