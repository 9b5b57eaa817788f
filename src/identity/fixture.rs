//! What the tests of this layer and of those above share: cheap parameters and a clock that stands still.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Answer, Clock, Fact, GuessFacts, History, NoAnswer, Password, SignIn, Timestamp, Verdict, review};
use crate::identity::{HashingPool, HashingSettings, IdentityError};

pub(crate) fn settings() -> HashingSettings {
    HashingSettings { memory_kib: 64, iterations: 2, ..HashingSettings::default() }
}

pub(crate) fn pool() -> Arc<HashingPool> {
    Arc::new(HashingPool::new(&settings()).expect("the parameters are good"))
}

/// A pool whose hashes are cheaper than those of [`pool`], as if made before the parameters were raised.
pub(crate) fn older_pool() -> HashingPool {
    HashingPool::new(&HashingSettings { memory_kib: 16, iterations: 1, ..settings() }).expect("the parameters are good")
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

pub(crate) fn source() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

pub(crate) fn later() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

/// The rows of the table in an adapter's README.
pub(crate) fn table_rows(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.contains("---") && !line.starts_with("| situation"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What was said, in the words of these tables.
pub(crate) fn in_words(said: &Result<Answer, IdentityError>) -> String {
    match said {
        Ok(Answer::Accepted) => "accept".to_owned(),
        Ok(Answer::MustChange) => "accept, must change".to_owned(),
        Ok(Answer::Rejected(why)) => format!("reject: {}", why.label()),
        Err(error) => format!("no answer: {}", error.no_answer.label()),
    }
}

/// The code of the flag that an answer alone gives an account, or `-`.
pub(crate) fn flag_of(said: Result<Answer, NoAnswer>) -> &'static str {
    let fact = Fact::of(SignIn::Account, Verdict::from(said), GuessFacts::default());
    let findings = fact.map(|fact| review(fact, &History::default())).unwrap_or_default();
    findings.first().map_or("-", |finding| finding.reason.code())
}

pub(crate) struct StillClock(AtomicI64);

impl StillClock {
    pub(crate) fn at(millis: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(millis)))
    }

    pub(crate) fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
