//! Removing what is older than it is kept, a few rows at a time, so that no write holds the store up. The trail has one
//! row of each purge, with a note that counts what went. Nodes take turns: what one has removed, another does not find.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::{Day, Timestamp};
use crate::store::erasure::forget::{remove_flag, remove_subject};
use crate::store::erasure::retention::RetentionSettings;
use crate::store::flags::flag_row;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::trail::{self, Entry, GATEWAY};
use crate::store::{Database, FlagId, StoreError, row, usage};

/// Rows that one step removes at most, where one statement does.
const STEP: i64 = 500;
/// Flags, or rows of the list, that one step removes at most: each takes some statements.
const FEW: i64 = 50;
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows of the trail.
    pub trail: u64,
    /// Names of those of whom neither the trail nor a flag tells any more.
    pub actors: u64,
    /// Flags that had been closed.
    pub closed_flags: u64,
    /// What integrations' sign-ins for an account had been like.
    pub habits: u64,
    /// Rows of the imported list, further identifiers, and digests of files.
    pub report: u64,
    /// Counters of calls.
    pub usage: u64,
}

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Actors,
    ClosedFlags,
    Habits,
    Report,
    ReportAliases,
    ReportFiles,
    Trail,
    Usage,
}

/// A purge under way.
pub struct Purge {
    database: Database,
    now: Timestamp,
    /// What is still to be looked at, with the moment before which it goes.
    left: Vec<(Part, Timestamp)>,
    purged: Purged,
    /// The number of the note that counts.
    note: Option<String>,
}

impl Purge {
    pub(crate) fn new(database: Database, settings: &RetentionSettings, now: Timestamp) -> Self {
        let parts = [
            // Looked at last: whoever neither the trail nor a flag tells of any more has no name either.
            (Part::Actors, settings.trail),
            (Part::Usage, settings.usage),
            (Part::ReportFiles, settings.report),
            (Part::ReportAliases, settings.report),
            (Part::Report, settings.report),
            (Part::Habits, settings.habits),
            (Part::ClosedFlags, settings.closed_flags),
            (Part::Trail, settings.trail),
        ];
        let left = parts.into_iter().filter_map(|(part, kept)| Some((part, horizon(now, kept?)))).collect();
        Self { database, now, left, purged: Purged::default(), note: None }
    }

    /// Removes some rows, in a write of its own; false when there is nothing left to remove.
    ///
    /// # Errors
    /// When the store fails; what earlier steps removed is gone, and counted.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        while let Some((part, horizon)) = self.left.last().copied() {
            if self.remove(part, horizon).await? {
                return Ok(true);
            }
            self.left.pop();
        }
        Ok(false)
    }

    /// What was removed so far.
    #[must_use]
    pub const fn purged(&self) -> Purged {
        self.purged
    }

    /// Looks first, without a write: on most days there is nothing to remove.
    async fn remove(&mut self, part: Part, horizon: Timestamp) -> Result<bool, StoreError> {
        let found = find(&self.database, part, horizon).await?;
        if found.is_empty() {
            return Ok(false);
        }
        let mut write = self.database.write().await?;
        trail::take_turn(&mut write).await?;
        let mut purged = self.purged;
        match part {
            Part::Actors => purged.actors += actors(&mut write).await?,
            Part::ClosedFlags => purged.closed_flags += closed_flags(&mut write, &found, horizon, self.now).await?,
            Part::Habits => purged.habits += at_once(&mut write, HABITS, horizon).await?,
            Part::Report => purged.report += listed(&mut write, &found, horizon).await?,
            Part::ReportAliases => purged.report += aliases(&mut write, &found).await?,
            Part::ReportFiles => purged.report += at_once(&mut write, REPORT_FILES, horizon).await?,
            Part::Trail => purged.trail += trail_rows(&mut write, horizon, self.now).await?,
            Part::Usage => purged.usage += usage::purge_oldest(&mut write, Day::of(horizon)).await?,
        }
        if purged == self.purged {
            // Another node was quicker.
            return Ok(false);
        }
        let note = account_for(&mut write, self.note.as_deref(), &purged, self.now).await?;
        write.commit().await?;
        (self.purged, self.note) = (purged, Some(note));
        Ok(true)
    }
}

/// The beginning of a day, so that nodes that purge on the same day agree.
fn horizon(now: Timestamp, kept: Duration) -> Timestamp {
    let before = now.before(kept).as_millis();
    Timestamp::from_millis(before - before.rem_euclid(DAY_MILLIS))
}

