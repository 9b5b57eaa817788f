//! Who still calls: how much, from where, with what, and whether it becomes less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::contract::AUTHENTICATE_SERVICE;
use crate::domain::{Clock, Day, Dimension, Institution, IntegrationName, Tally};
use crate::operator::{OperatorError, moment};
use crate::store::{Database, FlagTable, UsageCount, UsageTable, UsageValue};

/// Whose calls are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Everybody's.
    All,
    /// One integration's, however its name is spelled.
    Integration(IntegrationName),
    /// Those of nobody in particular: without an integration, or without one that is known.
    Nameless,
}

/// The calls of each integration. The names in this and the other views are public: other people's tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageOverview {
    /// The first day, in UTC.
    pub from: String,
    /// The last day: today.
    pub to: String,
    /// The integrations, those that call the most first.
    pub integrations: Vec<IntegrationUsageView>,
}

/// One integration's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntegrationUsageView {
    /// Its name; nothing for calls without one.
    pub integration: Option<String>,
    /// All calls.
    pub calls: u64,
    /// Accounts let in.
    pub accepted: u64,
    /// Accounts or integrations refused.
    pub refused: u64,
    /// Neither: no answer, a message that cannot be read, an operation that is not served.
    pub unanswered: u64,
    /// When the first call came, RFC 3339 in UTC.
    pub first: String,
    /// When the last call came.
    pub last: String,
    /// Accounts that have counters of their own.
    pub accounts: usize,
    /// Whether these are all of them: no call was of another account, or of none that is known to exist.
    pub accounts_complete: bool,
    /// What it asks for the most.
    pub top_operation: Option<String>,
    /// What its program says it is, most of the time.
    pub top_agent: Option<String>,
}

/// Calls by one dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageRankingView {
    /// The first day, in UTC.
    pub from: String,
    /// The last day: today.
    pub to: String,
    /// By what.
    pub by: &'static str,
    /// All calls: the values and the others together.
    pub calls: u64,
    /// Those with the most calls, these first.
    pub values: Vec<UsageValueView>,
    /// Everything else.
    pub others: Option<UsageValueView>,
}

/// The calls of one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageValueView {
    /// The value; empty where calls had none. Nothing for the others.
    pub value: Option<String>,
    /// The account's institution, for accounts.
    pub institution: Option<String>,
    /// All calls.
    pub calls: u64,
    /// Accounts let in.
    pub accepted: u64,
    /// Accounts or integrations refused.
    pub refused: u64,
    /// Neither.
    pub unanswered: u64,
    /// When the first call came, RFC 3339 in UTC; of others, none before.
    pub first: String,
    /// When the last call came; of others, none after.
    pub last: String,
}

/// Calls and flags day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BurnDownView {
    /// The first day, in UTC.
    pub from: String,
    /// The last day: today.
    pub to: String,
    /// Every day since the first with calls or flags.
    pub days: Vec<BurnDownDay>,
}

/// One day's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BurnDownDay {
    /// The day, in UTC.
    pub day: String,
    /// All calls.
    pub calls: u64,
    /// Calls to Alma's deprecated services: those that are to become none.
    pub legacy_calls: u64,
    /// Legacy calls by which an account was let in.
    pub legacy_accepted: u64,
    /// Integrations that made legacy calls.
    pub legacy_integrations: usize,
    /// Flags, of whatever integration, that somebody had to act on at the day's end.
    pub flags_active: u64,
    /// Flags that were opened, or opened again.
    pub flags_opened: u64,
    /// Flags that were resolved or dismissed.
    pub flags_closed: u64,
}

/// What became of the queue of flags on one day.
#[derive(Default)]
struct Queue {
    active: BTreeMap<Institution, u64>,
    opened: u64,
    closed: u64,
}

/// What an operator can ask about calls.
pub struct Usage {
    table: UsageTable,
    flags: FlagTable,
    clock: Arc<dyn Clock>,
}

