//! What operators do with flags, and what the calendar does.

use sqlx::AnyConnection;

use crate::domain::{FlagState, Move, MoveError, Timestamp};
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::flags::flag_save::save;
use crate::store::flags::gathered::FlagId;
use crate::store::flags::record;
use crate::store::flags::tallies::Tallies;
use crate::store::flags::trail::{self, GATEWAY};
use crate::store::{Database, StoreError, row};

/// Flags that are woken in one write.
const WOKEN: i64 = 100;

/// What somebody does with a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The move.
    pub to_do: Move,
    /// Who does it.
    pub actor: String,
    /// Who looks after it from now on; of an assignment.
    pub assignee: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It was done; where the flag stands now.
    Done(FlagState),
    /// There is no such flag.
    NotFound,
    /// The flag's state does not allow it.
    Refused(MoveError),
}

/// Does it, with its row in the trail.
pub(crate) async fn act(database: &Database, id: &FlagId, action: &Action) -> Result<Acted, StoreError> {
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let Some(before) = flag_row::of_id(&mut write, id).await? else { return Ok(Acted::NotFound) };
    let life = match before.life.after(action.to_do, action.at) {
        Ok(life) => life,
        Err(error) => return Ok(Acted::Refused(error)),
    };
    let actor = trail::actor(&mut write, &action.actor).await?;
    let mut after = before.clone();
    if action.to_do == Move::Reopen {
        after.revive_reasons();
    }
    after.live_on(life, action.at);
    if action.to_do == Move::Resolve {
        after.end_reasons();
    }
    if let Some(name) = &action.assignee {
        after.assignee = Some(trail::actor(&mut write, name).await?);
    }
    let note = trail::note(&mut write, &before.subject, action.note.as_deref()).await?;
    let mut tallies = Tallies::default();
    change(&mut write, &before, &after, action.to_do.label(), (&actor, &note), action.at, &mut tallies).await?;
    tallies.save(&mut write).await?;
    write.commit().await?;
    Ok(Acted::Done(life.state))
}

/// Brings back the flags that were left alone until now; gives how many.
pub(crate) async fn wake(database: &Database, now: Timestamp) -> Result<u64, StoreError> {
    let due = sqlx::query("SELECT id FROM flag WHERE snoozed_until <= $1 ORDER BY snoozed_until LIMIT $2")
        .bind(now.as_millis())
        .bind(WOKEN)
        .fetch_all(database.pool())
        .await
        .map_err(StoreError::during("look for flags to bring back"))?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let (mut tallies, mut woken) = (Tallies::default(), 0);
    for found in &due {
        let id = FlagId::stored(row::text(found, "id")?);
        let Some(before) = flag_row::of_id(&mut write, &id).await? else { continue };
        let Ok(life) = before.life.after(Move::Wake, now) else { continue };
        if life != before.life {
            let mut after = before.clone();
            after.live_on(life, now);
            change(&mut write, &before, &after, Move::Wake.label(), (GATEWAY, ""), now, &mut tallies).await?;
            woken += 1;
        }
    }
    tallies.save(&mut write).await?;
    write.commit().await?;
    Ok(woken)
}

async fn change(
    connection: &mut AnyConnection,
    before: &FlagRow,
    after: &FlagRow,
    event: &str,
    by: (&str, &str),
    at: Timestamp,
    tallies: &mut Tallies,
) -> Result<(), StoreError> {
    save(connection, Some(before), after).await?;
    record::append(connection, Some(before), after, event, by, at).await?;
    tallies.note(Some(before), Some(after), at);
    Ok(())
}