const HABITS: &str = "DELETE FROM habit WHERE (institution, identifier, integration) IN (SELECT institution, identifier, \
     integration FROM habit WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2)";
const REPORT_FILES: &str = "DELETE FROM report_file WHERE (institution, digest) IN (SELECT institution, digest \
     FROM report_file WHERE imported_at < $1 ORDER BY imported_at LIMIT $2)";
/// Further identifiers lead to somebody for as long as anything is known of them.
const LONELY_ALIASES: &str = "SELECT institution, alias, identifier FROM report_alias AS known WHERE \
     NOT EXISTS (SELECT 1 FROM report_row AS other WHERE other.institution = known.institution \
         AND other.identifier = known.identifier) \
     AND NOT EXISTS (SELECT 1 FROM flag AS other WHERE other.institution = known.institution \
         AND other.identifier = known.identifier) \
     AND NOT EXISTS (SELECT 1 FROM habit AS other WHERE other.institution = known.institution \
         AND other.identifier = known.identifier) \
     LIMIT $1";

/// Those of whom neither the trail nor a flag has the number: looked for in one pass, however many they are.
const IDLE_ACTORS: &str = "SELECT number FROM actor WHERE number NOT IN (SELECT actor FROM trail \
     UNION SELECT assignee FROM trail WHERE assignee IS NOT NULL \
     UNION SELECT assignee FROM flag WHERE assignee IS NOT NULL) LIMIT $1";

async fn find(database: &Database, part: Part, horizon: Timestamp) -> Result<Vec<AnyRow>, StoreError> {
    let (statement, most) = match part {
        Part::Actors => (IDLE_ACTORS, 1),
        Part::ClosedFlags => ("SELECT id FROM flag WHERE closed_at < $1 ORDER BY closed_at LIMIT $2", FEW),
        Part::Habits => ("SELECT integration FROM habit WHERE accepted_at < $1 LIMIT $2", 1),
        Part::Report => ("SELECT institution, identifier FROM report_row WHERE last_listed < $1 LIMIT $2", FEW),
        Part::ReportAliases => (LONELY_ALIASES, FEW),
        Part::ReportFiles => ("SELECT digest FROM report_file WHERE imported_at < $1 LIMIT $2", 1),
        Part::Usage => ("SELECT day FROM usage WHERE day < $1 ORDER BY day LIMIT $2", 1),
        Part::Trail => ("SELECT seq FROM trail WHERE seq = (SELECT MIN(seq) FROM trail) AND at < $1 LIMIT $2", 1),
    };
    let query = sqlx::query(statement);
    let query = match part {
        Part::Actors | Part::ReportAliases => query,
        Part::Usage => query.bind(Day::of(horizon).number()),
        Part::ClosedFlags | Part::Habits | Part::Report | Part::ReportFiles | Part::Trail => {
            query.bind(horizon.as_millis())
        }
    };
    query.bind(most).fetch_all(database.pool()).await.map_err(StoreError::during("look for what is kept no longer"))
}

async fn at_once(
    connection: &mut AnyConnection,
    statement: &'static str,
    horizon: Timestamp,
) -> Result<u64, StoreError> {
    let done = sqlx::query(statement)
        .bind(horizon.as_millis())
        .bind(STEP)
        .execute(connection)
        .await
        .map_err(StoreError::during("remove what is kept no longer"))?;
    Ok(done.rows_affected())
}

async fn actors(connection: &mut AnyConnection) -> Result<u64, StoreError> {
    let done = sqlx::query(AssertSqlSafe(format!("DELETE FROM actor WHERE number IN ({IDLE_ACTORS})")))
        .bind(STEP)
        .execute(connection)
        .await
        .map_err(StoreError::during("remove names that are kept no longer"))?;
    Ok(done.rows_affected())
}

async fn closed_flags(
    connection: &mut AnyConnection,
    found: &[AnyRow],
    horizon: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (mut tallies, mut removed) = (Tallies::default(), 0);
    for found in found {
        let flag = flag_row::of_id(connection, &FlagId::stored(row::text(found, "id")?)).await?;
        // Nobody knows what became of it before this write had its turn.
        let Some(flag) = flag.filter(|flag| flag.closed_at.is_some_and(|closed| closed < horizon)) else { continue };
        remove_flag(connection, &flag).await?;
        remove_subject(connection, &flag.subject).await?;
        tallies.note(Some(&flag), None, now);
        removed += 1;
    }
    tallies.save(connection).await?;
    Ok(removed)
}

