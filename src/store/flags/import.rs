//! Importing the list of accounts that the identity service does not hold: each row opens a flag by itself. All of it is
//! one write, some hundred accounts at a time, so that the store is not kept from others for long.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use crate::domain::{AccountId, Finding, FlagState, Institution, Reason, Timestamp};
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::flags::gathered::FlagId;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::trail::{self, Entry};
use crate::store::flags::{record, report};
use crate::store::{Database, StoreError, places, row};

/// How far behind a list may be: whoever was let in since is held by the service, whatever it says.
const LAG: Duration = Duration::from_hours(30 * 24);
/// Accounts, or identifiers, in one statement: SQLite takes 32,766 values in one, and a flag has 14.
const AT_ONCE: usize = 500;

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

/// The accounts of a list, each once and in order, with their further identifiers.
type List<'a> = BTreeMap<&'a AccountId, BTreeSet<&'a AccountId>>;

/// Imports a list in one write. `digest` stands for the file; `actor` is who imports it; `written` is told how many
/// accounts were gone through.
pub(crate) async fn import(
    database: &Database,
    institution: &Institution,
    listed: &[ListedAccount],
    digest: &str,
    (actor, at): (&str, Timestamp),
    written: &mut (dyn FnMut(u64) + Send),
) -> Result<Import, StoreError> {
    let mut list = List::new();
    for one in listed.iter().filter(|one| one.account.institution() == institution) {
        let others = one.others.iter().filter(|other| **other != one.account && other.institution() == institution);
        list.entry(&one.account).or_default().extend(others);
    }
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let mut import = Import { listed: count(list.len()), ..Import::default() };
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
    // All further identifiers first: only then it is seen which of them lead to one account.
    let aliases: Vec<(&AccountId, &AccountId)> =
        list.iter().flat_map(|(account, others)| others.iter().map(|other| (*account, *other))).collect();
    forget_identifiers(&mut write, institution, &list).await?;
    for some in aliases.chunks(AT_ONCE) {
        note_identifiers(&mut write, institution, some).await?;
    }
    let mut importing =
        Importing { institution, actor: &trail::actor(&mut write, actor).await?, at, tallies: Tallies::default() };
    let accounts: Vec<&AccountId> = list.keys().copied().collect();
    for some in accounts.chunks(AT_ONCE) {
        let held = held(&mut write, institution, some, &list, at.before(LAG)).await?;
        import.held += count(held.len());
        let rest: Vec<&AccountId> = some.iter().copied().filter(|account| !held.contains(account)).collect();
        import.new += importing.note_rows(&mut write, &rest).await?;
        import.opened += importing.flag(&mut write, &rest).await?;
        written(count(some.len()));
    }
    importing.tallies.save(&mut write).await?;
    write.commit().await?;
    Ok(import)
}

/// A newer list knows better which identifiers an account goes by; one that tells none says nothing about them.
async fn forget_identifiers(
    connection: &mut AnyConnection,
    institution: &Institution,
    list: &List<'_>,
) -> Result<(), StoreError> {
    let told: Vec<&AccountId> =
        list.iter().filter(|(_, others)| !others.is_empty()).map(|(account, _)| *account).collect();
    for some in told.chunks(AT_ONCE) {
        let head = "DELETE FROM report_alias WHERE institution = $1 AND identifier";
        let mut query = places::list(head, 2, some.len(), "").bind(institution.as_str());
        for account in some {
            query = query.bind(account.identifier());
        }
        query.execute(&mut *connection).await.map_err(StoreError::during("replace an account's identifiers"))?;
    }
    Ok(())
}

async fn note_identifiers(
    connection: &mut AnyConnection,
    institution: &Institution,
    some: &[(&AccountId, &AccountId)],
) -> Result<(), StoreError> {
    let head = "INSERT INTO report_alias (institution, alias, identifier)";
    let mut query = places::insert(head, some.len(), 3, " ON CONFLICT (institution, alias, identifier) DO NOTHING");
    for (account, other) in some {
        query = query.bind(institution.as_str()).bind(other.identifier()).bind(account.identifier());
    }
    query.execute(connection).await.map(drop).map_err(StoreError::during("note an account's identifiers"))
}

/// Which of `some` accounts the identity service let in since then, under an identifier that leads to them.
async fn held<'a>(
    connection: &mut AnyConnection,
    institution: &Institution,
    some: &[&'a AccountId],
    list: &List<'a>,
    since: Timestamp,
) -> Result<HashSet<&'a AccountId>, StoreError> {
    let mut owners: HashMap<&str, Vec<&'a AccountId>> = HashMap::new();
    for account in some {
        owners.entry(account.identifier()).or_default().push(account);
        for other in list.get(account).into_iter().flatten() {
            owners.entry(other.identifier()).or_default().push(account);
        }
    }
    let identifiers: Vec<&str> = owners.keys().copied().collect();
    let mut held = HashSet::new();
    for some in identifiers.chunks(AT_ONCE) {
        let head = "SELECT DISTINCT identifier FROM habit WHERE institution = $1 AND accepted_at >= $2 AND identifier";
        let mut query = places::list(head, 3, some.len(), "").bind(institution.as_str()).bind(since.as_millis());
        for identifier in some {
            query = query.bind(*identifier);
        }
        let found = query.fetch_all(&mut *connection).await.map_err(StoreError::during("look for accounts let in"))?;
        for found in found {
            let identifier = row::text(&found, "identifier")?;
            for account in owners.get(&*identifier).into_iter().flatten() {
                if account.identifier() == identifier || leads_to(connection, account, &identifier).await? {
                    held.insert(*account);
                }
            }
        }
    }
    Ok(held)
}

