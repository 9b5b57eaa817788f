//! The imported list of accounts that the identity service does not hold: each row opens a flag by itself, and whoever
//! is refused later is found through it, under whatever of its identifiers.

use std::time::Duration;

use sqlx::AnyConnection;

use crate::domain::{AccountId, Fact, Finding, Institution, Reason, Timestamp};
use crate::store::database::Write;
use crate::store::flags::flag_row;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::{habit, record, trail};
use crate::store::{Database, StoreError, row};

/// How far behind a list may be: whoever was let in since is held by the service, whatever it says.
const LAG: Duration = Duration::from_hours(30 * 24);

/// One account of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAccount {
    /// Its primary identifier.
    pub account: AccountId,
    /// Its further identifiers, such as barcodes.
    pub others: Vec<AccountId>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Accounts of the list.
    pub listed: u64,
    /// Of them, those that were in no list before.
    pub new: u64,
    /// Of them, those that the identity service let in lately: the list lags behind, and they are left out.
    pub held: u64,
    /// Flags that were opened.
    pub opened: u64,
    /// Whether this very file was imported before: then nothing was done.
    pub repeated: bool,
}

/// Whose account an identifier is: the one row of the list that names it, or itself. One that several rows name leads
/// to none of them.
pub(crate) async fn owner(connection: &mut AnyConnection, account: &AccountId) -> Result<AccountId, StoreError> {
    let rows =
        sqlx::query("SELECT institution, identifier FROM report_alias WHERE institution = $1 AND alias = $2 LIMIT 2")
            .bind(account.institution().as_str())
            .bind(account.identifier())
            .fetch_all(connection)
            .await
            .map_err(StoreError::during("look an identifier up in the list"))?;
    match &rows[..] {
        [one] => row::account(one, "identifier"),
        _ => Ok(account.clone()),
    }
}

/// Since when an account stands in the list.
pub(crate) async fn listed_since(
    connection: &mut AnyConnection,
    account: &AccountId,
) -> Result<Option<Timestamp>, StoreError> {
    let found = sqlx::query("SELECT first_listed FROM report_row WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look an account up in the list"))?;
    found.as_ref().map(|found| row::time(found, "first_listed")).transpose()
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

/// Imports a list in one write. `digest` stands for the file; `actor` is who imports it.
pub(crate) async fn import(
    database: &Database,
    institution: &Institution,
    listed: &[ListedAccount],
    digest: &str,
    actor: &str,
    at: Timestamp,
) -> Result<Import, StoreError> {
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let mut import = Import { listed: u64::try_from(listed.len()).unwrap_or(u64::MAX), ..Import::default() };
    let first_time = sqlx::query(
        "INSERT INTO report_file (institution, digest, imported_at, listed) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (institution, digest) DO NOTHING",
    )
    .bind(institution.as_str())
    .bind(digest)
    .bind(at.as_millis())
    .bind(row::stored(import.listed))
    .execute(&mut *write)
    .await
    .map_err(StoreError::during("note an import"))?;
    if first_time.rows_affected() == 0 {
        return Ok(Import { repeated: true, ..import });
    }
    let actor = trail::actor(&mut write, actor).await?;
    let mut tallies = Tallies::default();
    for account in listed {
        if habit::was_accepted(&mut write, &account.account, at.before(LAG)).await? {
            import.held += 1;
            continue;
        }
        if import_one(&mut write, account, at).await? {
            import.new += 1;
        }
        if open(&mut write, account, &actor, at, &mut tallies).await? {
            import.opened += 1;
        }
    }
    tallies.save(&mut write).await?;
    write.commit().await?;
    Ok(import)
}

/// Writes one row of the list; true when it is new.
async fn import_one(write: &mut Write, listed: &ListedAccount, at: Timestamp) -> Result<bool, StoreError> {
    let failed = || StoreError::during("import a row of the list");
    let (institution, identifier) = (listed.account.institution().as_str(), listed.account.identifier());
    let is_new = listed_since(write, &listed.account).await?.is_none();
    sqlx::query(
        "INSERT INTO report_row (institution, identifier, first_listed, last_listed) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (institution, identifier) DO UPDATE SET last_listed = excluded.last_listed",
    )
    .bind(institution)
    .bind(identifier)
    .bind(at.as_millis())
    .execute(&mut **write)
    .await
    .map_err(failed())?;
    for alias in listed.others.iter().filter(|alias| **alias != listed.account) {
        sqlx::query(
            "INSERT INTO report_alias (institution, alias, identifier) VALUES ($1, $2, $3) \
             ON CONFLICT (institution, alias, identifier) DO NOTHING",
        )
        .bind(institution)
        .bind(alias.identifier())
        .bind(identifier)
        .execute(&mut **write)
        .await
        .map_err(failed())?;
    }
    Ok(is_new)
}

/// Opens a flag for a row, or notes on a flag that stands that the list has it too. A list lags behind: it brings back
/// no flag that was closed.
async fn open(
    write: &mut Write,
    listed: &ListedAccount,
    actor: &str,
    at: Timestamp,
    tallies: &mut Tallies,
) -> Result<bool, StoreError> {
    let before = flag_row::of_account(write, &listed.account).await?;
    if let Some(flag) = &before {
        let knew = flag.reasons.iter().any(|reason| reason.reason == Reason::Reported);
        if knew || !flag.life.state.is_active() {
            return Ok(false);
        }
    }
    let is_new = before.is_none();
    let mut flag = match before.clone() {
        Some(flag) => flag,
        None => record::begin(write, &listed.account, at).await?,
    };
    flag.find(Finding::LISTED, None, (at, at), 1);
    if is_new {
        flag.count = 1;
    }
    flag_row::save(write, &flag).await?;
    record::append(write, before.as_ref(), &flag, if is_new { "open" } else { "find" }, (actor, ""), at).await?;
    tallies.note(before.as_ref(), Some(&flag), at);
    Ok(is_new)
}

/// Whether a fact takes its account off the list.
pub(crate) const fn ends_listing(fact: Fact) -> bool {
    matches!(fact, Fact::Accepted)
}
