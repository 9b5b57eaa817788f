//! From what was seen to flags: read what is known, apply the rules, write, all in one transaction. Writers take turns,
//! so that two nodes that see one account at once make one flag of it.

use sqlx::AnyConnection;

use crate::domain::{
    AccountId, Fact, Finding, FlagState, History, IntegrationName, Move, Reason, Timestamp, over_since, review,
};
use crate::store::database::Write;
use crate::store::erasure::belated;
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::flags::flag_save::save;
use crate::store::flags::gathered::{FlagId, Gathered, Recorded, Seen};
use crate::store::flags::tallies::Tallies;
use crate::store::flags::trail::{self, Entry, GATEWAY};
use crate::store::flags::{habit, report, sources};
use crate::store::{Database, StoreError, changes};

/// Records what was seen of some accounts: for each its flag, where it has one that this changed.
pub(crate) async fn record(database: &Database, gathered: &[Gathered]) -> Result<Vec<Option<Recorded>>, StoreError> {
    let mut recorded = vec![None; gathered.len()];
    let worth = worth_writing(database, gathered).await?;
    if worth.is_empty() {
        return Ok(recorded);
    }
    let mut write = database.write().await?;
    trail::take_turn(&mut write).await?;
    let forgotten = changes::last_forgetting(&mut write).await?;
    let (mut tallies, mut left_out) = (Tallies::default(), 0_u64);
    for at in worth {
        let one = belated::without_forgotten(&mut write, &gathered[at], forgotten).await?;
        left_out = left_out.saturating_add(times(&gathered[at]).saturating_sub(times(&one)));
        recorded[at] = record_one(&mut write, &one, &mut tallies).await?;
    }
    tallies.save(&mut write).await?;
    write.commit().await?;
    if left_out > 0 {
        // Nothing says whose: they may be somebody who was forgotten.
        tracing::info!(sightings = left_out, "flag.forgotten_left_out");
    }
    Ok(recorded)
}

/// How often something was seen.
fn times(gathered: &Gathered) -> u64 {
    gathered.seen.iter().fold(0, |times, seen| times.saturating_add(seen.count))
}

/// Most of what is seen are sign-ins of accounts that nothing is wrong with: those are looked at without a write.
async fn worth_writing(database: &Database, gathered: &[Gathered]) -> Result<Vec<usize>, StoreError> {
    let mut connection = database.pool().acquire().await.map_err(StoreError::during("record flags"))?;
    let mut worth = Vec::new();
    for (at, one) in gathered.iter().enumerate() {
        if !is_idle(&mut connection, one).await? {
            worth.push(at);
        }
    }
    Ok(worth)
}

async fn is_idle(connection: &mut AnyConnection, one: &Gathered) -> Result<bool, StoreError> {
    if one.seen.iter().any(|seen| !matches!(seen.fact, Fact::Accepted | Fact::IntegrationAccepted)) {
        return Ok(false);
    }
    let account = report::owner(connection, &one.account).await?;
    for seen in one.seen.iter().filter(|seen| seen.fact == Fact::Accepted) {
        let accepted = habit::accepted(connection, &account, seen.integration.as_ref()).await?;
        if !habit::is_fresh(accepted, seen.last) {
            return Ok(false);
        }
    }
    if let Some(flag) = flag_row::of_account(connection, &account).await? {
        let ends_any = |seen: &Seen| flag.clone().clear(seen.fact, seen.integration.as_ref(), seen.last);
        if one.seen.iter().any(ends_any) {
            return Ok(false);
        }
    }
    Ok(report::last_listed(connection, &account).await?.is_none())
}