impl Usage {
    /// The counters of a database.
    #[must_use]
    pub fn new(database: &Database, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.usage(), flags: database.flags(), clock }
    }

    /// The calls of each integration in the last `days` days, today included.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn overview(&self, days: u32, callers: &Callers) -> Result<UsageOverview, OperatorError> {
        let (first, last) = self.span(days);
        let by = [Dimension::Account, Dimension::Agent, Dimension::Operation];
        let mut integrations: BTreeMap<String, Vec<UsageCount>> = BTreeMap::new();
        for count in self.table.sums(first, last, &by).await? {
            if callers.hold(&count.integration) {
                integrations.entry(count.integration.clone()).or_default().push(count);
            }
        }
        let mut integrations: Vec<IntegrationUsageView> =
            integrations.into_iter().map(|(name, counts)| overview_of(name, &counts)).collect();
        integrations.sort_by_key(|integration| std::cmp::Reverse(integration.calls));
        Ok(UsageOverview { from: moment::show_day(first), to: moment::show_day(last), integrations })
    }

    /// The `top` values of a dimension in the last `days` days, and the others.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ranking(
        &self,
        days: u32,
        callers: &Callers,
        by: Dimension,
        top: usize,
    ) -> Result<UsageRankingView, OperatorError> {
        let (first, last) = self.span(days);
        let (mut values, mut others): (BTreeMap<UsageValue, Tally>, Tally) = (BTreeMap::new(), Tally::NONE);
        for count in self.table.sums(first, last, &[by]).await? {
            if count.dimension != Some(by) || !callers.hold(&count.integration) {
                continue;
            }
            match count.value {
                Some(value) => values.entry(value).or_default().add(&count.tally),
                None => others.add(&count.tally),
            }
        }
        let mut values: Vec<(UsageValue, Tally)> = values.into_iter().collect();
        values.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.calls()));
        for (_, tally) in values.drain(top.min(values.len())..) {
            others.add(&tally);
        }
        let calls = values.iter().map(|(_, tally)| tally.calls()).sum::<u64>() + others.calls();
        Ok(UsageRankingView {
            from: moment::show_day(first),
            to: moment::show_day(last),
            by: by.label(),
            calls,
            values: values.iter().map(|(value, tally)| value_view(Some(value), tally)).collect(),
            others: (!others.is_none()).then(|| value_view(None, &others)),
        })
    }

    /// The last `days` days, one by one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn burn_down(&self, days: u32, callers: &Callers) -> Result<BurnDownView, OperatorError> {
        let (first, last) = self.span(days);
        let mut found: BTreeMap<Day, (Tally, Tally, BTreeSet<String>)> = BTreeMap::new();
        for count in self.table.days(first, last).await? {
            if !callers.hold(&count.integration) {
                continue;
            }
            let (all, legacy, integrations) = found.entry(count.day).or_default();
            all.add(&count.tally);
            if count.operation.split('.').next() != Some(AUTHENTICATE_SERVICE) {
                legacy.add(&count.tally);
                if !count.integration.is_empty() {
                    integrations.insert(count.integration);
                }
            }
        }
        let (mut queue, mut active) = (BTreeMap::<Day, Queue>::new(), BTreeMap::<Institution, u64>::new());
        for day in self.flags.days(i64::MIN).await? {
            if day.day < first.number() {
                active.insert(day.institution, day.active);
                continue;
            }
            let of_day = queue.entry(Day::from_number(day.day)).or_default();
            of_day.active.insert(day.institution, day.active);
            (of_day.opened, of_day.closed) = (of_day.opened + day.opened, of_day.closed + day.closed);
        }
        // A day without calls is worth a line too: it is what everybody waits for.
        let begin = found.keys().chain(queue.keys()).min().map_or(last.number() + 1, |day| day.number());
        let days = (begin..=last.number()).map(Day::from_number).map(|day| {
            let (all, legacy, integrations) = found.remove(&day).unwrap_or_default();
            let flags = queue.remove(&day).unwrap_or_default();
            // An institution whose queue did not change on a day has no row of it.
            active.extend(flags.active);
            BurnDownDay {
                day: moment::show_day(day),
                calls: all.calls(),
                legacy_calls: legacy.calls(),
                legacy_accepted: legacy.accepted,
                legacy_integrations: integrations.len(),
                flags_active: active.values().sum(),
                flags_opened: flags.opened,
                flags_closed: flags.closed,
            }
        });
        let days = days.collect();
        Ok(BurnDownView { from: moment::show_day(first), to: moment::show_day(last), days })
    }

    fn span(&self, days: u32) -> (Day, Day) {
        let today = Day::of(self.clock.now());
        (today.before(days.saturating_sub(1)), today)
    }
}

impl Callers {
    fn hold(&self, integration: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nameless => integration.is_empty(),
            Self::Integration(name) => {
                IntegrationName::parse(integration).is_ok_and(|stored| stored.account() == name.account())
            }
        }
    }
}

fn overview_of(name: String, counts: &[UsageCount]) -> IntegrationUsageView {
    let of = |dimension| counts.iter().filter(move |count| count.dimension == dimension);
    let all: Tally = of(None).map(|count| &count.tally).collect();
    let top = |dimension| {
        let named = of(Some(dimension)).filter_map(|count| Some((count.value.as_ref()?, count.tally.calls())));
        named.max_by_key(|(_, calls)| *calls).map(|(value, _)| value.value.to_string())
    };
    IntegrationUsageView {
        integration: (!name.is_empty()).then_some(name),
        calls: all.calls(),
        accepted: all.accepted,
        refused: all.refused,
        unanswered: all.unanswered,
        first: moment::show(all.first),
        last: moment::show(all.last),
        accounts: of(Some(Dimension::Account)).filter(|count| count.value.is_some()).count(),
        accounts_complete: of(Some(Dimension::Account)).all(|count| count.value.is_some()),
        top_operation: top(Dimension::Operation),
        top_agent: top(Dimension::Agent),
    }
}

fn value_view(value: Option<&UsageValue>, tally: &Tally) -> UsageValueView {
    UsageValueView {
        value: value.map(|value| value.value.to_string()),
        institution: value.map(|value| value.institution.to_string()).filter(|code| !code.is_empty()),
        calls: tally.calls(),
        accepted: tally.accepted,
        refused: tally.refused,
        unanswered: tally.unanswered,
        first: moment::show(tally.first),
        last: moment::show(tally.last),
    }
}
