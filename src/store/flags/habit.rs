//! Through which integrations the identity service accepted an account, and when last, in the database.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::domain::{AccountId, IntegrationName, Timestamp};
use crate::store::{StoreError, row};

/// An acceptance is written down again after this long: it only has to be known that there was one lately.
const REFRESH: Duration = Duration::from_hours(1);

fn key(integration: Option<&IntegrationName>) -> &str {
    integration.map_or("", |name| name.account().identifier())
}

/// When an account was last accepted through an integration, an hour exactly.
pub(crate) async fn accepted(
    connection: &mut AnyConnection,
    account: &AccountId,
    integration: Option<&IntegrationName>,
) -> Result<Option<Timestamp>, StoreError> {
    let found =
        sqlx::query("SELECT accepted_at FROM habit WHERE institution = $1 AND identifier = $2 AND integration = $3")
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .bind(key(integration))
            .fetch_optional(connection)
            .await
            .map_err(StoreError::during("look an account's habits up"))?;
    found.as_ref().map(|found| row::time(found, "accepted_at")).transpose()
}

/// When an account was last accepted through an integration, and when through any other, each to an hour exactly.
pub(crate) async fn accepted_here_and_elsewhere(
    connection: &mut AnyConnection,
    account: &AccountId,
    integration: Option<&IntegrationName>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    let found = sqlx::query(
        "SELECT MAX(CASE WHEN integration = $3 THEN accepted_at END) AS here, \
         MAX(CASE WHEN integration <> $3 THEN accepted_at END) AS elsewhere \
         FROM habit WHERE institution = $1 AND identifier = $2",
    )
    .bind(account.institution().as_str())
    .bind(account.identifier())
    .bind(key(integration))
    .fetch_one(connection)
    .await
    .map_err(StoreError::during("look an account's habits up"))?;
    Ok((row::optional_time(&found, "here")?, row::optional_time(&found, "elsewhere")?))
}

/// Whether an acceptance at `at` need not be written down.
pub(crate) fn is_fresh(accepted: Option<Timestamp>, at: Timestamp) -> bool {
    accepted.is_some_and(|accepted| at.since(accepted) < REFRESH)
}

/// Writes down that an account was accepted, unless something later is known.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    account: &AccountId,
    integration: Option<&IntegrationName>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO habit (institution, identifier, integration, accepted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (institution, identifier, integration) DO UPDATE SET accepted_at = excluded.accepted_at \
         WHERE excluded.accepted_at > habit.accepted_at",
    )
    .bind(account.institution().as_str())
    .bind(account.identifier())
    .bind(key(integration))
    .bind(at.as_millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::during("write an account's habits down"))
}