async fn listed(connection: &mut AnyConnection, found: &[AnyRow], horizon: Timestamp) -> Result<u64, StoreError> {
    let mut removed = 0;
    for found in found {
        let done =
            sqlx::query("DELETE FROM report_row WHERE institution = $1 AND identifier = $2 AND last_listed < $3")
                .bind(row::text(found, "institution")?)
                .bind(row::text(found, "identifier")?)
                .bind(horizon.as_millis())
                .execute(&mut *connection)
                .await
                .map_err(StoreError::during("remove what is kept no longer"))?;
        removed += done.rows_affected();
    }
    Ok(removed)
}

async fn aliases(connection: &mut AnyConnection, found: &[AnyRow]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for found in found {
        // Nobody knows what is known of them by now.
        let done = sqlx::query(
            "DELETE FROM report_alias WHERE institution = $1 AND alias = $2 AND identifier = $3 \
             AND NOT EXISTS (SELECT 1 FROM report_row WHERE institution = $1 AND identifier = $3) \
             AND NOT EXISTS (SELECT 1 FROM flag WHERE institution = $1 AND identifier = $3) \
             AND NOT EXISTS (SELECT 1 FROM habit WHERE institution = $1 AND identifier = $3)",
        )
        .bind(row::text(found, "institution")?)
        .bind(row::text(found, "alias")?)
        .bind(row::text(found, "identifier")?)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::during("remove what is kept no longer"))?;
        removed += done.rows_affected();
    }
    Ok(removed)
}

/// Removes the oldest rows of the trail, up to the first that is kept: there is never a hole behind the first row.
async fn trail_rows(connection: &mut AnyConnection, horizon: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let failed = || StoreError::during("remove rows of the trail");
    let first = sqlx::query("SELECT COALESCE(MIN(seq), 0) AS seq FROM trail")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    let first = row::number(&first, "seq")?;
    let kept = sqlx::query("SELECT COALESCE(MIN(seq), $2) AS seq FROM trail WHERE seq >= $1 AND seq < $2 AND at >= $3")
        .bind(first)
        .bind(first.saturating_add(STEP))
        .bind(horizon.as_millis())
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    let kept = row::number(&kept, "seq")?;
    if kept <= first {
        return Ok(0);
    }
    let known = sqlx::query("SELECT horizon FROM trail_horizon WHERE horizon = $1")
        .bind(horizon.as_millis())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed())?;
    if known.is_none() {
        sqlx::query("INSERT INTO trail_horizon (horizon, at, actor) VALUES ($1, $2, $3)")
            .bind(horizon.as_millis())
            .bind(now.as_millis())
            .bind(GATEWAY)
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
    }
    // What was written about a row goes with it.
    sqlx::query("DELETE FROM note WHERE number IN (SELECT note FROM trail WHERE seq < $1)")
        .bind(kept)
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    let done = sqlx::query("DELETE FROM trail WHERE seq < $1").bind(kept).execute(connection).await.map_err(failed())?;
    Ok(done.rows_affected())
}

/// Counts what was removed in the note of this purge, whose row is in the trail since its first step.
async fn account_for(
    connection: &mut AnyConnection,
    note: Option<&str>,
    purged: &Purged,
    now: Timestamp,
) -> Result<String, StoreError> {
    let Purged { trail, actors, closed_flags, habits, report, usage } = purged;
    let text = format!(
        "trail {trail}, actors {actors}, closed flags {closed_flags}, habits {habits}, report {report}, usage {usage}"
    );
    if let Some(number) = note {
        sqlx::query("UPDATE note SET body = $2 WHERE number = $1")
            .bind(number)
            .bind(text)
            .execute(connection)
            .await
            .map_err(StoreError::during("account for what was removed"))?;
        return Ok(number.to_owned());
    }
    let note = trail::note(connection, "", Some(&text)).await?;
    let entry = Entry {
        at: now,
        subject: "",
        flag: "",
        event: "purge",
        before: "",
        after: "",
        reasons: "",
        actor: GATEWAY,
        note: &note,
        assignee: None,
        snoozed_until: None,
    };
    trail::append(connection, &entry).await?;
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite::harness;

    /// A trail is long, and others wait for the write in which it is looked through.
    #[tokio::test]
    async fn the_trail_is_not_read_once_for_everybody_who_acts() {
        let fresh = harness::sqlite().await;
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {IDLE_ACTORS}")))
            .bind(STEP)
            .fetch_all(fresh.database.pool())
            .await
            .expect("a plan");
        let steps: Vec<String> = plan.iter().map(|step| row::text(step, "detail").expect("a step")).collect();
        assert!(steps.iter().all(|step| !step.contains("CORRELATED")), "{steps:?}");
    }
}
