//! The imported list of accounts that the identity service does not hold: whoever is refused is found through it, under
//! whatever of its identifiers.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Fact, Timestamp};
use crate::store::{StoreError, row};

/// How far behind a list may be: whoever was let in since is held by the service, and whoever closed a flag since knew
/// better, whatever the list says.
pub(crate) const LAG: Duration = Duration::from_hours(30 * 24);

/// Whether a list says something new to those who knew better at `known`.
pub(crate) fn is_newer(listed: Timestamp, known: Option<Timestamp>) -> bool {
    known.is_none_or(|known| known < listed.before(LAG))
}

/// Whose account an identifier is: the one row of the list that names it, or itself. One that several rows name leads
/// to none of them, and one that has a row of its own is its own, whoever else goes by it.
pub(crate) async fn owner(connection: &mut AnyConnection, account: &AccountId) -> Result<AccountId, StoreError> {
    let rows =
        sqlx::query("SELECT institution, identifier FROM report_alias WHERE institution = $1 AND alias = $2 LIMIT 2")
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during("look an identifier up in the list"))?;
    match &rows[..] {
        [one] if last_listed(connection, account).await?.is_none() => row::account(one, "identifier"),
        _ => Ok(account.clone()),
    }
}

/// The further identifiers of an account that a list told.
pub(crate) async fn others(connection: &mut AnyConnection, account: &AccountId) -> Result<Vec<AccountId>, StoreError> {
    let found = sqlx::query("SELECT institution, alias FROM report_alias WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("look an account's identifiers up"))?;
    found.iter().map(|found| row::account(found, "alias")).collect()
}

/// When a list last named an account, while it stands in the list.
pub(crate) async fn last_listed(
    connection: &mut AnyConnection,
    account: &AccountId,
) -> Result<Option<Timestamp>, StoreError> {
    let found = sqlx::query("SELECT last_listed FROM report_row WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look an account up in the list"))?;
    found.as_ref().map(|found| row::time(found, "last_listed")).transpose()
}

/// Takes an account off the list: the identity service let it in, so it is held there.
pub(crate) async fn take_off(connection: &mut AnyConnection, account: &AccountId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM report_row WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("take an account off the list"))
}

/// Whether a fact takes its account off the list.
pub(crate) const fn ends_listing(fact: Fact) -> bool {
    matches!(fact, Fact::Accepted)
}
