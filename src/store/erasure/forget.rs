//! Erasing one person, in one write: whatever names them goes, and the trail stays whole.

use sqlx::AnyConnection;

use crate::domain::{AccountId, Timestamp};
use crate::store::changes::{self, Change};
use crate::store::database::Write;
use crate::store::engine::Engine;
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::flags::report;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::trail::{self, Entry};
use crate::store::{Database, StoreError, attempt_person, row, usage};

/// What was erased of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The identifiers that were theirs, the one asked for first.
    pub identifiers: Vec<AccountId>,
    /// Flags.
    pub flags: u64,
    /// Notes about them.
    pub notes: u64,
    /// Rows of everything else.
    pub rows: u64,
    /// Whether the database's files still hold a copy, since somebody was reading an older state: the next
    /// checkpoints overwrite it.
    pub lingers: bool,
}

/// Tables with rows that name an account by these two columns.
const ROWS: [&str; 5] = [
    "DELETE FROM account WHERE institution = $1 AND identifier = $2",
    "DELETE FROM habit WHERE institution = $1 AND identifier = $2",
    // An identity service lets anybody in as an integration. One that is registered is no person.
    "DELETE FROM integration_accepted WHERE institution = $1 AND identifier = $2 AND NOT EXISTS \
         (SELECT 1 FROM integration WHERE institution = $1 AND identifier = $2)",
    "DELETE FROM report_alias WHERE institution = $1 AND (identifier = $2 OR alias = $2)",
    "DELETE FROM report_row WHERE institution = $1 AND identifier = $2",
];

pub(crate) async fn forget(
    database: &Database,
    account: &AccountId,
    actor: &str,
    at: Timestamp,
) -> Result<Option<Forgotten>, StoreError> {
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let identifiers = identifiers(&mut write, account).await?;
    let mut erased = Forgotten { identifiers, flags: 0, notes: 0, rows: 0, lingers: false };
    let (mut tallies, mut ends) = (Tallies::default(), Vec::new());
    for account in &erased.identifiers {
        if let Some(flag) = flag_row::of_account(&mut write, account).await? {
            remove_flag(&mut write, &flag).await?;
            tallies.note(Some(&flag), None, at);
            erased.flags += 1;
            ends.push((flag.subject.clone(), Some(flag)));
        }
        for number in subjects(&mut write, account).await? {
            erased.notes += remove_subject(&mut write, &number).await?;
            if ends.iter().all(|(known, _)| *known != number) {
                ends.push((number, None));
            }
        }
        erased.rows += remove_rows(&mut write, account).await?;
    }
    erased.rows += attempt_person::forget(&mut write, &erased.identifiers).await?;
    if erased.rows == 0 && ends.is_empty() {
        return Ok(None);
    }
    if ends.is_empty() {
        ends.push((trail::number()?, None));
    }
    let actor = trail::actor(&mut write, actor).await?;
    for (subject, flag) in &ends {
        end_in_trail(&mut write, subject, flag.as_ref(), &actor, at).await?;
    }
    tallies.save(&mut write).await?;
    changes::append(&mut write, &Change::Everything, at).await?;
    write.commit().await?;
    erased.lingers = empty_log(database).await?;
    Ok(Some(erased))
}

/// The account itself, whoever's identifier it is, and their others. One that another row of the list names as well, or
/// that stands in the list by itself, is not theirs alone and stays.
async fn identifiers(connection: &mut AnyConnection, account: &AccountId) -> Result<Vec<AccountId>, StoreError> {
    let is_listed = report::last_listed(connection, account).await?.is_some();
    let owner = if is_listed { account.clone() } else { report::owner(connection, account).await? };
    let aliases = sqlx::query("SELECT institution, alias FROM report_alias WHERE institution = $1 AND identifier = $2")
        .bind(owner.institution().as_str())
        .bind(owner.identifier())
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::during("look a person's identifiers up"))?;
    let mut all = vec![account.clone()];
    if owner != *account {
        all.push(owner.clone());
    }
    for alias in &aliases {
        let alias = row::account(alias, "alias")?;
        let is_theirs = report::owner(connection, &alias).await? == owner
            && report::last_listed(connection, &alias).await?.is_none();
        if is_theirs && !all.contains(&alias) {
            all.push(alias);
        }
    }
    Ok(all)
}

async fn subjects(connection: &mut AnyConnection, account: &AccountId) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT number FROM subject WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("look an account's number up"))?;
    rows.iter().map(|found| row::text(found, "number")).collect()
}

/// Removes every other row that names the account, but what is counted of its attempts; gives how many there were. Whoever
/// adds a table that names accounts adds it here.
async fn remove_rows(write: &mut Write, account: &AccountId) -> Result<u64, StoreError> {
    let mut rows = changes::forget(write, account).await?;
    rows += usage::forget(write, account).await?;
    let connection: &mut AnyConnection = write;
    for statement in ROWS {
        let done = sqlx::query(statement)
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::during("forget an account"))?;
        rows += done.rows_affected();
    }
    Ok(rows)
}

/// Removes a flag with its evidence.
pub(crate) async fn remove_flag(connection: &mut AnyConnection, flag: &FlagRow) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM flag_source WHERE flag_id = $1",
        "DELETE FROM flag_reason WHERE flag_id = $1",
        "DELETE FROM flag WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(flag.id.as_str())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::during("remove a flag"))?;
    }
    Ok(())
}

/// Removes who a number stands for, and what was written about them; gives how many notes there were.
pub(crate) async fn remove_subject(connection: &mut AnyConnection, number: &str) -> Result<u64, StoreError> {
    let mut rows = 0;
    for statement in ["DELETE FROM subject WHERE number = $1", "DELETE FROM note WHERE subject = $1"] {
        let done = sqlx::query(statement)
            .bind(number)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::during("forget who a number stands for"))?;
        rows = done.rows_affected();
    }
    Ok(rows)
}

async fn end_in_trail(
    connection: &mut AnyConnection,
    subject: &str,
    flag: Option<&FlagRow>,
    actor: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let entry = Entry {
        at,
        subject,
        flag: flag.map_or("", |flag| flag.id.as_str()),
        event: "forget",
        before: flag.map_or("", |flag| flag.life.state.label()),
        after: "",
        reasons: &flag.map(FlagRow::codes).unwrap_or_default(),
        actor,
        note: "",
        assignee: None,
        snoozed_until: None,
    };
    trail::append(connection, &entry).await
}

/// True when a copy of what was removed stays in the log of writes for now.
async fn empty_log(database: &Database) -> Result<bool, StoreError> {
    let failed = || StoreError::during("empty its log of writes");
    let mut connection = database.pool().acquire().await.map_err(failed())?;
    let Some(statement) = Engine::of_connection(&connection).empty_log() else { return Ok(false) };
    let done = sqlx::query(statement).fetch_one(&mut *connection).await.map_err(failed())?;
    row::yes(&done, "busy")
}
