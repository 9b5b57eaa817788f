//! How many flags there are, kept as they change so that nobody has to count them; and what became of the queue day by
//! day.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use crate::domain::{FlagState, Institution, Reason, Severity, Timestamp};
use crate::store::flags::filter::FlagFilter;
use crate::store::flags::flag_row::{FlagRow, rank};
use crate::store::{StoreError, row};

const DAY_MILLIS: i64 = 24 * 3_600_000;
const ALL: &str = "all";

/// How many flags of one institution stand in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The institution.
    pub institution: Institution,
    /// The state.
    pub state: FlagState,
    /// All of them.
    pub all: u64,
    /// Those of each reason that has any; a flag with two reasons counts for both.
    pub reasons: Vec<(Reason, u64)>,
    /// Those of each severity that has any.
    pub severities: Vec<(Severity, u64)>,
}

/// What became of an institution's queue on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagDay {
    /// The day, as days since 1970-01-01 in UTC.
    pub day: i64,
    /// The institution.
    pub institution: Institution,
    /// Flags that were opened, or opened again.
    pub opened: u64,
    /// Flags that were resolved or dismissed.
    pub closed: u64,
    /// Flags that somebody had to act on after the day's last change.
    pub active: u64,
}

/// What one write changes of the totals.
#[derive(Default)]
pub(crate) struct Tallies {
    totals: BTreeMap<(String, &'static str, String), i64>,
    /// Opened and closed, by day and institution.
    days: BTreeMap<(i64, String), (i64, i64)>,
}

impl Tallies {
    /// Notes that a flag changed, at `at`; `None` is a flag that is not there.
    pub(crate) fn note(&mut self, before: Option<&FlagRow>, after: Option<&FlagRow>, at: Timestamp) {
        for (flag, step) in [(before, -1), (after, 1)] {
            if let Some(flag) = flag {
                self.add(flag, step);
            }
        }
        let is_active = |flag: Option<&FlagRow>| flag.is_some_and(|flag| flag.life.state.is_active());
        let (was, is) = (is_active(before), is_active(after));
        if let Some(flag) = after.or(before).filter(|_| was != is) {
            let day = at.as_millis().div_euclid(DAY_MILLIS);
            let of_day = self.days.entry((day, flag.account.institution().as_str().to_owned())).or_default();
            if is {
                of_day.0 += 1;
            } else {
                of_day.1 += 1;
            }
        }
    }

    /// Notes that so many flags like this one were opened, at `at`.
    pub(crate) fn note_opened(&mut self, flag: &FlagRow, count: u64, at: Timestamp) {
        let step = row::stored(count);
        self.add(flag, step);
        let day = at.as_millis().div_euclid(DAY_MILLIS);
        self.days.entry((day, flag.account.institution().as_str().to_owned())).or_default().0 += step;
    }

    fn add(&mut self, flag: &FlagRow, step: i64) {
        let (institution, state) = (flag.account.institution().as_str(), flag.life.state.label());
        let mut add = |label: String| {
            *self.totals.entry((institution.to_owned(), state, label)).or_default() += step;
        };
        add(ALL.to_owned());
        add(format!("severity:{}", rank(flag.severity())));
        for reason in flag.telling() {
            add(format!("reason:{}", reason.reason.code()));
        }
    }

