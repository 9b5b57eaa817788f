//! The trail: what happened to flags, and who did it. Rows are added and never changed; the database itself refuses.
//! A row names nobody: numbers lead to names and notes for as long as those are kept.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{AccountId, Timestamp};
use crate::store::{StoreError, row};

/// The actor of what nobody did: the rules themselves.
pub const GATEWAY: &str = "gateway";

/// One row of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailRecord {
    /// Its number; there is no hole.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened: the name of a move, or `open`, `find`, `clear`, `forget`, `purge`.
    pub event: String,
    /// The flag's state before; empty where there was none.
    pub before: String,
    /// The flag's state after.
    pub after: String,
    /// The codes of its reasons then.
    pub reasons: Vec<String>,
    /// Who did it: [`GATEWAY`], or a name; `None` once that is erased.
    pub actor: Option<String>,
    /// Of an assignment: who looks after it from then on, unless that is erased.
    pub assignee: Option<String>,
    /// Of a snooze: until when.
    pub snoozed_until: Option<Timestamp>,
    /// What they wrote about it, unless it is erased.
    pub note: Option<String>,
}

/// What is added to the trail.
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) subject: &'a str,
    pub(crate) flag: &'a str,
    pub(crate) event: &'a str,
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
    pub(crate) reasons: &'a str,
    /// [`GATEWAY`] or the number of an actor.
    pub(crate) actor: &'a str,
    /// The number of whom it was assigned to.
    pub(crate) assignee: Option<&'a str>,
    pub(crate) snoozed_until: Option<Timestamp>,
    /// The number of a note, or empty.
    pub(crate) note: &'a str,
}

/// Takes the turn to change flags: whoever else wants to, on whatever node, waits until this write ends.
pub(crate) async fn take_turn(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE trail_head SET seq = seq WHERE one = 1")
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("take the turn to change flags"))
}

/// Adds a row.
pub(crate) async fn append(connection: &mut AnyConnection, entry: &Entry<'_>) -> Result<(), StoreError> {
    let failed = || StoreError::during("add to the trail");
    let head = sqlx::query("UPDATE trail_head SET seq = seq + 1 WHERE one = 1 RETURNING seq")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    sqlx::query(
        "INSERT INTO trail (seq, at, subject, flag_id, event, state_before, state_after, reasons, actor, \
         assignee, snoozed_until, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(row::number(&head, "seq")?)
    .bind(entry.at.as_millis())
    .bind(entry.subject)
    .bind(entry.flag)
    .bind(entry.event)
    .bind(entry.before)
    .bind(entry.after)
    .bind(entry.reasons)
    .bind(entry.actor)
    .bind(entry.assignee)
    .bind(entry.snoozed_until.map(Timestamp::as_millis))
    .bind(entry.note)
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed())
}

/// The rows of a flag, oldest first.
pub(crate) async fn of(connection: &mut AnyConnection, flag: &str) -> Result<Vec<TrailRecord>, StoreError> {
    sqlx::query(
        "SELECT trail.*, actor.name AS actor_name, assignee.name AS assignee_name, note.body AS note_body \
         FROM trail LEFT JOIN actor ON actor.number = trail.actor \
         LEFT JOIN actor AS assignee ON assignee.number = trail.assignee LEFT JOIN note ON note.number = trail.note \
         WHERE trail.flag_id = $1 ORDER BY trail.seq",
    )
    .bind(flag)
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("read the trail"))?
    .iter()
    .map(record)
    .collect()
}

fn record(found: &AnyRow) -> Result<TrailRecord, StoreError> {
    let actor = row::text(found, "actor")?;
    let reasons = row::text(found, "reasons")?;
    Ok(TrailRecord {
        seq: row::count(found, "seq")?,
        at: row::time(found, "at")?,
        event: row::text(found, "event")?,
        before: row::text(found, "state_before")?,
        after: row::text(found, "state_after")?,
        reasons: reasons.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
        actor: if actor == GATEWAY { Some(actor) } else { row::optional_text(found, "actor_name")? },
        assignee: row::optional_text(found, "assignee_name")?,
        snoozed_until: row::optional_time(found, "snoozed_until")?,
        note: row::optional_text(found, "note_body")?,
    })
}

/// The random number that stands for an account in the trail; made when it has none.
pub(crate) async fn subject(connection: &mut AnyConnection, account: &AccountId) -> Result<String, StoreError> {
    let failed = || StoreError::during("number an account");
    // The assignment changes nothing: a row that is there already is returned by it.
    let found = sqlx::query(
        "INSERT INTO subject (number, institution, identifier) VALUES ($1, $2, $3) \
         ON CONFLICT (institution, identifier) DO UPDATE SET identifier = excluded.identifier RETURNING number",
    )
    .bind(number()?)
    .bind(account.institution().as_str())
    .bind(account.identifier())
    .fetch_one(connection)
    .await
    .map_err(failed())?;
    row::text(&found, "number")
}

/// The number of somebody who acts; made when they have none.
pub(crate) async fn actor(connection: &mut AnyConnection, name: &str) -> Result<String, StoreError> {
    let found = sqlx::query(
        "INSERT INTO actor (number, name) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING number",
    )
    .bind(number()?)
    .bind(name)
    .fetch_one(connection)
    .await
    .map_err(StoreError::during("number an actor"))?;
    row::text(&found, "number")
}

/// Keeps what somebody wrote about an account, and gives its number; empty where they wrote nothing.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    subject: &str,
    text: Option<&str>,
) -> Result<String, StoreError> {
    let Some(text) = text else { return Ok(String::new()) };
    let number = number()?;
    sqlx::query("INSERT INTO note (number, subject, body) VALUES ($1, $2, $3)")
        .bind(&number)
        .bind(subject)
        .bind(text)
        .execute(connection)
        .await
        .map_err(StoreError::during("keep a note"))?;
    Ok(number)
}

/// Sixteen random hexadecimal digits.
pub(crate) fn number() -> Result<String, StoreError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(StoreError::random)?;
    Ok(format!("{:016x}", u64::from_be_bytes(random)))
}
