//! `soapgate flags`.

use std::io::{self, Write};

use crate::cli::arguments::{By, FlagsCommand, Step};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::workplace::Workplace;
use crate::domain::Move;
use crate::operator::{FlagDetailView, FlagView, Flags, Signature};
use crate::store::{FlagFilter, FlagId, FlagOrder};

/// Flags that a table shows where no limit is given.
const SHOWN: usize = 50;

pub(crate) async fn run(command: FlagsCommand, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let flags = place.flags();
    match command {
        FlagsCommand::List { kind, sort, limit, after, format } => {
            let (filter, order) = (kind.filter(), sort.order());
            let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
            if format.json && limit.is_none() && after.is_none() {
                return list_all(&flags, &filter, order, out).await;
            }
            let page = flags.page(&filter, order, after.as_deref(), limit.unwrap_or(SHOWN)).await?;
            if format.json {
                out.json(&page.flags)?;
                // Not in the array, whose shape is other programs'.
                if let Some(next) = page.next {
                    let _ = writeln!(io::stderr(), "next: --after {next}");
                }
                return Ok(());
            }
            if page.flags.is_empty() {
                return Ok(out.line("no flags")?);
            }
            let head =
                ["SEVERITY", "ACCOUNT", "INSTITUTION", "STATE", "REASONS", "COUNT", "LAST SEEN", "INTEGRATIONS", "ID"];
            out.table(head, &page.flags.iter().map(row).collect::<Vec<_>>())?;
            if let Some(next) = page.next {
                out.line(&format!("{} of {}; next: --after {next}", page.flags.len(), page.total))?;
            }
            Ok(())
        }
        FlagsCommand::Show { flag, format } => {
            let detail = flags.show(&flag.id).await?;
            if format.json { Ok(out.json(&detail)?) } else { show(&detail, out) }
        }
        FlagsCommand::Assign { flag, to, by } => {
            let state = flags.assign(&flag.id, &to, signature(by)).await?;
            Ok(out.line(&format!("{} is {state} to {to}", flag.id))?)
        }
        FlagsCommand::Notify(step) => move_on(&flags, step, Move::Notify, out).await,
        FlagsCommand::Wait(step) => move_on(&flags, step, Move::Wait, out).await,
        FlagsCommand::Resolve(step) => move_on(&flags, step, Move::Resolve, out).await,
        FlagsCommand::Dismiss(step) => move_on(&flags, step, Move::Dismiss, out).await,
        FlagsCommand::Snooze { step, until } => move_on(&flags, step, Move::Snooze { until }, out).await,
        FlagsCommand::Reopen(step) => move_on(&flags, step, Move::Reopen, out).await,
    }
}

/// One array, written as it is read: a million flags take no more memory than a page of them.
async fn list_all(flags: &Flags, filter: &FlagFilter, order: FlagOrder, out: &mut Output<'_>) -> Result<(), Failure> {
    let (mut is_first, mut written) = (true, Ok(()));
    out.text("[")?;
    flags
        .all(filter, order, |page| {
            for flag in page {
                let separator = if std::mem::take(&mut is_first) { "" } else { "," };
                if written.is_ok() {
                    written = out.text(separator).and_then(|()| out.json_part(&flag));
                }
            }
        })
        .await?;
    written?;
    Ok(out.line("]")?)
}

async fn move_on(flags: &Flags, step: Step, to_do: Move, out: &mut Output<'_>) -> Result<(), Failure> {
    let Step { flag, by } = step;
    let state = flags.move_on(&flag.id, to_do, signature(by)).await?;
    Ok(out.line(&told(&flag.id, state))?)
}

fn told(id: &FlagId, state: &str) -> String {
    format!("{id} is {state}")
}

fn signature(by: By) -> Signature {
    Signature { actor: by.by, note: by.note }
}

fn row(flag: &FlagView) -> [String; 9] {
    [
        flag.severity.to_owned(),
        flag.account.clone(),
        flag.institution.clone(),
        flag.state.to_owned(),
        flag.reasons.join(", "),
        flag.count.to_string(),
        flag.last_seen.clone(),
        flag.integrations.join(", "),
        flag.id.clone(),
    ]
}

fn show(detail: &FlagDetailView, out: &mut Output<'_>) -> Result<(), Failure> {
    let flag = &detail.flag;
    out.line(&format!("{} at {}", flag.account, flag.institution))?;
    let assigned = detail.assignee.as_ref().map_or_else(String::new, |name| format!(", assigned to {name}"));
    let until = flag.snoozed_until.as_ref().map_or_else(String::new, |until| format!(" until {until}"));
    out.line(&format!(
        "flag {}: {}{until}{assigned}, severity {}, confidence {}, opened {}, seen {} times from {} to {}",
        flag.id,
        flag.state,
        flag.severity,
        flag.confidence,
        flag.opened_at,
        flag.count,
        flag.first_seen,
        flag.last_seen
    ))?;
    out.line("")?;
    let evidence: Vec<[String; 7]> = detail
        .evidence
        .iter()
        .map(|reason| {
            let over = reason.cleared.as_ref().map_or_else(String::new, |at| format!("over since {at}"));
            [
                reason.reason.to_owned(),
                reason.severity.to_owned(),
                reason.confidence.to_owned(),
                reason.count.to_string(),
                reason.first_seen.clone(),
                reason.last_seen.clone(),
                over,
            ]
        })
        .collect();
    out.table(["EVIDENCE", "SEVERITY", "CONFIDENCE", "COUNT", "FIRST SEEN", "LAST SEEN", ""], &evidence)?;
    out.line("")?;
    let sources: Vec<[String; 5]> = detail
        .sources
        .iter()
        .map(|source| {
            let value = source.value.clone().unwrap_or_else(|| "others".to_owned());
            let (first, last) = (source.first_seen.clone(), source.last_seen.clone());
            [source.kind.to_owned(), value, source.count.to_string(), first, last]
        })
        .collect();
    out.table(["SOURCE", "", "COUNT", "FIRST SEEN", "LAST SEEN"], &sources)?;
    out.line("")?;
    let trail: Vec<[String; 6]> = detail
        .trail
        .iter()
        .map(|row| {
            let states = if row.before.is_empty() || row.before == row.after {
                row.after.clone()
            } else {
                format!("{} -> {}", row.before, row.after)
            };
            let actor = row.actor.clone().unwrap_or_else(|| "(erased)".to_owned());
            let note = row.note.clone().unwrap_or_default();
            let whom = row.assignee.as_ref().map_or_else(String::new, |name| format!(" to {name}"));
            let until = row.snoozed_until.as_ref().map_or_else(String::new, |until| format!(" until {until}"));
            let event = format!("{}{whom}{until}", row.event);
            [row.at.clone(), event, states, row.reasons.join(", "), actor, note]
        })
        .collect();
    Ok(out.table(["WHEN", "WHAT", "STATE", "REASONS", "WHO", "WHY"], &trail)?)
}