async fn leads_to(connection: &mut AnyConnection, account: &AccountId, identifier: &str) -> Result<bool, StoreError> {
    let other =
        AccountId::parse(account.institution(), identifier).map_err(|_| StoreError::unreadable("identifier"))?;
    Ok(report::owner(connection, &other).await? == *account)
}

/// What is the same for every account of one import.
struct Importing<'a> {
    institution: &'a Institution,
    /// The number of who imports.
    actor: &'a str,
    at: Timestamp,
    tallies: Tallies,
}

impl Importing<'_> {
    /// Writes rows of the list; gives how many are new.
    async fn note_rows(&self, connection: &mut AnyConnection, some: &[&AccountId]) -> Result<u64, StoreError> {
        if some.is_empty() {
            return Ok(0);
        }
        let failed = || StoreError::during("import rows of the list");
        let head = "SELECT COUNT(*) AS known FROM report_row WHERE institution = $1 AND identifier";
        let known = self.among(head, some).fetch_one(&mut *connection).await.map_err(failed())?;
        let mut query = places::insert(
            "INSERT INTO report_row (institution, identifier, first_listed, last_listed)",
            some.len(),
            4,
            " ON CONFLICT (institution, identifier) DO UPDATE SET last_listed = excluded.last_listed",
        );
        for account in some {
            let (institution, at) = (self.institution.as_str(), self.at.as_millis());
            query = query.bind(institution).bind(account.identifier()).bind(at).bind(at);
        }
        query.execute(connection).await.map_err(failed())?;
        Ok(count(some.len()).saturating_sub(row::count(&known, "known")?))
    }

    /// Opens a flag for each of `some` accounts, or notes on a flag that stands that the list has it too; gives how many
    /// were opened. A list lags behind: it brings back no flag that was closed.
    async fn flag(&mut self, connection: &mut AnyConnection, some: &[&AccountId]) -> Result<u64, StoreError> {
        if some.is_empty() {
            return Ok(0);
        }
        let head = "SELECT identifier, state, (SELECT COUNT(*) FROM flag_reason WHERE flag_id = flag.id \
                    AND reason = 'reported') AS knew FROM flag WHERE institution = $1 AND identifier";
        let found = self.among(head, some).fetch_all(&mut *connection).await;
        let mut flagged = HashMap::new();
        for found in &found.map_err(StoreError::during("look flags up"))? {
            let is_active = FlagState::is_active(flag_row::state(found, "state")?);
            flagged.insert(row::text(found, "identifier")?, is_active && !row::yes(found, "knew")?);
        }
        let mut unflagged = Vec::new();
        for account in some {
            match flagged.get(account.identifier()) {
                None => unflagged.push(*account),
                Some(true) => self.add_to_flag(connection, account).await?,
                Some(false) => {}
            }
        }
        self.open(connection, &unflagged).await
    }

    async fn open(&mut self, connection: &mut AnyConnection, some: &[&AccountId]) -> Result<u64, StoreError> {
        let subjects = trail::subjects(connection, some).await?;
        let mut flags = Vec::with_capacity(some.len());
        for account in some {
            let subject = subjects.get(account.identifier()).ok_or(StoreError::unreadable("number"))?;
            let id = FlagId::stored(trail::number()?);
            let mut flag = FlagRow::new(id, (*account).clone(), subject.clone(), self.at);
            flag.find(Finding::LISTED, None, (self.at, self.at), 1);
            flag.count = 1;
            self.tallies.note(None, Some(&flag), self.at);
            flags.push(flag);
        }
        flag_row::save_all(connection, &flags).await?;
        let entries: Vec<Entry<'_>> = flags
            .iter()
            .map(|flag| Entry {
                at: self.at,
                subject: &flag.subject,
                flag: flag.id.as_str(),
                event: "open",
                before: "",
                after: flag.life.state.label(),
                reasons: Reason::Reported.code(),
                actor: self.actor,
                note: "",
            })
            .collect();
        trail::append_all(connection, &entries).await?;
        Ok(count(flags.len()))
    }

    async fn add_to_flag(&mut self, connection: &mut AnyConnection, account: &AccountId) -> Result<(), StoreError> {
        let Some(before) = flag_row::of_account(connection, account).await? else { return Ok(()) };
        let mut flag = before.clone();
        flag.find(Finding::LISTED, None, (self.at, self.at), 1);
        flag_row::save(connection, &flag).await?;
        record::append(connection, Some(&before), &flag, "find", (self.actor, ""), self.at).await?;
        self.tallies.note(Some(&before), Some(&flag), self.at);
        Ok(())
    }

    /// A question about `some` accounts of the institution.
    fn among(&self, head: &str, some: &[&AccountId]) -> Query<'static, Any, AnyArguments> {
        let mut query = places::list(head, 2, some.len(), "").bind(self.institution.as_str().to_owned());
        for account in some {
            query = query.bind(account.identifier().to_owned());
        }
        query
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
