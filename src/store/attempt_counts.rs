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

/// What was counted when it was read, of every person for whom a slot is taken. By default nobody has one.
#[derive(Debug)]
pub struct AttemptCounts {
    people: HashMap<String, AttemptCount>,
    /// Identifiers that are counted under another. Whose they are is not known here by name.
    aliases: HashMap<String, String>,
    /// By which name each person was met first.
    names: HashMap<String, AccountId>,
    most: usize,
    since: Timestamp,
    read: Read,
}

/// How much of it was read.
#[derive(Debug)]
enum Read {
    /// Everything that counts.
    All,
    /// The slots; of the identifiers some may be missing.
    Slots,
    /// The slots of the people before this one.
    Before(String),
}

/// What was counted of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptCount {
    /// The slots that are taken.
    pub slots: Vec<Taken>,
    /// When the person last signed in.
    pub last_success: Option<Timestamp>,
}

impl Default for AttemptCounts {
    fn default() -> Self {
        Self {
            people: HashMap::new(),
            aliases: HashMap::new(),
            names: HashMap::new(),
            most: 0,
            since: Timestamp::from_millis(0),
            read: Read::All,
        }
    }
}

impl AttemptCounts {
    /// Of `most` people at most, and of slots that were taken after `since`; nothing was read yet.
    #[must_use]
    pub fn unread(most: usize, since: Timestamp) -> Self {
        Self { most, since, read: Read::Before(String::new()), ..Self::default() }
    }

    /// The same, to be read afresh.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self::unread(self.most, self.since)
    }

    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// What is counted of the person behind `account`, as far as it was read.
    #[must_use]
    pub fn of(&self, account: &AccountId) -> Option<&AttemptCount> {
        if self.people.is_empty() { None } else { self.people.get(&self.person(account)) }
    }

    /// Whether that is all. Of whom there is nothing may be somebody else whose identifiers were not read.
    #[must_use]
    pub fn knows(&self, account: &AccountId) -> bool {
        let has_slots = |person| self.people.contains_key(person);
        match &self.read {
            Read::All => true,
            Read::Slots => has_slots(&self.person(account)),
            Read::Before(end) => {
                let person = self.person(account);
                person < *end && has_slots(&person)
            }
        }
    }

    /// Under which other name the person behind `account` was met before, if a slot is taken for them.
    pub fn name_before(&mut self, account: &AccountId) -> Option<AccountId> {
        if self.people.is_empty() {
            return None;
        }
        let person = self.person(account);
        if !self.people.contains_key(&person) {
            return None;
        }
        let first = self.names.entry(person).or_insert_with(|| account.clone());
        (first != account).then(|| first.clone())
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
        Self { people: HashMap::from([(subject(account), count)]), ..Self::default() }
    }

    /// As it is when the rest could not be read.
    #[cfg(test)]
    pub(crate) fn cut(self) -> Self {
        Self { read: Read::Slots, ..self }
    }

    #[cfg(test)]
    pub(crate) fn join(&mut self, alias: &AccountId, person: &AccountId) {
        self.aliases.insert(subject(alias), subject(person));
    }
}

/// Reads what is counted into `counts`, where it stays when that fails or is given up.
pub(crate) async fn read_all(database: &Database, counts: &mut AttemptCounts) -> Result<(), StoreError> {
    let mut moment = in_time(database.read("read all attempts")).await?;
    let mut after = Some((String::new(), 0, String::new()));
    while let Some(last) = after {
        after = in_time(read_slots(&mut moment, counts, last)).await?;
    }
    let mut after = Some(String::new());
    while let Some(last) = after {
        after = in_time(read_aliases(&mut moment, counts, last)).await?;
    }
    Ok(())
}

/// Where a page of slots ends: its last slot's subject, time and id.
type End = (String, i64, String);

/// Reads one page of slots; gives where it ends, when another may follow.
async fn read_slots(
    connection: &mut AnyConnection,
    counts: &mut AttemptCounts,
    (subject, at, id): End,
) -> Result<Option<End>, StoreError> {
    let rows = sqlx::query(
        "SELECT slot.subject, slot.id, slot.at, slot.caller, slot.kind, slot.refused, account.last_success \
         FROM attempt_slot slot LEFT JOIN attempt_account account ON account.subject = slot.subject \
         WHERE (slot.subject, slot.at, slot.id) > ($1, $2, $3) AND slot.at > $4 \
         ORDER BY slot.subject, slot.at, slot.id LIMIT $5",
    )
    .bind(subject)
    .bind(at)
    .bind(id)
    .bind(counts.since.as_millis())
    .bind(PAGE)
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("read all attempts"))?;
    let mut end = None;
    for row in &rows {
        let (subject, taken) = (row::text(row, "subject")?, read(row)?);
        // One more may follow of the last one.
        counts.read = Read::Before(subject.clone());
        if counts.people.len() >= counts.most && !counts.people.contains_key(&subject) {
            return Ok(None);
        }
        end = Some((subject.clone(), taken.slot.at.as_millis(), taken.id.0.to_string()));
        let count = counts.people.entry(subject).or_default();
        count.last_success = row::optional_time(row, "last_success")?;
        count.slots.push(taken);
    }
    let end = end.filter(|_| is_full(rows.len()));
    if end.is_none() {
        counts.read = Read::Slots;
    }
    Ok(end)
}

/// Reads one page of the identifiers of people for whom a slot is taken; gives where it ends, when another may follow.
async fn read_aliases(
    connection: &mut AnyConnection,
    counts: &mut AttemptCounts,
    after: String,
) -> Result<Option<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT subject, person FROM attempt_alias WHERE subject > $1 AND EXISTS \
         (SELECT 1 FROM attempt_slot slot WHERE slot.subject = attempt_alias.person AND slot.at > $2) \
         ORDER BY subject LIMIT $3",
    )
    .bind(after)
    .bind(counts.since.as_millis())
    .bind(PAGE)
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("read all attempts"))?;
    let mut end = None;
    for row in &rows {
        let (alias, person) = (row::text(row, "subject")?, row::text(row, "person")?);
        if counts.aliases.len() >= counts.most {
            return Ok(None);
        }
        end = Some(alias.clone());
        if counts.people.contains_key(&person) {
            counts.aliases.insert(alias, person);
        }
    }
    let end = end.filter(|_| is_full(rows.len()));
    if let (None, Read::Slots) = (&end, &counts.read) {
        counts.read = Read::All;
    }
    Ok(end)
}

fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= PAGE)
}
