//! Counters of who calls, by day and integration: adding to them, taking an account out, dropping old days.

use std::pin::Pin;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Day, Dimension, Tally};
use crate::store::database::Write;
use crate::store::usage_known::prove;
use crate::store::usage_merge::{Merged, merge};
use crate::store::usage_rows::RowWriter;
use crate::store::{Database, StoreError, changes};

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
    /// Accounts that may be invented, with calls that are not in the store yet: they are candidates where the store knows
    /// an account of that name, and else others.
    pub unproven: Vec<(UsageValue, Tally)>,
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
    /// Which of the unproven ones are known, and where each went.
    pub proven: Vec<(UsageValue, UsagePlace)>,
    /// Values that lost their row, with what of theirs is among the others now. It was this node that put it there.
    pub evicted: Vec<(UsageValue, Tally)>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageAdded {
    /// Nothing was added: accounts were forgotten since, and it may name some. The number is of the newest forgetting.
    Forgotten(i64),
    /// All of it was added: what became of each ranking, in their order.
    Written(Vec<UsageWritten>),
}

/// An answer of the store that is on its way.
pub type UsageFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where counters are kept.
pub trait UsageStore: Send + Sync {
    /// Adds what was counted, all of it or nothing. `forgotten` is the newest forgetting of accounts that the change
    /// takes account of; zero for none.
    fn add<'a>(&'a self, change: &'a UsageChange, forgotten: i64) -> UsageFuture<'a, UsageAdded>;
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

    /// Moves every row of an account to the others, so that sums stay as they are; how many rows there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, account: &AccountId) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let moved = forget(&mut write, account).await?;
        write.commit().await?;
        Ok(moved)
    }

    /// Drops every day before `first`, each in a write of its own; how many rows there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, first: Day) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let mut write = self.database.write().await?;
            let rows = purge_oldest(&mut write, first).await?;
            write.commit().await?;
            if rows == 0 {
                return Ok(purged);
            }
            purged += rows;
        }
    }
}

impl UsageStore for UsageTable {
    fn add<'a>(&'a self, change: &'a UsageChange, forgotten: i64) -> UsageFuture<'a, UsageAdded> {
        Box::pin(async move {
            let mut write = self.database.write().await?;
            let newest = changes::newest_forgetting(&mut write).await?;
            if newest > forgotten {
                return Ok(UsageAdded::Forgotten(newest));
            }
            let written = add(&mut write, change).await?;
            write.commit().await?;
            Ok(UsageAdded::Written(written))
        })
    }
}

async fn add(write: &mut Write, change: &UsageChange) -> Result<Vec<UsageWritten>, StoreError> {
    // The row of all calls first: nodes that add to one integration's day do it one after the other, so that what is
    // read below stays true until it is written.
    let mut rows = RowWriter { write, day: change.day, integration: &change.integration, dimension: ALL };
    rows.add_to_rest(&change.all).await?;
    let mut written = Vec::with_capacity(change.rankings.len());
    for ranking in &change.rankings {
        let settled;
        let proven = if ranking.unproven.is_empty() {
            ranking
        } else {
            settled = prove(rows.write, ranking).await?;
            &settled
        };
        rows.dimension = ranking.dimension.label();
        let before = rows.read().await?;
        let others_before = before.others;
        let Merged { put, evicted, others, mut places } = merge(before, proven);
        rows.remove(evicted.iter().map(|(value, _)| Some(value))).await?;
        let mut put: Vec<(Option<&UsageValue>, &Tally)> =
            put.iter().map(|(value, tally)| (Some(value), tally)).collect();
        if others.is_none() {
            rows.remove(std::iter::once(None)).await?;
        } else if others != others_before {
            put.push((None, &others));
        }
        rows.put(&put).await?;
        let of_proven = places.split_off(ranking.candidates.len());
        let names = proven.candidates.iter().skip(ranking.candidates.len()).map(|candidate| candidate.value.clone());
        written.push(UsageWritten { places, proven: names.zip(of_proven).collect(), evicted });
    }
    Ok(written)
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

/// Drops the oldest day before `first`, within a write; how many rows it had.
pub(crate) async fn purge_oldest(write: &mut Write, first: Day) -> Result<u64, StoreError> {
    let connection: &mut AnyConnection = write;
    let done = sqlx::query("DELETE FROM usage WHERE day = (SELECT MIN(day) FROM usage WHERE day < $1)")
        .bind(first.number())
        .execute(connection)
        .await
        .map_err(StoreError::during("drop old counters of calls"))?;
    Ok(done.rows_affected())
}
