//! Counters of who calls, by day and integration: adding to them, taking an account out, dropping old days.

use std::pin::Pin;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Day, Dimension, Tally};
use crate::store::database::Write;
use crate::store::usage_merge::{Merged, Rows, merge};
use crate::store::{Database, StoreError, row};

/// The dimension of the rows that count every call once.
pub(crate) const ALL: &str = "all";

/// A value of a dimension, as it is stored: an identifier, an address, a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsageValue {
    /// The institution's code, for accounts; else empty.
    pub institution: Box<str>,
    /// The value itself; empty where a call had none.
    pub value: Box<str>,
}

/// A value that may get a row of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCandidate {
    /// The value.
    pub value: UsageValue,
    /// Calls that are not in the store yet.
    pub fresh: Tally,
    /// Calls that this node wrote among the others, since there was no room.
    pub parked: Tally,
}

/// Everything counted by one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRanking {
    /// By what.
    pub dimension: Dimension,
    /// Values that may get a row of their own.
    pub candidates: Vec<UsageCandidate>,
    /// Calls not in the store yet that belong to the others, come what may.
    pub others: Tally,
    /// How many values have rows of their own.
    pub kept: usize,
}

/// What was counted of a day and an integration since it was last written. The fresh calls of each ranking are as many
/// as those of `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageChange {
    /// The day.
    pub day: Day,
    /// The integration's name; empty for calls without one.
    pub integration: String,
    /// Every call once.
    pub all: Tally,
    /// The same calls by each dimension.
    pub rankings: Vec<UsageRanking>,
}

/// Where a candidate's calls are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsagePlace {
    /// In a row of its own.
    Named,
    /// These, among the others.
    Others(Tally),
}

/// What became of one ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageWritten {
    /// Where each candidate went, in their order.
    pub places: Vec<UsagePlace>,
    /// Values that lost their row, with what of theirs is among the others now. It was this node that put it there.
    pub evicted: Vec<(UsageValue, Tally)>,
}

/// An answer of the store that is on its way.
pub type UsageFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where counters are kept.
pub trait UsageStore: Send + Sync {
    /// Adds what was counted, all of it or nothing; what became of each ranking, in their order.
    fn add<'a>(&'a self, change: &'a UsageChange) -> UsageFuture<'a, Vec<UsageWritten>>;

    /// Moves every row of an account to the others, so that sums stay as they are; how many rows there were.
    fn forget<'a>(&'a self, account: &'a AccountId) -> UsageFuture<'a, u64>;
}

/// The table of counters.
#[derive(Clone)]
pub struct UsageTable {
    pub(crate) database: Database,
}

impl UsageTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Drops every day before `first`; how many rows there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, first: Day) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let purged = purge(&mut write, first).await?;
        write.commit().await?;
        Ok(purged)
    }
}

impl UsageStore for UsageTable {
    fn add<'a>(&'a self, change: &'a UsageChange) -> UsageFuture<'a, Vec<UsageWritten>> {
        Box::pin(async move {
            let mut write = self.database.write().await?;
            let written = add(&mut write, change).await?;
            write.commit().await?;
            Ok(written)
        })
    }

    fn forget<'a>(&'a self, account: &'a AccountId) -> UsageFuture<'a, u64> {
        Box::pin(async move {
            let mut write = self.database.write().await?;
            let moved = forget(&mut write, account).await?;
            write.commit().await?;
            Ok(moved)
        })
    }
}

// There is no scalar MIN that both databases know, hence the CASEs.

const ADD: &str = "INSERT INTO usage (day, integration, dimension, others, institution, value, \
     first_at, last_at, accepted, refused, unanswered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (day, integration, dimension, others, institution, value) DO UPDATE SET \
     first_at = CASE WHEN excluded.first_at < usage.first_at THEN excluded.first_at ELSE usage.first_at END, \
     last_at = CASE WHEN excluded.last_at > usage.last_at THEN excluded.last_at ELSE usage.last_at END, \
     accepted = usage.accepted + excluded.accepted, refused = usage.refused + excluded.refused, \
     unanswered = usage.unanswered + excluded.unanswered";

const PUT: &str = "INSERT INTO usage (day, integration, dimension, others, institution, value, \
     first_at, last_at, accepted, refused, unanswered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (day, integration, dimension, others, institution, value) DO UPDATE SET \
     first_at = excluded.first_at, last_at = excluded.last_at, accepted = excluded.accepted, \
     refused = excluded.refused, unanswered = excluded.unanswered";

const READ: &str = "SELECT others, institution, value, first_at, last_at, accepted, refused, unanswered FROM usage \
     WHERE day = $1 AND integration = $2 AND dimension = $3";

const DROP: &str = "DELETE FROM usage \
     WHERE day = $1 AND integration = $2 AND dimension = $3 AND others = $4 AND institution = $5 AND value = $6";