async fn record_one(
    write: &mut Write,
    gathered: &Gathered,
    tallies: &mut Tallies,
) -> Result<Option<Recorded>, StoreError> {
    let account = report::owner(write, &gathered.account).await?;
    let mut seen: Vec<&Seen> = gathered.seen.iter().collect();
    seen.sort_by_key(|seen| seen.last);
    let mut flag = flag_row::of_account(write, &account).await?;
    let mut recorded: Option<Recorded> = None;
    for seen in seen {
        let history = learn(write, &account, seen, flag.as_ref()).await?;
        let mut findings = review(seen.fact, &history);
        let before = flag.clone();
        if before.is_none() {
            // Nobody has to act on what is over by now.
            findings.retain(|finding| over_since(finding, &history, seen.last).is_none());
        }
        let found: Vec<Reason> = findings.iter().map(|finding| finding.reason).collect();
        if findings.is_empty() {
            if let Some(known) = &mut flag {
                clear(write, known, seen).await?;
            }
        } else {
            let known = match flag.take() {
                Some(known) => known,
                None => begin(write, &account, seen.first).await?,
            };
            let sighting = Sighting { gathered, seen, history: &history };
            flag = Some(find(write, known, before.as_ref(), &findings, &sighting).await?);
        }
        let Some(known) = flag.as_ref().filter(|known| before.as_ref() != Some(*known)) else { continue };
        save(write, before.as_ref(), known).await?;
        tallies.note(before.as_ref(), Some(known), seen.last);
        let result = recorded.get_or_insert_with(|| Recorded {
            flag: known.id.clone(),
            account: account.clone(),
            reasons: Vec::new(),
            state: known.life.state,
        });
        result.state = known.life.state;
        for reason in found.into_iter().filter(|reason| !result.reasons.contains(reason)).collect::<Vec<_>>() {
            result.reasons.push(reason);
        }
    }
    if let Some(accepted) = gathered.seen.iter().filter(|seen| seen.fact == Fact::Accepted).max_by_key(|seen| seen.last)
    {
        clear_others(write, &account, accepted, tallies).await?;
    }
    Ok(recorded)
}

/// A flag that is not written yet.
async fn begin(connection: &mut AnyConnection, account: &AccountId, at: Timestamp) -> Result<FlagRow, StoreError> {
    let subject = trail::subject(connection, account).await?;
    Ok(FlagRow::new(FlagId::stored(trail::number()?), account.clone(), subject, at))
}

/// Whoever was flagged under another identifier, before a list told whose it is, is the same person and let in as well.
async fn clear_others(
    write: &mut Write,
    account: &AccountId,
    accepted: &Seen,
    tallies: &mut Tallies,
) -> Result<(), StoreError> {
    for other in report::others(write, account).await? {
        let Some(before) = flag_row::of_account(write, &other).await? else { continue };
        if report::owner(write, &other).await? != *account {
            continue;
        }
        let mut flag = before.clone();
        clear(write, &mut flag, accepted).await?;
        if flag != before {
            save(write, Some(&before), &flag).await?;
            tallies.note(Some(&before), Some(&flag), accepted.last);
        }
    }
    Ok(())
}

/// Adds a fact to what is known of the account, and gives all of it.
async fn learn(
    write: &mut Write,
    account: &AccountId,
    seen: &Seen,
    flag: Option<&FlagRow>,
) -> Result<History, StoreError> {
    match seen.fact {
        Fact::IntegrationAccepted | Fact::IntegrationRefused => return Ok(History::default()),
        Fact::Accepted | Fact::MustChange | Fact::Refused(..) => {}
    }
    let integration = seen.integration.as_ref();
    let (accepted, accepted_elsewhere) = habit::accepted_here_and_elsewhere(write, account, integration).await?;
    if seen.fact == Fact::Accepted && !habit::is_fresh(accepted, seen.last) {
        habit::note(write, account, integration, seen.last).await?;
    }
    let listed = report::last_listed(write, account).await?;
    if listed.is_some() && report::ends_listing(seen.fact) {
        report::take_off(write, account).await?;
    }
    // A wrong password does not bring back who was listed before an operator resolved their flag.
    let held_since = flag.and_then(FlagRow::held_since);
    let reported = listed.filter(|listed| report::is_newer(*listed, held_since));
    Ok(History { reported, accepted, accepted_elsewhere })
}

/// A fact, what it was gathered with, and what was known of its account.
struct Sighting<'a> {
    gathered: &'a Gathered,
    seen: &'a Seen,
    history: &'a History,
}

