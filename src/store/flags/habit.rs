//! What integrations' sign-ins for an account have been like, in the database.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Fact, Habit, IntegrationName, Rejection, Repeats, Timestamp};
use crate::store::flags::gathered::Seen;
use crate::store::{StoreError, row};

/// An acceptance is written down again after this long: it only has to be known that there was one lately.
const REFRESH: Duration = Duration::from_hours(1);

fn key(integration: Option<&IntegrationName>) -> &str {
    integration.map_or("", |name| name.account().identifier())
}

/// What is known; `None` where nothing was ever written down.
pub(crate) async fn of(
    connection: &mut AnyConnection,
    account: &AccountId,
    integration: Option<&IntegrationName>,
) -> Result<Option<Habit>, StoreError> {
    let found = sqlx::query("SELECT * FROM habit WHERE institution = $1 AND identifier = $2 AND integration = $3")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .bind(key(integration))
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look an account's habits up"))?;
    let Some(found) = found else { return Ok(None) };
    let repeats = |count, days| {
        Ok::<_, StoreError>(Repeats { count: row::count(&found, count)?, days: read_days(&row::text(&found, days)?) })
    };
    Ok(Some(Habit {
        accepted: row::optional_time(&found, "accepted_at")?,
        same: repeats("same_count", "same_days")?,
        unacceptable: repeats("unacceptable_count", "unacceptable_days")?,
    }))
}

fn read_days(text: &str) -> Vec<i64> {
    text.split(',').filter_map(|day| day.parse().ok()).collect()
}

fn write_days(days: &[i64]) -> String {
    days.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

/// Whether an acceptance need not be written down: one was lately, and nothing was refused since.
pub(crate) fn is_fresh(habit: Option<&Habit>, at: Timestamp) -> bool {
    habit.is_some_and(|habit| {
        habit.same.count == 0 && habit.accepted.is_some_and(|accepted| at.since(accepted) < REFRESH)
    })
}

/// What is known once a fact is added, or `None` where it is not worth a row: rows are for accounts that are known to
/// exist, so that nobody fills the table with names that they invent.
pub(crate) fn with(known: Option<Habit>, seen: &Seen) -> Option<Habit> {
    match seen.fact {
        Fact::Accepted => {
            let mut habit = known.unwrap_or_default();
            habit.accepted(seen.last);
            Some(habit)
        }
        Fact::Refused(Rejection::WrongPassword | Rejection::Unacceptable, guess) => {
            let Some(repeat) = guess.repeat else { return known };
            if known.is_none() && guess.could_be_set {
                return None;
            }
            let mut habit = known.unwrap_or_default();
            for _ in 1..seen.count.min(64) {
                habit.refused_again(repeat, guess.could_be_set, seen.first);
            }
            habit.refused_again(repeat, guess.could_be_set, seen.last);
            Some(habit)
        }
        Fact::IntegrationAccepted | Fact::IntegrationRefused | Fact::MustChange | Fact::Refused(..) => known,
    }
}

/// Writes down what is known.
pub(crate) async fn save(
    connection: &mut AnyConnection,
    account: &AccountId,
    integration: Option<&IntegrationName>,
    habit: &Habit,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO habit (institution, identifier, integration, accepted_at, same_count, same_days, \
         unacceptable_count, unacceptable_days, touched_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (institution, identifier, integration) DO UPDATE SET accepted_at = excluded.accepted_at, \
         same_count = excluded.same_count, same_days = excluded.same_days, \
         unacceptable_count = excluded.unacceptable_count, unacceptable_days = excluded.unacceptable_days, \
         touched_at = excluded.touched_at",
    )
    .bind(account.institution().as_str())
    .bind(account.identifier())
    .bind(key(integration))
    .bind(habit.accepted.map(Timestamp::as_millis))
    .bind(row::stored(habit.same.count))
    .bind(write_days(&habit.same.days))
    .bind(row::stored(habit.unacceptable.count))
    .bind(write_days(&habit.unacceptable.days))
    .bind(at.as_millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::during("write an account's habits down"))
}
