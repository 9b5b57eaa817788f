//! Importing the list of accounts that the identity service does not hold: each row opens a flag by itself. All of it is
//! one write, for which others wait: the database works on all rows at once, and is handed no more than it has to be.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::domain::{AccountId, Finding, FlagState, Institution, Move, Timestamp};
use crate::store::engine::Engine;
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::flags::flag_save::save;
use crate::store::flags::gathered::FlagId;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::{record, report, trail};
use crate::store::{Database, StoreError, places, row};

/// Rows that one statement hands over.
const AT_ONCE: usize = 200;

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
    /// Flags that were closed, and were opened again.
    pub reopened: u64,
    /// Flags that were closed, and stay so.
    pub closed: u64,
    /// Whether this very file was imported before: then nothing was done.
    pub repeated: bool,
}

/// The accounts of a list, each once and in order, with their further identifiers.
type List<'a> = BTreeMap<&'a AccountId, BTreeSet<&'a AccountId>>;

/// Imports a list in one write. `digest` stands for the file; `actor` is who imports it; `written` is told how many
/// accounts were handed over.
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
    let mut write = database.write_long().await?;
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
    let actor = trail::actor(&mut write, actor).await?;
    let mut importing =
        Importing { connection: &mut write, institution, actor: &actor, at, tallies: Tallies::default() };
    let before = importing.count_rows().await?;
    importing.note_rows(&list, written).await?;
    importing.note_identifiers(&list).await?;
    importing.count_listed().await?;
    let noted = importing.count_rows().await?.saturating_sub(before);
    let (held, held_anew) = importing.take_off_held().await?;
    (import.held, import.new) = (held, noted.saturating_sub(held_anew));
    (import.reopened, import.closed) = importing.add_to_flags().await?;
    import.opened = importing.open_flags().await?;
    let tallies = importing.tallies;
    tallies.save(&mut write).await?;
    write.commit().await?;
    Ok(import)
}

/// One import. Its rows are those that were listed last at its moment.
struct Importing<'a> {
    connection: &'a mut AnyConnection,
    institution: &'a Institution,
    /// The number of who imports.
    actor: &'a str,
    at: Timestamp,
    tallies: Tallies,
}

/// The flags of an import's rows, with the institution as `$1` and its moment as `$2`.
const FLAGS: &str = "report_row JOIN flag ON flag.institution = report_row.institution \
     AND flag.identifier = report_row.identifier WHERE report_row.institution = $1 AND report_row.last_listed = $2";