impl Sighting<'_> {
    /// Whether its call is counted by another fact: that an integration was refused stands beside what its account was
    /// refused for.
    fn is_of_a_counted_call(&self) -> bool {
        let is_own = |integration: &IntegrationName| *integration.account() == self.gathered.account;
        matches!(self.seen.fact, Fact::Refused(..)) && self.seen.integration.as_ref().is_some_and(is_own)
    }

    /// Whether that one is still to come, as it was seen once more after this. Until then the reasons are ahead of the flag.
    fn is_counted_later(&self) -> bool {
        let counts_it = |other: &Seen| other.first <= self.seen.last && self.seen.last < other.last;
        let mut refused = self.gathered.seen.iter().filter(|other| other.fact == Fact::IntegrationRefused);
        refused.any(counts_it)
    }
}

/// Adds findings to a flag, which opens or opens again by them.
async fn find(
    write: &mut Write,
    mut flag: FlagRow,
    before: Option<&FlagRow>,
    findings: &[Finding],
    sighting: &Sighting<'_>,
) -> Result<FlagRow, StoreError> {
    let Sighting { seen, history, .. } = sighting;
    let (mut is_news, counted_before) = (false, flag.count);
    for finding in findings {
        let over = over_since(finding, history, seen.last);
        is_news |= flag.find(*finding, seen.integration.as_ref(), (seen.first, seen.last), seen.count, over);
    }
    let is_counted = sighting.is_of_a_counted_call();
    if !is_counted {
        flag.count = flag.count.saturating_add(seen.count);
    }
    if seen.fact == Fact::IntegrationRefused || is_counted && !sighting.is_counted_later() {
        // No less often than any of its reasons: the integration may have called with its own account like a reader's.
        flag.count = flag.count.max(flag.most_found());
    }
    let recur = Move::Recur { is_new: is_news };
    // A recurrence is always legal. What was over before it was written is none.
    if flag.stands_for(findings)
        && let Ok(life) = flag.life.after(recur, seen.last)
    {
        flag.live_on(life, seen.last);
    }
    let event = match before {
        None => Some("open"),
        Some(before) if before.life.state != flag.life.state => Some(recur.label()),
        // A reason that weighs more is no other one.
        Some(before) => (is_news && before.codes() != flag.codes()).then_some("find"),
    };
    sources::note(write, &flag.id, seen, flag.count - counted_before).await?;
    if let Some(event) = event {
        append(write, before, &flag, event, (GATEWAY, ""), seen.last).await?;
    }
    Ok(flag)
}

/// Takes off a flag the reasons that a fact shows to be over; the last one resolves it, unless it was dismissed.
async fn clear(write: &mut Write, flag: &mut FlagRow, seen: &Seen) -> Result<(), StoreError> {
    let before = flag.clone();
    if !flag.clear(seen.fact, seen.integration.as_ref(), seen.last) {
        return Ok(());
    }
    let is_over = flag.reasons.iter().all(|reason| reason.cleared_at.is_some());
    let mut event = "clear";
    if is_over && let Ok(life) = flag.life.after(Move::Confirm, seen.last) {
        flag.live_on(life, seen.last);
        event = Move::Confirm.label();
    }
    append(write, Some(&before), flag, event, (GATEWAY, ""), seen.last).await
}

/// Adds to the trail that a flag changed. `by` is the number of who did it and that of their note.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    before: Option<&FlagRow>,
    after: &FlagRow,
    event: &str,
    (actor, note): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let assignee = after.assignee.as_deref().filter(|_| event == Move::Assign.label());
    // A snooze that is put off is told too; a flag that sleeps on is not.
    let snoozed = after.life.snoozed.filter(|_| before.is_none_or(|before| before.life.snoozed != after.life.snoozed));
    let entry = Entry {
        at,
        subject: &after.subject,
        flag: after.id.as_str(),
        event,
        before: before.map_or("", |flag| FlagState::label(flag.life.state)),
        after: after.life.state.label(),
        reasons: &after.codes(),
        actor,
        assignee,
        snoozed_until: snoozed.map(|(until, _)| until),
        note,
    };
    trail::append(connection, &entry).await
}
