//! Reading a row's columns into the types of the domain.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::{AccountId, Institution, IntegrationName, Tally, Timestamp};
use crate::store::{StoreError, StoredHash, UsageValue};

pub(crate) fn text(row: &AnyRow, column: &'static str) -> Result<String, StoreError> {
    row.try_get(column).map_err(|_| StoreError::unreadable(column))
}

pub(crate) fn number(row: &AnyRow, column: &'static str) -> Result<i64, StoreError> {
    row.try_get(column).map_err(|_| StoreError::unreadable(column))
}

pub(crate) fn count(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number(row, column)?).map_err(|_| StoreError::unreadable(column))
}

pub(crate) fn yes(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    Ok(number(row, column)? != 0)
}

pub(crate) fn time(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    number(row, column).map(Timestamp::from_millis)
}

pub(crate) fn optional_time(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    let millis: Option<i64> = row.try_get(column).map_err(|_| StoreError::unreadable(column))?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(crate) fn hash(row: &AnyRow, column: &'static str) -> Result<StoredHash, StoreError> {
    text(row, column).map(StoredHash::new)
}

pub(crate) fn optional_hash(row: &AnyRow, column: &'static str) -> Result<Option<StoredHash>, StoreError> {
    let phc: Option<String> = row.try_get(column).map_err(|_| StoreError::unreadable(column))?;
    Ok(phc.map(StoredHash::new))
}

/// The account in the columns `institution` and the one named.
pub(crate) fn account(row: &AnyRow, column: &'static str) -> Result<AccountId, StoreError> {
    AccountId::parse(&institution(row)?, &text(row, column)?).map_err(|_| StoreError::unreadable(column))
}

/// The institution in the column of that name.
pub(crate) fn institution(row: &AnyRow) -> Result<Institution, StoreError> {
    Institution::parse(&text(row, "institution")?).map_err(|_| StoreError::unreadable("institution"))
}

pub(crate) fn integration(row: &AnyRow, column: &'static str) -> Result<IntegrationName, StoreError> {
    IntegrationName::parse(&text(row, column)?).map_err(|_| StoreError::unreadable(column))
}

pub(crate) fn optional_text(row: &AnyRow, column: &'static str) -> Result<Option<String>, StoreError> {
    row.try_get(column).map_err(|_| StoreError::unreadable(column))
}

/// A count as it is stored.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The counters in the columns `first_at` to `unanswered`.
pub(crate) fn tally(row: &AnyRow) -> Result<Tally, StoreError> {
    Ok(Tally {
        first: time(row, "first_at")?,
        last: time(row, "last_at")?,
        accepted: count(row, "accepted")?,
        refused: count(row, "refused")?,
        unanswered: count(row, "unanswered")?,
    })
}

/// What is counted, in the columns `institution` and `value`.
pub(crate) fn usage_value(row: &AnyRow) -> Result<UsageValue, StoreError> {
    let (institution, value) = (text(row, "institution")?, text(row, "value")?);
    Ok(UsageValue { institution: institution.into_boxed_str(), value: value.into_boxed_str() })
}
