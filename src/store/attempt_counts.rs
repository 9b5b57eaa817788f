//! What is counted of all accounts at once, as a node reads it when it starts.

use std::collections::HashMap;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Timestamp};
use crate::store::attempt_person::subject;
use crate::store::attempt_table::read;
use crate::store::attempts::Taken;
use crate::store::patience::in_time;
use crate::store::{Database, StoreError, row};

/// Rows that one statement reads.
const PAGE: i64 = 5_000;

/// What was counted when it was read, of every person for whom a slot is taken. Accounts are not known by name here.
#[derive(Debug, Default)]
pub struct AttemptCounts {
    people: HashMap<String, AttemptCount>,
    /// Identifiers that are counted under another.
    aliases: HashMap<String, String>,
}

/// What was counted of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptCount {
    /// The slots that are taken.
    pub slots: Vec<Taken>,
    /// When the person last signed in.
    pub last_success: Option<Timestamp>,
}

impl AttemptCounts {
    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// What is counted of the person behind `account`.
    #[must_use]
    pub fn of(&self, account: &AccountId) -> Option<&AttemptCount> {
        if self.people.is_empty() { None } else { self.people.get(&self.person(account)) }
    }

    /// Forgets what is counted of the person behind `account`.
    pub fn forget(&mut self, account: &AccountId) {
        self.people.remove(&self.person(account));
    }

    fn person(&self, account: &AccountId) -> String {
        let subject = subject(account);
        self.aliases.get(&subject).cloned().unwrap_or(subject)
    }

    #[cfg(test)]
    pub(crate) fn of_one(account: &AccountId, slots: Vec<Taken>) -> Self {
        let count = AttemptCount { slots, last_success: None };
        Self { people: HashMap::from([(subject(account), count)]), aliases: HashMap::new() }
    }
}

/// Reads what is counted, of `most` people at most.
pub(crate) async fn read_all(database: &Database, most: usize) -> Result<AttemptCounts, StoreError> {
    let mut counts = AttemptCounts::default();
    let mut moment = in_time(database.read("read all attempts")).await?;
    let mut after = Some((String::new(), 0, String::new()));
    while let Some(last) = after {
        after = in_time(read_slots(&mut moment, &mut counts, last, most)).await?;
    }
    let mut after = Some(String::new());
    while let Some(last) = after {
        after = in_time(read_aliases(&mut moment, &mut counts, last, most)).await?;
    }
    Ok(counts)
}

/// Where a page of slots ends: its last slot's subject, time and id.
type End = (String, i64, String);

/// Reads one page of slots; gives where it ends, when another may follow.
async fn read_slots(
    connection: &mut AnyConnection,
    counts: &mut AttemptCounts,
    (subject, at, id): End,
    most: usize,
) -> Result<Option<End>, StoreError> {
    let rows = sqlx::query(
        "SELECT slot.subject, slot.id, slot.at, slot.caller, slot.kind, slot.refused, account.last_success \
         FROM attempt_slot slot LEFT JOIN attempt_account account ON account.subject = slot.subject \
         WHERE (slot.subject, slot.at, slot.id) > ($1, $2, $3) ORDER BY slot.subject, slot.at, slot.id LIMIT $4",
    )
    .bind(subject)
    .bind(at)
    .bind(id)
    .bind(PAGE)
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("read all attempts"))?;
    let mut end = None;
    for row in &rows {
        let (subject, taken) = (row::text(row, "subject")?, read(row)?);
        if counts.people.len() >= most && !counts.people.contains_key(&subject) {
            return Ok(None);
        }
        end = Some((subject.clone(), taken.slot.at.as_millis(), taken.id.0.to_string()));
        let count = counts.people.entry(subject).or_default();
        count.last_success = row::optional_time(row, "last_success")?;
        count.slots.push(taken);
    }
    Ok(end.filter(|_| is_full(rows.len())))
}

/// Reads one page of the identifiers of people for whom a slot is taken; gives where it ends, when another may follow.
async fn read_aliases(
    connection: &mut AnyConnection,
    counts: &mut AttemptCounts,
    after: String,
    most: usize,
) -> Result<Option<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT subject, person FROM attempt_alias WHERE subject > $1 AND EXISTS \
         (SELECT 1 FROM attempt_slot slot WHERE slot.subject = attempt_alias.person) ORDER BY subject LIMIT $2",
    )
    .bind(after)
    .bind(PAGE)
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("read all attempts"))?;
    let mut end = None;
    for row in &rows {
        let (alias, person) = (row::text(row, "subject")?, row::text(row, "person")?);
        if counts.aliases.len() >= most {
            return Ok(None);
        }
        end = Some(alias.clone());
        if counts.people.contains_key(&person) {
            counts.aliases.insert(alias, person);
        }
    }
    Ok(end.filter(|_| is_full(rows.len())))
}

fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= PAGE)
}
