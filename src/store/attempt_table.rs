//! Attempts in the database. Whoever reads or changes an account's slots holds its row first, so that nodes that do it
//! at once do it one after the other; and whoever holds several rows takes them in the order of their subjects.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{AccountId, Caller, Gate, Slot, SlotKind, Timestamp, decide};
use crate::store::attempt_counts::{AttemptCounts, read_all};
use crate::store::attempt_person::{join, person, still_is};
use crate::store::attempts::{AttemptFuture, AttemptStore, Reservation, Reserved, Settled, Settlement, SlotId, Taken};
use crate::store::changes::{self, Change};
use crate::store::database::{Write, again};
use crate::store::patience::in_time;
use crate::store::{Database, StoreError, row};

/// Accounts without slots that one write removes at most.
const PURGED: i64 = 20;

/// The table of attempts.
#[derive(Clone)]
pub struct AttemptTable {
    database: Database,
}

impl AttemptTable {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Forgets every slot of an account whose service is not the embedded one, and tells every process of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_and_announce(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
        again(|| self.clear_and_announce_once(account, at)).await
    }

    async fn clear_and_announce_once(&self, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        clear(&mut write, account).await?;
        changes::append(&mut write, &Change::AccountCleared(account.clone()), at).await?;
        write.commit().await
    }

    async fn reserve_once(&self, asked: &[Reservation]) -> Result<Vec<Reserved>, StoreError> {
        let ends = asked.iter().map(|reservation| reservation.at.before(reservation.rule.counts_for()));
        let Some(idle_since) = ends.min() else { return Ok(Vec::new()) };
        let mut write = self.database.write().await?;
        let mut ordered: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, reservation) in asked.iter().enumerate() {
            ordered.entry(person(&mut write, &reservation.account).await?).or_default().push(at);
        }
        for subject in idle(&mut write, idle_since).await? {
            ordered.entry(subject).or_default();
        }
        let mut reserved: Vec<Option<Reserved>> = vec![None; asked.len()];
        for (subject, places) in ordered {
            let Some(first) = places.first() else {
                remove_idle(&mut write, &subject, idle_since).await?;
                continue;
            };
            touch(&mut write, &subject, asked[*first].at).await?;
            for at in places {
                still_is(&mut write, &asked[at].account, &subject).await?;
                reserved[at] = Some(reserve_one(&mut write, &subject, &asked[at]).await?);
            }
        }
        write.commit().await?;
        Ok(reserved.into_iter().flatten().collect())
    }

    async fn settle_once(&self, settled: &[Settlement]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let mut ordered: BTreeMap<String, Vec<&Settlement>> = BTreeMap::new();
        for settlement in settled {
            if let Some(subject) = subject_of(&mut write, &settlement.slot).await? {
                ordered.entry(subject).or_default().push(settlement);
            }
        }
        for (subject, settlements) in ordered {
            hold(&mut write, &subject).await?;
            for settlement in settlements {
                settle_one(&mut write, settlement).await?;
            }
        }
        write.commit().await
    }

    async fn note_once(&self, taken: &[(AccountId, Taken)]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let mut ordered: BTreeMap<String, Vec<&(AccountId, Taken)>> = BTreeMap::new();
        for one in taken {
            ordered.entry(person(&mut write, &one.0).await?).or_default().push(one);
        }
        for (subject, slots) in ordered {
            for (account, taken) in slots {
                touch(&mut write, &subject, taken.slot.at).await?;
                still_is(&mut write, account, &subject).await?;
                insert(&mut write, &subject, taken).await?;
            }
        }
        write.commit().await
    }

    async fn join_once(&self, alias: &AccountId, person: &AccountId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        join(&mut write, alias, person).await?;
        write.commit().await
    }
}

impl AttemptStore for AttemptTable {
    fn reserve<'a>(&'a self, asked: &'a [Reservation]) -> AttemptFuture<'a, Vec<Reserved>> {
        Box::pin(in_time(again(|| self.reserve_once(asked))))
    }