    /// Writes the totals, in the order of their keys.
    pub(crate) async fn save(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let failed = || StoreError::during("keep the totals of flags");
        for ((institution, state, label), step) in self.totals.into_iter().filter(|(_, step)| *step != 0) {
            sqlx::query(
                "INSERT INTO flag_total (institution, state, label, total) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (institution, state, label) DO UPDATE SET total = flag_total.total + excluded.total",
            )
            .bind(institution)
            .bind(state)
            .bind(label)
            .bind(step)
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
        }
        for ((day, institution), (opened, closed)) in self.days {
            let active = active(connection, &institution).await?;
            sqlx::query(
                "INSERT INTO flag_day (day, institution, opened, closed, active) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (day, institution) DO UPDATE SET opened = flag_day.opened + excluded.opened, \
                 closed = flag_day.closed + excluded.closed, active = excluded.active",
            )
            .bind(day)
            .bind(institution)
            .bind(opened)
            .bind(closed)
            .bind(active)
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
        }
        Ok(())
    }
}

async fn active(connection: &mut AnyConnection, institution: &str) -> Result<i64, StoreError> {
    let totals = sqlx::query("SELECT state, total FROM flag_total WHERE institution = $1 AND label = 'all'")
        .bind(institution)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("count flags"))?;
    let mut active = 0;
    for total in &totals {
        if FlagState::of_label(&row::text(total, "state")?).is_some_and(FlagState::is_active) {
            active += row::number(total, "total")?;
        }
    }
    Ok(active)
}

/// How many flags a filter leaves that asks for no prefix, and for a reason or a severity but not for both.
pub(crate) async fn sum(connection: &mut AnyConnection, filter: &FlagFilter) -> Result<u64, StoreError> {
    let label = match (filter.reason, filter.severity) {
        (Some(reason), _) => format!("reason:{}", reason.code()),
        (None, Some(severity)) => format!("severity:{}", rank(severity)),
        (None, None) => ALL.to_owned(),
    };
    let found = sqlx::query(
        "SELECT state, CAST(SUM(total) AS BIGINT) AS total FROM flag_total \
         WHERE label = $1 AND ($2 = '' OR institution = $2) GROUP BY state",
    )
    .bind(label)
    .bind(filter.institution.as_ref().map_or("", Institution::as_str))
    .fetch_all(connection)
    .await
    .map_err(StoreError::during("count flags"))?;
    let mut sum = 0;
    for of_state in &found {
        let state = FlagState::of_label(&row::text(of_state, "state")?).ok_or(StoreError::unreadable("state"))?;
        if filter.states.is_empty() || filter.states.contains(&state) {
            sum += row::count(of_state, "total")?;
        }
    }
    Ok(sum)
}

/// The totals by institution and state; states without a flag are left out.
pub(crate) async fn totals(connection: &mut AnyConnection) -> Result<Vec<Total>, StoreError> {
    let rows = sqlx::query("SELECT * FROM flag_total WHERE total > 0 ORDER BY institution, state, label")
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("count flags"))?;
    let mut totals: Vec<Total> = Vec::new();
    for found in &rows {
        let institution = row::institution(found)?;
        let state = FlagState::of_label(&row::text(found, "state")?).ok_or(StoreError::unreadable("state"))?;
        let (label, total) = (row::text(found, "label")?, row::count(found, "total")?);
        if totals.last().is_none_or(|last| last.institution != institution || last.state != state) {
            totals.push(Total { institution, state, all: 0, reasons: Vec::new(), severities: Vec::new() });
        }
        let Some(last) = totals.last_mut() else { continue };
        match label.split_once(':') {
            Some(("reason", code)) => {
                last.reasons.push((Reason::of_code(code).ok_or(StoreError::unreadable("label"))?, total));
            }
            Some(("severity", stored)) => {
                let severity = Severity::ALL.into_iter().find(|known| rank(*known).to_string() == stored);
                last.severities.push((severity.ok_or(StoreError::unreadable("label"))?, total));
            }
            _ => last.all = total,
        }
    }
    Ok(totals)
}

/// The queue's days from `first` on, oldest first. A day on which nothing changed has no row.
pub(crate) async fn days(connection: &mut AnyConnection, first: i64) -> Result<Vec<FlagDay>, StoreError> {
    sqlx::query("SELECT * FROM flag_day WHERE day >= $1 ORDER BY day, institution")
        .bind(first)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("read the queue's days"))?
        .iter()
        .map(|found| {
            Ok(FlagDay {
                day: row::number(found, "day")?,
                institution: row::institution(found)?,
                opened: row::count(found, "opened")?,
                closed: row::count(found, "closed")?,
                active: row::count(found, "active")?,
            })
        })
        .collect()
}
