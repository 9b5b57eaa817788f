//! The table of flags, as the rest of the program uses it.

use sqlx::{Any, AnyConnection, Transaction};

use crate::domain::{Institution, Timestamp};
use crate::store::database::again;
use crate::store::flags::act::{self, Acted, Action};
use crate::store::flags::filter::{FlagCursor, FlagFilter, FlagOrder};
use crate::store::flags::flag_row::{self, ReasonRecord};
use crate::store::flags::gathered::{FlagId, FlagStore, Gathered, RecordFuture};
use crate::store::flags::import::{self, Import, ListedAccount};
use crate::store::flags::page::{self, FlagPage, FlagRecord};
use crate::store::flags::record;
use crate::store::flags::sources::{self, SourceRecord};
use crate::store::flags::tallies::{self, FlagDay, Total};
use crate::store::flags::trail::{self, TrailRecord};
use crate::store::patience::in_time;
use crate::store::{Database, StoreError, row};

const READ: &str = "read flags";

/// One flag, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagDetail {
    /// The flag, as lists show it.
    pub flag: FlagRecord,
    /// Who looks after it.
    pub assignee: Option<String>,
    /// Its evidence.
    pub reasons: Vec<ReasonRecord>,
    /// Where the sign-ins behind it came from.
    pub sources: Vec<SourceRecord>,
    /// What happened to it, oldest first.
    pub trail: Vec<TrailRecord>,
}

/// The table of flags.
#[derive(Clone)]
pub struct FlagTable {
    database: Database,
}

impl FlagTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// One page of at most `most` flags behind `after`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(
        &self,
        filter: &FlagFilter,
        order: FlagOrder,
        after: Option<&FlagCursor>,
        most: usize,
    ) -> Result<FlagPage, StoreError> {
        let mut read = self.read().await?;
        page::page(&mut read, filter, order, after, most).await
    }

    /// All pages of at most `most` flags, one after the other: each is of its own moment, and all come through one
    /// connection, so that no more than one remembers what it read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn pages(
        &self,
        filter: &FlagFilter,
        order: FlagOrder,
        most: usize,
        mut each: impl FnMut(Vec<FlagRecord>),
    ) -> Result<(), StoreError> {
        let mut connection = self.database.pool().acquire().await.map_err(StoreError::during(READ))?;
        let mut after = None;
        loop {
            let mut read = self.database.read_on(&mut connection, READ).await?;
            let page = page::page(&mut read, filter, order, after.as_ref(), most).await?;
            read.rollback().await.map_err(StoreError::during(READ))?;
            each(page.flags);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A flag with all that is known of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn show(&self, id: &FlagId) -> Result<Option<FlagDetail>, StoreError> {
        let mut read = self.read().await?;
        let found = sqlx::query(
            "SELECT actor.name AS assignee_name FROM flag LEFT JOIN actor ON actor.number = flag.assignee \
             WHERE flag.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *read)
        .await
        .map_err(StoreError::during("show a flag"))?;
        let Some(found) = found else { return Ok(None) };
        let Some(flag) = page::records(&mut read, &[id.to_string()]).await?.pop() else { return Ok(None) };
        let whole = flag_row::of_id(&mut read, id).await?;
        Ok(Some(FlagDetail {
            flag,
            assignee: row::optional_text(&found, "assignee_name")?,
            reasons: whole.map(|flag| flag.reasons).unwrap_or_default(),
            sources: sources::of(&mut read, id).await?,
            trail: trail::of(&mut read, id.as_str()).await?,
        }))
    }

    /// Moves a flag.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn act(&self, id: &FlagId, action: &Action) -> Result<Acted, StoreError> {
        again(|| act::act(&self.database, id, action)).await
    }

    /// Brings back the flags that were left alone until now; gives how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wake(&self, now: Timestamp) -> Result<u64, StoreError> {
        in_time(again(|| act::wake(&self.database, now))).await
    }

    /// Imports a list of an institution's accounts that the identity service does not hold. `digest` stands for the file:
    /// the same file twice changes nothing. `written` is told how many accounts were gone through, again and again; nothing is safe before
    /// this returns.
    ///
    /// # Errors
    /// When the store fails; then nothing of it is imported.
    pub async fn import(
        &self,
        institution: &Institution,
        listed: &[ListedAccount],
        digest: &str,
        (actor, at): (&str, Timestamp),
        written: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Import, StoreError> {
        import::import(&self.database, institution, listed, digest, (actor, at), written).await
    }

    /// How many flags there are, by institution and state.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn totals(&self) -> Result<Vec<Total>, StoreError> {
        in_time(async {
            let mut connection = self.database.pool().acquire().await.map_err(StoreError::during("count flags"))?;
            tallies::totals(&mut connection).await
        })
        .await
    }

    /// What became of the queue, day by day from `first` on (days since 1970-01-01 in UTC).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn days(&self, first: i64) -> Result<Vec<FlagDay>, StoreError> {
        let mut read = self.read().await?;
        let connection: &mut AnyConnection = &mut read;
        tallies::days(connection, first).await
    }

    /// One transaction, so that all of it belongs together.
    async fn read(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.database.read(READ).await
    }
}

impl FlagStore for FlagTable {
    fn record<'a>(&'a self, gathered: &'a [Gathered]) -> RecordFuture<'a> {
        Box::pin(in_time(again(|| record::record(&self.database, gathered))))
    }
}