    fn settle<'a>(&'a self, settled: &'a [Settlement]) -> AttemptFuture<'a, ()> {
        Box::pin(in_time(again(|| self.settle_once(settled))))
    }

    fn note<'a>(&'a self, taken: &'a [(AccountId, Taken)]) -> AttemptFuture<'a, ()> {
        Box::pin(in_time(again(|| self.note_once(taken))))
    }

    fn join<'a>(&'a self, alias: &'a AccountId, person: &'a AccountId) -> AttemptFuture<'a, ()> {
        Box::pin(in_time(again(|| self.join_once(alias, person))))
    }

    fn counts<'a>(&'a self, counts: &'a mut AttemptCounts) -> AttemptFuture<'a, ()> {
        Box::pin(read_all(&self.database, counts))
    }
}

/// The subject that a slot is counted under; `None` when it is gone.
async fn subject_of(write: &mut Write, slot: &SlotId) -> Result<Option<String>, StoreError> {
    let connection: &mut AnyConnection = write;
    let found = sqlx::query("SELECT subject FROM attempt_slot WHERE id = $1")
        .bind(slot.0.as_ref())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("settle an attempt"))?;
    found.as_ref().map(|row| row::text(row, "subject")).transpose()
}

/// Takes the account's row, without a reservation: who else wants it waits until this write ends.
pub(crate) async fn hold(write: &mut Write, person: &str) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    // Where there is none yet somebody may be about to add it.
    sqlx::query(
        "INSERT INTO attempt_account (subject, last_success, touched_at) VALUES ($1, NULL, 0) \
         ON CONFLICT (subject) DO UPDATE SET touched_at = attempt_account.touched_at",
    )
    .bind(person)
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::during("count attempts"))
}

/// Takes the account's row, for a reservation: who else wants it waits until this write ends.
async fn touch(write: &mut Write, person: &str, at: Timestamp) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    sqlx::query(
        "INSERT INTO attempt_account (subject, last_success, touched_at) VALUES ($1, NULL, $2) \
         ON CONFLICT (subject) DO UPDATE SET touched_at = CASE WHEN excluded.touched_at > attempt_account.touched_at \
         THEN excluded.touched_at ELSE attempt_account.touched_at END",
    )
    .bind(person)
    .bind(at.as_millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::during("reserve an attempt"))
}

async fn reserve_one(write: &mut Write, person: &str, asked: &Reservation) -> Result<Reserved, StoreError> {
    for taken in &asked.untold {
        insert(write, person, taken).await?;
    }
    let connection: &mut AnyConnection = write;
    sqlx::query("DELETE FROM attempt_slot WHERE subject = $1 AND at <= $2")
        .bind(person)
        .bind(asked.at.before(asked.rule.counts_for()).as_millis())
        .execute(&mut *connection)
        .await
        .map_err(StoreError::during("remove old attempts"))?;
    let account = sqlx::query("SELECT last_success FROM attempt_account WHERE subject = $1")
        .bind(person)
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::during("count attempts"))?;
    let last_success = row::optional_time(&account, "last_success")?;
    let rows = sqlx::query("SELECT id, at, caller, kind, refused FROM attempt_slot WHERE subject = $1 ORDER BY at")
        .bind(person)
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::during("count attempts"))?;
    let mut slots = rows.iter().map(read).collect::<Result<Vec<Taken>, StoreError>>()?;
    // Its own is there already when an earlier write of it was thought lost.
    slots.retain(|taken| taken.id != asked.id);
    let (counted, caller) = (slots.iter().map(|taken| &taken.slot), &asked.caller);
    let gate = decide(&counted, last_success, asked.kind, caller, &asked.rule, asked.at);
    if let Gate::Open(kind) = gate {
        let slot = Slot { at: asked.at, caller: caller.clone(), kind, refused: false };
        let taken = Taken { id: asked.id.clone(), slot };
        insert(write, person, &taken).await?;
        slots.push(taken);
    }
    Ok(Reserved { gate, slots, last_success })
}

