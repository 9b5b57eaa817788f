//! `soapgate usage`.

use crate::cli::arguments::UsageArguments;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::workplace::Workplace;
use crate::operator::{
    BurnDownDay, BurnDownView, Callers, IntegrationUsageView, UsageOverview, UsageRankingView, UsageValueView,
};

/// What stands where calls had no value.
const NONE: &str = "(none)";

pub(crate) async fn run(asked: UsageArguments, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let (usage, days) = (place.usage(), asked.days);
    let callers = asked.integration.unwrap_or(Callers::All);
    if asked.burn_down {
        let view = usage.burn_down(days, &callers).await?;
        return if asked.format.json { Ok(out.json(&view)?) } else { burn_down(&view, out) };
    }
    if let Some(by) = asked.by {
        let view = usage.ranking(days, &callers, by.dimension(), usize::from(asked.top)).await?;
        return if asked.format.json { Ok(out.json(&view)?) } else { ranking(&view, out) };
    }
    let view = usage.overview(days, &callers).await?;
    if asked.format.json { Ok(out.json(&view)?) } else { overview(&view, out) }
}

fn overview(view: &UsageOverview, out: &mut Output<'_>) -> Result<(), Failure> {
    if view.integrations.is_empty() {
        return nothing(&view.from, &view.to, out);
    }
    let head = [
        "INTEGRATION",
        "CALLS",
        "ACCEPTED",
        "REFUSED",
        "UNANSWERED",
        "ACCOUNTS",
        "FIRST",
        "LAST",
        "TOP OPERATION",
        "TOP AGENT",
    ];
    let row = |integration: &IntegrationUsageView| {
        // There are more than these, or calls of which nobody knows whose they were.
        let more = if integration.accounts_complete { "" } else { "+" };
        [
            integration.integration.clone().unwrap_or_else(|| NONE.to_owned()),
            integration.calls.to_string(),
            integration.accepted.to_string(),
            integration.refused.to_string(),
            integration.unanswered.to_string(),
            format!("{}{more}", integration.accounts),
            integration.first.clone(),
            integration.last.clone(),
            shown(integration.top_operation.as_ref()),
            shown(integration.top_agent.as_ref()),
        ]
    };
    Ok(out.table(head, &view.integrations.iter().map(row).collect::<Vec<_>>())?)
}

fn ranking(view: &UsageRankingView, out: &mut Output<'_>) -> Result<(), Failure> {
    if view.calls == 0 {
        return nothing(&view.from, &view.to, out);
    }
    let row = |name: String, value: &UsageValueView| {
        [
            name,
            value.institution.clone().unwrap_or_default(),
            value.calls.to_string(),
            value.accepted.to_string(),
            value.refused.to_string(),
            value.unanswered.to_string(),
            value.first.clone(),
            value.last.clone(),
        ]
    };
    let named = view.values.iter().map(|value| row(shown(value.value.as_ref()), value));
    let others = view.others.iter().map(|others| row("others".to_owned(), others));
    let rows: Vec<[String; 8]> = named.chain(others).collect();
    let head = view.by.to_uppercase();
    let head = [&head, "INSTITUTION", "CALLS", "ACCEPTED", "REFUSED", "UNANSWERED", "FIRST", "LAST"];
    if view.values.iter().any(|value| value.institution.is_some()) {
        return Ok(out.table(head, &rows)?);
    }
    let [name, _, rest @ ..] = head;
    let [calls, accepted, refused, unanswered, first, last] = rest;
    let rows: Vec<[String; 7]> = rows
        .into_iter()
        .map(|[name, _, calls, accepted, refused, unanswered, first, last]| {
            [name, calls, accepted, refused, unanswered, first, last]
        })
        .collect();
    Ok(out.table([name, calls, accepted, refused, unanswered, first, last], &rows)?)
}

fn burn_down(view: &BurnDownView, out: &mut Output<'_>) -> Result<(), Failure> {
    if view.days.is_empty() {
        return nothing(&view.from, &view.to, out);
    }
    let row = |day: &BurnDownDay| {
        [
            day.day.clone(),
            day.legacy_calls.to_string(),
            day.legacy_accepted.to_string(),
            day.legacy_integrations.to_string(),
            day.calls.to_string(),
            day.flags_active.to_string(),
            day.flags_opened.to_string(),
            day.flags_closed.to_string(),
        ]
    };
    let head =
        ["DAY", "LEGACY CALLS", "OF THEM ACCEPTED", "LEGACY INTEGRATIONS", "ALL CALLS", "FLAGS", "OPENED", "CLOSED"];
    Ok(out.table(head, &view.days.iter().map(row).collect::<Vec<_>>())?)
}

fn nothing(from: &str, to: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    Ok(out.line(&format!("no calls from {from} to {to}"))?)
}

fn shown(value: Option<&String>) -> String {
    value.filter(|value| !value.is_empty()).cloned().unwrap_or_else(|| NONE.to_owned())
}