impl Importing<'_> {
    /// A statement whose first two places are the institution and the moment.
    fn statement(&self, text: String) -> Query<'static, Any, AnyArguments> {
        // Texts are put together of constants and places only.
        sqlx::query(AssertSqlSafe(text)).bind(self.institution.to_string()).bind(self.at.as_millis())
    }

    async fn count_rows(&mut self) -> Result<u64, StoreError> {
        let found = sqlx::query("SELECT COUNT(*) AS total FROM report_row WHERE institution = $1")
            .bind(self.institution.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(StoreError::during("count the rows of the list"))?;
        row::count(&found, "total")
    }

    async fn note_rows(&mut self, list: &List<'_>, written: &mut (dyn FnMut(u64) + Send)) -> Result<(), StoreError> {
        let accounts: Vec<&AccountId> = list.keys().copied().collect();
        for some in accounts.chunks(AT_ONCE) {
            let mut query = self.statement(format!(
                "INSERT INTO report_row (institution, identifier, first_listed, last_listed) VALUES {} \
                 ON CONFLICT (institution, identifier) DO UPDATE SET last_listed = excluded.last_listed",
                places::rows("($1, ?, $2, $2)", 3, some.len())
            ));
            for account in some {
                query = query.bind(account.identifier());
            }
            query.execute(&mut *self.connection).await.map_err(StoreError::during("import rows of the list"))?;
            written(count(some.len()));
        }
        Ok(())
    }

    /// A newer list knows better which identifiers an account goes by; one that tells none says nothing about them.
    async fn note_identifiers(&mut self, list: &List<'_>) -> Result<(), StoreError> {
        let failed = || StoreError::during("note accounts' identifiers");
        let told: Vec<&AccountId> = list.iter().filter(|(_, others)| !others.is_empty()).map(|(one, _)| *one).collect();
        for some in told.chunks(AT_ONCE) {
            let places = places::rows("?", 2, some.len());
            let text = format!("DELETE FROM report_alias WHERE institution = $1 AND identifier IN ({places})");
            let mut query = sqlx::query(AssertSqlSafe(text)).bind(self.institution.as_str());
            for account in some {
                query = query.bind(account.identifier());
            }
            query.execute(&mut *self.connection).await.map_err(failed())?;
        }
        let others: Vec<(&AccountId, &AccountId)> =
            list.iter().flat_map(|(account, others)| others.iter().map(|other| (*other, *account))).collect();
        for some in others.chunks(AT_ONCE) {
            let text = format!(
                "INSERT INTO report_alias (institution, alias, identifier) VALUES {} \
                 ON CONFLICT (institution, alias, identifier) DO NOTHING",
                places::rows("($1, ?, ?)", 2, some.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(text)).bind(self.institution.as_str());
            for (other, account) in some {
                query = query.bind(other.identifier()).bind(account.identifier());
            }
            query.execute(&mut *self.connection).await.map_err(failed())?;
        }
        Ok(())
    }

    async fn count_listed(&mut self) -> Result<(), StoreError> {
        let Some(statement) = Engine::of_connection(self.connection).count_listed() else { return Ok(()) };
        let counted = sqlx::query(statement).execute(&mut *self.connection).await;
        counted.map(drop).map_err(StoreError::during("count the rows of the list"))
    }

    /// Takes off the list whom the identity service let in lately, under any identifier that leads to them; gives how
    /// many these are, and how many of them were in no list before.
    async fn take_off_held(&mut self) -> Result<(u64, u64), StoreError> {
        let removed = self
            .statement(
                "DELETE FROM report_row WHERE institution = $1 AND last_listed = $2 AND (EXISTS (\
                     SELECT 1 FROM habit WHERE habit.institution = report_row.institution \
                     AND habit.identifier = report_row.identifier AND habit.accepted_at >= $3\
                 ) OR EXISTS (\
                     SELECT 1 FROM report_alias JOIN habit ON habit.institution = report_alias.institution \
                     AND habit.identifier = report_alias.alias AND habit.accepted_at >= $3 \
                     WHERE report_alias.institution = report_row.institution \
                     AND report_alias.identifier = report_row.identifier \
                     AND NOT EXISTS (SELECT 1 FROM report_alias AS another \
                         WHERE another.institution = report_alias.institution AND another.alias = report_alias.alias \
                         AND another.identifier <> report_alias.identifier) \
                     AND NOT EXISTS (SELECT 1 FROM report_row AS own \
                         WHERE own.institution = report_alias.institution AND own.identifier = report_alias.alias)\
                 )) RETURNING first_listed"
                    .to_owned(),
            )
            .bind(self.at.before(report::LAG).as_millis())
            .fetch_all(&mut *self.connection)
            .await
            .map_err(StoreError::during("look for accounts that were let in"))?;
        let mut anew = 0;
        for found in &removed {
            anew += u64::from(row::time(found, "first_listed")? == self.at);
        }
        Ok((count(removed.len()), anew))
    }

    /// Notes on flags that the list has their accounts too; gives how many were opened again by it, and how many stay
    /// closed: those that were closed lately, since a list lags behind, and those that were dismissed although an earlier
    /// list had them.
    async fn add_to_flags(&mut self) -> Result<(u64, u64), StoreError> {
        let text = format!(
            "SELECT flag.id FROM {FLAGS} AND (flag.closed_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM flag_reason \
             WHERE flag_reason.flag_id = flag.id AND flag_reason.reason = 'reported' \
             AND flag_reason.cleared_at IS NULL))"
        );
        let found = self.statement(text).fetch_all(&mut *self.connection).await;
        let (mut reopened, mut closed) = (0, 0);
        for found in found.map_err(StoreError::during("look for flags of the list"))? {
            let id = FlagId::stored(row::text(&found, "id")?);
            let Some(before) = flag_row::of_id(self.connection, &id).await? else { continue };
            if !report::is_newer(self.at, before.closed_at.max(before.held_since())) {
                closed += u64::from(!before.life.state.is_active());
                continue;
            }
            let mut flag = before.clone();
            let recur = Move::Recur { is_new: flag.find(Finding::LISTED, None, (self.at, self.at), 1, None) };
            let Ok(life) = before.life.after(recur, self.at) else { continue };
            if !life.state.is_active() {
                closed += 1;
                continue;
            }
            flag.live_on(life, self.at);
            let is_back = !before.life.state.is_active();
            reopened += u64::from(is_back);
            save(self.connection, Some(&before), &flag).await?;
            let event = if is_back { recur.label() } else { "find" };
            record::append(self.connection, Some(&before), &flag, event, (self.actor, ""), self.at).await?;
            self.tallies.note(Some(&before), Some(&flag), self.at);
        }
        Ok((reopened, closed))
    }

    /// Opens a flag for each row whose account has none; gives how many.
    async fn open_flags(&mut self) -> Result<u64, StoreError> {
        let text = "SELECT report_row.institution, report_row.identifier FROM report_row LEFT JOIN flag \
                    ON flag.institution = report_row.institution AND flag.identifier = report_row.identifier \
                    WHERE report_row.institution = $1 AND report_row.last_listed = $2 AND flag.id IS NULL";
        let found = self.statement(text.to_owned()).fetch_all(&mut *self.connection).await;
        let mut fresh = Vec::new();
        for found in &found.map_err(StoreError::during("look for accounts without a flag"))? {
            fresh.push((trail::number()?, row::account(found, "identifier")?));
        }
        // In the order of their ids, which are random: the trail's order tells nothing of the accounts' names.
        fresh.sort_unstable();
        for some in fresh.chunks(AT_ONCE) {
            self.insert_flags(some).await?;
        }
        let Some((_, account)) = fresh.into_iter().next() else { return Ok(0) };
        let opened = self.finish_flags().await?;
        let mut flag = FlagRow::new(FlagId::stored(String::new()), account, String::new(), self.at);
        flag.find(Finding::LISTED, None, (self.at, self.at), 1, None);
        self.tallies.note_opened(&flag, opened, self.at);
        Ok(opened)
    }

    async fn insert_flags(&mut self, some: &[(String, AccountId)]) -> Result<(), StoreError> {
        let mut query = self.statement(format!(
            "INSERT INTO subject (number, institution, identifier) VALUES {} \
             ON CONFLICT (institution, identifier) DO NOTHING",
            places::rows("(?, $1, ?)", 3, some.len())
        ));
        for (_, account) in some {
            query = query.bind(trail::number()?).bind(account.identifier());
        }
        query.execute(&mut *self.connection).await.map_err(StoreError::during("number accounts"))?;
        let mut query = self
            .statement(format!(
                "INSERT INTO flag (id, institution, identifier, subject, state, severity, confidence, first_seen, \
                 last_seen, count, opened_at) \
                 SELECT fresh.column1, $1, fresh.column2, subject.number, $3, $4, $5, $2, $2, 1, $2 \
                 FROM (VALUES {}) AS fresh JOIN subject \
                 ON subject.institution = $1 AND subject.identifier = fresh.column2",
                places::rows("(?, ?)", 6, some.len())
            ))
            .bind(FlagState::Open.label())
            .bind(flag_row::rank(Finding::LISTED.severity))
            .bind(flag_row::sureness(Finding::LISTED.confidence));
        for (id, account) in some {
            query = query.bind(id).bind(account.identifier());
        }
        // Planned each time: what suits the first few accounts goes through all of them for every further few.
        let query = query.persistent(false);
        query.execute(&mut *self.connection).await.map(drop).map_err(StoreError::during("open flags"))
    }

    /// Gives the new flags their reason and their row in the trail; gives how many they are.
    async fn finish_flags(&mut self) -> Result<u64, StoreError> {
        let text = format!(
            "INSERT INTO flag_reason (flag_id, reason, severity, confidence, first_seen, last_seen, count, is_telling, \
             flag_institution, flag_identifier, flag_state, flag_severity, flag_opened_at) SELECT flag.id, $3, \
             flag.severity, flag.confidence, $2, $2, 1, 1, flag.institution, flag.identifier, flag.state, \
             flag.severity, flag.opened_at FROM {FLAGS} \
             AND flag.first_seen = $2 \
             AND NOT EXISTS (SELECT 1 FROM flag_reason AS known WHERE known.flag_id = flag.id) ORDER BY flag.id"
        );
        let reason = self.statement(text).bind(Finding::LISTED.reason.code());
        reason.execute(&mut *self.connection).await.map_err(StoreError::during("record flags' reasons"))?;
        let failed = || StoreError::during("add to the trail");
        let text = format!(
            "INSERT INTO trail (seq, at, subject, flag_id, event, state_before, state_after, reasons, actor, note) \
             SELECT trail_head.seq + ROW_NUMBER() OVER (ORDER BY flag.id), $2, flag.subject, flag.id, 'open', '', \
             flag.state, $3, $4, '' FROM trail_head, {FLAGS} AND flag.first_seen = $2 AND trail_head.one = 1 \
             AND NOT EXISTS (SELECT 1 FROM trail AS known WHERE known.flag_id = flag.id) ORDER BY flag.id"
        );
        let entries = self.statement(text).bind(Finding::LISTED.reason.code()).bind(self.actor.to_owned());
        let added = entries.execute(&mut *self.connection).await.map_err(failed())?.rows_affected();
        sqlx::query("UPDATE trail_head SET seq = seq + $1 WHERE one = 1")
            .bind(row::stored(added))
            .execute(&mut *self.connection)
            .await
            .map_err(failed())?;
        Ok(added)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