/// Adds a slot, or says of one that is there already what is known of it now.
async fn insert(write: &mut Write, person: &str, taken: &Taken) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    sqlx::query(
        "INSERT INTO attempt_slot (id, subject, at, caller, kind, refused) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, refused = CASE WHEN excluded.refused > attempt_slot.refused \
         THEN excluded.refused ELSE attempt_slot.refused END",
    )
    .bind(taken.id.0.as_ref())
    .bind(person)
    .bind(taken.slot.at.as_millis())
    .bind(taken.slot.caller.as_str())
    .bind(taken.slot.kind.label())
    .bind(i64::from(taken.slot.refused))
    .execute(connection)
    .await
    .map(drop)
    .map_err(StoreError::during("reserve an attempt"))
}

pub(crate) fn read(row: &AnyRow) -> Result<Taken, StoreError> {
    let kind = row::text(row, "kind")?;
    let kind = SlotKind::ALL.into_iter().find(|known| known.label() == kind);
    let kind = kind.ok_or_else(|| StoreError::unreadable("kind"))?;
    let (at, caller) = (row::time(row, "at")?, Caller::stored(&row::text(row, "caller")?));
    let slot = Slot { at, caller, kind, refused: row::yes(row, "refused")? };
    Ok(Taken { id: SlotId::from(row::text(row, "id")?.as_str()), slot })
}

async fn settle_one(write: &mut Write, settlement: &Settlement) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    let id = settlement.slot.0.as_ref();
    let failed = || StoreError::during("settle an attempt");
    match settlement.settled {
        Settled::Refused => {
            sqlx::query("UPDATE attempt_slot SET refused = 1 WHERE id = $1")
                .bind(id)
                .execute(connection)
                .await
                .map_err(failed())?;
        }
        Settled::Unsent => {
            sqlx::query("DELETE FROM attempt_slot WHERE id = $1")
                .bind(id)
                .execute(connection)
                .await
                .map_err(failed())?;
        }
        Settled::Accepted => {
            let gone = sqlx::query("DELETE FROM attempt_slot WHERE id = $1 RETURNING subject")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed())?;
            if let Some(row) = gone {
                sqlx::query(
                    "UPDATE attempt_account SET last_success = CASE WHEN last_success > $2 THEN last_success ELSE $2 END \
                     WHERE subject = $1",
                )
                .bind(row::text(&row, "subject")?)
                .bind(settlement.at.as_millis())
                .execute(connection)
                .await
                .map_err(failed())?;
            }
        }
    }
    Ok(())
}

/// Forgets every slot of the person behind `account`.
pub(crate) async fn clear(write: &mut Write, account: &AccountId) -> Result<(), StoreError> {
    let person = person(write, account).await?;
    hold(write, &person).await?;
    still_is(write, account, &person).await?;
    let connection: &mut AnyConnection = write;
    sqlx::query("DELETE FROM attempt_slot WHERE subject = $1")
        .bind(person)
        .execute(connection)
        .await
        .map(drop)
        .map_err(StoreError::during("forget attempts"))
}

/// A few accounts that nothing is counted for any more.
async fn idle(write: &mut Write, since: Timestamp) -> Result<Vec<String>, StoreError> {
    let connection: &mut AnyConnection = write;
    let idle = sqlx::query("SELECT subject FROM attempt_account WHERE touched_at < $1 LIMIT $2")
        .bind(since.as_millis())
        .bind(PURGED)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("remove old attempts"))?;
    idle.iter().map(|row| row::text(row, "subject")).collect()
}

/// Removes an account that was idle, unless somebody reserved for it meanwhile.
async fn remove_idle(write: &mut Write, subject: &str, since: Timestamp) -> Result<(), StoreError> {
    let connection: &mut AnyConnection = write;
    let failed = || StoreError::during("remove old attempts");
    let gone = sqlx::query("DELETE FROM attempt_account WHERE subject = $1 AND touched_at < $2")
        .bind(subject)
        .bind(since.as_millis())
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    if gone.rows_affected() > 0 {
        sqlx::query("DELETE FROM attempt_slot WHERE subject = $1")
            .bind(subject)
            .execute(connection)
            .await
            .map_err(failed())?;
    }
    Ok(())
}
