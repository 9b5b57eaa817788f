//! Reading the counters of who calls: sums over days, and day by day.

use sqlx::any::AnyRow;

use crate::domain::{Day, Dimension, Tally};
use crate::store::usage::ALL;
use crate::store::{StoreError, UsageTable, UsageValue, row};

/// What one integration's calls are in a span of days, by one value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCount {
    /// The integration's name; empty for calls without one.
    pub integration: String,
    /// By what; `None` counts every call once.
    pub dimension: Option<Dimension>,
    /// The value; `None` for the others, and for every call.
    pub value: Option<UsageValue>,
    /// The calls.
    pub tally: Tally,
}

/// What one integration's calls of one operation are on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageDayCount {
    /// The day.
    pub day: Day,
    /// The integration's name; empty for calls without one.
    pub integration: String,
    /// The operation. There are so few that none of them is ever among others.
    pub operation: String,
    /// The calls.
    pub tally: Tally,
}

const SUMS: &str = "SELECT integration, dimension, others, institution, value, MIN(first_at) AS first_at, \
     MAX(last_at) AS last_at, CAST(SUM(accepted) AS BIGINT) AS accepted, CAST(SUM(refused) AS BIGINT) AS refused, \
     CAST(SUM(unanswered) AS BIGINT) AS unanswered FROM usage \
     WHERE day >= $1 AND day <= $2 AND dimension IN ('all', $3, $4, $5) \
     GROUP BY integration, dimension, others, institution, value \
     ORDER BY integration, dimension, others, institution, value";

const DAYS: &str = "SELECT day, integration, value, first_at, last_at, accepted, refused, unanswered FROM usage \
     WHERE day >= $1 AND day <= $2 AND dimension = 'operation' AND others = 0 ORDER BY day, integration, value";

impl UsageTable {
    /// Sums from `first` to `last`, both included: all calls of each integration, and the same by up to three
    /// dimensions.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sums(&self, first: Day, last: Day, by: &[Dimension]) -> Result<Vec<UsageCount>, StoreError> {
        let mut query = sqlx::query(SUMS).bind(first.number()).bind(last.number());
        for place in 0..3 {
            query = query.bind(by.get(place).map_or(ALL, |dimension| dimension.label()));
        }
        let rows = query.fetch_all(self.database.pool()).await.map_err(StoreError::during("read counters of calls"))?;
        rows.iter().map(sum).collect()
    }

    /// Every day with calls from `first` to `last`, by integration and operation.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn days(&self, first: Day, last: Day) -> Result<Vec<UsageDayCount>, StoreError> {
        let query = sqlx::query(DAYS).bind(first.number()).bind(last.number());
        let rows = query.fetch_all(self.database.pool()).await.map_err(StoreError::during("read counters of calls"))?;
        rows.iter()
            .map(|row| {
                Ok(UsageDayCount {
                    day: Day::from_number(row::number(row, "day")?),
                    integration: row::text(row, "integration")?,
                    operation: row::text(row, "value")?,
                    tally: row::tally(row)?,
                })
            })
            .collect()
    }
}

fn sum(row: &AnyRow) -> Result<UsageCount, StoreError> {
    let label = row::text(row, "dimension")?;
    let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.label() == label);
    if dimension.is_none() && label != ALL {
        return Err(StoreError::unreadable("dimension"));
    }
    Ok(UsageCount {
        integration: row::text(row, "integration")?,
        dimension,
        value: if row::yes(row, "others")? { None } else { Some(row::usage_value(row)?) },
        tally: row::tally(row)?,
    })
}
