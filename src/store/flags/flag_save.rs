//! Writing a flag back. An account that is seen again changes times and counts: no index holds these, so that counting
//! up costs the same however many flags there are.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use crate::domain::{Confidence, IntegrationName, Life, Reason, Severity, Timestamp};
use crate::store::flags::flag_row::{FlagRow, ReasonRecord, rank, sureness};
use crate::store::{StoreError, row};

/// Writes what `after` has and `before` has not, its reasons too; `before` is what the database holds. Whoever saves
/// holds the trail's turn, so that nobody else changed it meanwhile.
pub(crate) async fn save(
    connection: &mut AnyConnection,
    before: Option<&FlagRow>,
    after: &FlagRow,
) -> Result<(), StoreError> {
    let Some(before) = before.filter(|before| place(before) == place(after)) else {
        write(connection, after).await?;
        for reason in &after.reasons {
            write_reason(connection, after, reason).await?;
        }
        return Ok(());
    };
    count_up(connection, after).await?;
    for reason in after.reasons.iter().filter(|reason| !before.reasons.contains(reason)) {
        count_reason_up(connection, after, reason).await?;
    }
    Ok(())
}

/// What leads to a flag, and what lists show of it beside times and counts.
#[derive(PartialEq, Eq)]
struct Place<'a> {
    life: Life,
    assignee: Option<&'a str>,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    severity: Severity,
    confidence: Confidence,
    reasons: Vec<Reason>,
    telling: Vec<Reason>,
}

fn place(flag: &FlagRow) -> Place<'_> {
    Place {
        life: flag.life,
        assignee: flag.assignee.as_deref(),
        opened_at: flag.opened_at,
        closed_at: flag.closed_at,
        severity: flag.severity(),
        confidence: flag.confidence(),
        reasons: flag.reasons.iter().map(|reason| reason.reason).collect(),
        telling: flag.telling().map(|reason| reason.reason).collect(),
    }
}

const COUNT_UP: &str = "UPDATE flag SET first_seen = $2, last_seen = $3, count = $4 WHERE id = $1";

async fn count_up(connection: &mut AnyConnection, flag: &FlagRow) -> Result<(), StoreError> {
    sqlx::query(COUNT_UP)
        .bind(flag.id.as_str())
        .bind(flag.first_seen.as_millis())
        .bind(flag.last_seen.as_millis())
        .bind(row::stored(flag.count))
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("count a flag up"))
}

const COUNT_REASON_UP: &str = "UPDATE flag_reason SET severity = $3, confidence = $4, integration = $5, \
     first_seen = $6, last_seen = $7, count = $8, cleared_at = $9 WHERE flag_id = $1 AND reason = $2";

async fn count_reason_up(
    connection: &mut AnyConnection,
    flag: &FlagRow,
    reason: &ReasonRecord,
) -> Result<(), StoreError> {
    evidence(COUNT_REASON_UP, flag, reason)
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("count a flag's reason up"))
}

const WRITE: &str = "INSERT INTO flag (id, institution, identifier, subject, state, snoozed_until, state_before, \
     assignee, severity, confidence, first_seen, last_seen, count, opened_at, closed_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, snoozed_until = excluded.snoozed_until, \
     state_before = excluded.state_before, assignee = excluded.assignee, severity = excluded.severity, \
     confidence = excluded.confidence, first_seen = excluded.first_seen, last_seen = excluded.last_seen, \
     count = excluded.count, opened_at = excluded.opened_at, closed_at = excluded.closed_at";

async fn write(connection: &mut AnyConnection, flag: &FlagRow) -> Result<(), StoreError> {
    sqlx::query(WRITE)
        .bind(flag.id.as_str())
        .bind(flag.account.institution().as_str())
        .bind(flag.account.identifier())
        .bind(&flag.subject)
        .bind(flag.life.state.label())
        .bind(flag.life.snoozed.map(|(until, _)| until.as_millis()))
        .bind(flag.life.snoozed.map(|(_, before)| before.label()))
        .bind(flag.assignee.as_deref())
        .bind(rank(flag.severity()))
        .bind(sureness(flag.confidence()))
        .bind(flag.first_seen.as_millis())
        .bind(flag.last_seen.as_millis())
        .bind(row::stored(flag.count))
        .bind(flag.opened_at.as_millis())
        .bind(flag.closed_at.map(Timestamp::as_millis))
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("record a flag"))
}

const WRITE_REASON: &str = "INSERT INTO flag_reason (flag_id, reason, severity, confidence, integration, first_seen, \
     last_seen, count, cleared_at, is_telling, flag_institution, flag_identifier, flag_state, \
     flag_severity, flag_opened_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (flag_id, reason) DO UPDATE SET severity = excluded.severity, confidence = excluded.confidence, \
     integration = excluded.integration, first_seen = excluded.first_seen, last_seen = excluded.last_seen, \
     count = excluded.count, cleared_at = excluded.cleared_at, is_telling = excluded.is_telling, \
     flag_identifier = excluded.flag_identifier, flag_state = excluded.flag_state, \
     flag_severity = excluded.flag_severity, flag_opened_at = excluded.flag_opened_at";

async fn write_reason(connection: &mut AnyConnection, flag: &FlagRow, reason: &ReasonRecord) -> Result<(), StoreError> {
    let is_telling = flag.telling().any(|telling| telling.reason == reason.reason);
    evidence(WRITE_REASON, flag, reason)
        .bind(i64::from(is_telling))
        .bind(flag.account.institution().as_str())
        .bind(flag.account.identifier())
        .bind(flag.life.state.label())
        .bind(rank(flag.severity()))
        .bind(flag.opened_at.as_millis())
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("record a flag's reason"))
}

/// A statement whose first nine places are a reason's key and its evidence.
fn evidence<'q>(statement: &'static str, flag: &'q FlagRow, reason: &'q ReasonRecord) -> Query<'q, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(flag.id.as_str())
        .bind(reason.reason.code())
        .bind(rank(reason.severity))
        .bind(sureness(reason.confidence))
        .bind(reason.integration.as_ref().map(IntegrationName::as_str))
        .bind(reason.first_seen.as_millis())
        .bind(reason.last_seen.as_millis())
        .bind(row::stored(reason.count))
        .bind(reason.cleared_at.map(Timestamp::as_millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite::harness;

    #[tokio::test]
    async fn counting_up_writes_no_index() {
        let fresh = harness::sqlite().await;
        let trees = async |statement: &str| {
            let steps = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN {statement}")));
            let steps = steps.fetch_all(fresh.database.pool()).await.expect("a program");
            let opcode = |step| row::text(step, "opcode").expect("an opcode");
            steps.iter().filter(|step| opcode(step) == "OpenWrite").count()
        };
        for statement in [COUNT_UP, COUNT_REASON_UP] {
            assert_eq!(trees(statement).await, 1, "{statement}");
        }
        for statement in [WRITE, WRITE_REASON] {
            assert!(trees(statement).await > 4, "{statement}");
        }
    }
}