async fn add(write: &mut Write, change: &UsageChange) -> Result<Vec<UsageWritten>, StoreError> {
    // The row of all calls first: nodes that add to one integration's day do it one after the other, so that what is
    // read below stays true until it is written.
    let whole = Key { change, dimension: ALL, value: None };
    put(write, ADD, &whole, &change.all).await?;
    let mut written = Vec::with_capacity(change.rankings.len());
    for ranking in &change.rankings {
        let dimension = ranking.dimension.label();
        let rows = read(write, change, dimension).await?;
        let others_before = rows.others;
        let Merged { put: changed, evicted, others, places } = merge(rows, ranking);
        for (value, _) in &evicted {
            drop_row(write, &Key { change, dimension, value: Some(value) }).await?;
        }
        for (value, tally) in &changed {
            put(write, PUT, &Key { change, dimension, value: Some(value) }, tally).await?;
        }
        let rest = Key { change, dimension, value: None };
        if others.is_none() {
            drop_row(write, &rest).await?;
        } else if others != others_before {
            put(write, PUT, &rest, &others).await?;
        }
        written.push(UsageWritten { places, evicted });
    }
    Ok(written)
}

/// One row's key; without a value it is that of the others, or of all.
struct Key<'a> {
    change: &'a UsageChange,
    dimension: &'static str,
    value: Option<&'a UsageValue>,
}

impl Key<'_> {
    fn others(&self) -> i64 {
        i64::from(self.value.is_none())
    }

    fn institution(&self) -> &str {
        self.value.map_or("", |value| &value.institution)
    }

    fn value(&self) -> &str {
        self.value.map_or("", |value| &value.value)
    }
}

async fn put(write: &mut Write, statement: &'static str, key: &Key<'_>, tally: &Tally) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(statement)
        .bind(key.change.day.number())
        .bind(&key.change.integration)
        .bind(key.dimension)
        .bind(key.others())
        .bind(key.institution())
        .bind(key.value())
        .bind(tally.first.as_millis())
        .bind(tally.last.as_millis())
        .bind(number(tally.accepted))
        .bind(number(tally.refused))
        .bind(number(tally.unanswered))
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("count calls"))
}

async fn drop_row(write: &mut Write, key: &Key<'_>) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    sqlx::query(DROP)
        .bind(key.change.day.number())
        .bind(&key.change.integration)
        .bind(key.dimension)
        .bind(key.others())
        .bind(key.institution())
        .bind(key.value())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("count calls"))
}

async fn read(write: &mut Write, change: &UsageChange, dimension: &'static str) -> Result<Rows, StoreError> {
    let connection: &mut AnyConnection = write;
    let found = sqlx::query(READ)
        .bind(change.day.number())
        .bind(&change.integration)
        .bind(dimension)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("count calls"))?;
    let mut rows = Rows::default();
    for found in &found {
        let tally = row::tally(found)?;
        if row::yes(found, "others")? {
            rows.others = tally;
        } else {
            rows.named.insert(row::usage_value(found)?, tally);
        }
    }
    Ok(rows)
}

/// Holds up whoever counts on the same rows until this write ends.
const FORGET_LOCK: &str = "UPDATE usage SET accepted = accepted WHERE dimension = 'all' AND EXISTS (SELECT 1 \
     FROM usage AS own WHERE own.dimension = 'account' AND own.others = 0 AND own.institution = $1 AND own.value = $2 \
     AND own.day = usage.day AND own.integration = usage.integration)";

const FORGET_MOVE: &str = "INSERT INTO usage (day, integration, dimension, others, institution, value, \
     first_at, last_at, accepted, refused, unanswered) \
     SELECT day, integration, dimension, 1, '', '', first_at, last_at, accepted, refused, unanswered FROM usage \
     WHERE dimension = 'account' AND others = 0 AND institution = $1 AND value = $2 \
     ON CONFLICT (day, integration, dimension, others, institution, value) DO UPDATE SET \
     first_at = CASE WHEN excluded.first_at < usage.first_at THEN excluded.first_at ELSE usage.first_at END, \
     last_at = CASE WHEN excluded.last_at > usage.last_at THEN excluded.last_at ELSE usage.last_at END, \
     accepted = usage.accepted + excluded.accepted, refused = usage.refused + excluded.refused, \
     unanswered = usage.unanswered + excluded.unanswered";

const FORGET_DROP: &str =
    "DELETE FROM usage WHERE dimension = 'account' AND others = 0 AND institution = $1 AND value = $2";

/// Moves every row of an account to the others, within a write.
pub(crate) async fn forget(write: &mut Write, account: &AccountId) -> Result<u64, StoreError> {
    let mut moved = 0;
    for statement in [FORGET_LOCK, FORGET_MOVE, FORGET_DROP] {
        let connection: &mut AnyConnection = write;
        let done = sqlx::query(statement)
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .execute(connection)
            .await
            .map_err(StoreError::during("forget an account's calls"))?;
        moved = done.rows_affected();
    }
    Ok(moved)
}

/// Drops every day before `first`, within a write.
pub(crate) async fn purge(write: &mut Write, first: Day) -> Result<u64, StoreError> {
    let connection: &mut AnyConnection = write;
    let done = sqlx::query("DELETE FROM usage WHERE day < $1")
        .bind(first.number())
        .execute(connection)
        .await
        .map_err(StoreError::during("drop old counters of calls"))?;
    Ok(done.rows_affected())
}
