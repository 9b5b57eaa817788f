//! The queue of flagged accounts: what stands in it, on what evidence, and what operators do about it.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{Clock, Move, Reason};
use crate::operator::{OperatorError, moment};
use crate::store::{
    Acted, Action, Database, FlagCursor, FlagDetail, FlagFilter, FlagId, FlagOrder, FlagRecord, FlagTable,
    ReasonRecord, SourceRecord, TrailRecord,
};

/// Flags that are read at once where all are asked for.
const PAGE: usize = 50;

/// One flag as operators see it. The names are public: other people's tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagView {
    /// Its id.
    pub id: String,
    /// The code of the account's institution.
    pub institution: String,
    /// The account's folded identifier.
    pub account: String,
    /// Where it stands.
    pub state: &'static str,
    /// Why, by code.
    pub reasons: Vec<&'static str>,
    /// How soon somebody should act.
    pub severity: &'static str,
    /// How sure the evidence is.
    pub confidence: &'static str,
    /// When it was first seen, RFC 3339 in UTC.
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
    /// How often it was seen.
    pub count: u64,
    /// When it was opened, or opened again.
    pub opened_at: String,
    /// The names of the integrations that called.
    pub integrations: Vec<String>,
    /// Until when it is left alone.
    pub snoozed_until: Option<String>,
}

/// Some flags of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagPageView {
    /// The flags.
    pub flags: Vec<FlagView>,
    /// What to ask for the next page with, unless this was the last.
    pub next: Option<String>,
    /// How many there are of this kind: a number up to a thousand, then `1,000+`.
    pub total: String,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonView {
    /// Why, by code.
    pub reason: &'static str,
    /// How soon somebody should act on it.
    pub severity: &'static str,
    /// How sure it is.
    pub confidence: &'static str,
    /// The integration that it was last found through.
    pub integration: Option<String>,
    /// When it was first seen.
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
    /// How often.
    pub count: u64,
    /// When it turned out to be over.
    pub cleared: Option<String>,
}

/// One place that the sign-ins behind a flag came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// `integration`, `address` or `operation`.
    pub kind: &'static str,
    /// Which; absent for all that are not told apart.
    pub value: Option<String>,
    /// When it was first seen.
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
    /// How often.
    pub count: u64,
}

/// One thing that happened to a flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrailView {
    /// When.
    pub at: String,
    /// What.
    pub event: String,
    /// Where the flag stood before; empty where there was none.
    pub before: String,
    /// Where it stood after.
    pub after: String,
    /// The codes of its reasons then.
    pub reasons: Vec<String>,
    /// Who did it: `gateway` for the rules themselves; absent once the name is erased.
    pub actor: Option<String>,
    /// Of an assignment: who looks after it from then on.
    pub assignee: Option<String>,
    /// Of a snooze: until when.
    pub snoozed_until: Option<String>,
    /// What they wrote about it.
    pub note: Option<String>,
}

/// One flag with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagDetailView {
    /// The flag, as lists show it.
    #[serde(flatten)]
    pub flag: FlagView,
    /// Who looks after it.
    pub assignee: Option<String>,
    /// Its evidence.
    pub evidence: Vec<ReasonView>,
    /// Where the sign-ins behind it came from.
    pub sources: Vec<SourceView>,
    /// What happened to it, oldest first.
    pub trail: Vec<TrailView>,
}

/// Who does something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub actor: String,
    /// Why.
    pub note: Option<String>,
}

/// What an operator can do with flags.
pub struct Flags {
    table: FlagTable,
    clock: Arc<dyn Clock>,
}

impl Flags {
    /// The flags of a database.
    #[must_use]
    pub fn new(database: &Database, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.flags(), clock }
    }

    /// One page of at most `most` flags; `after` is what the page before said is next.
    ///
    /// # Errors
    /// When the store fails, or `after` is not what a page of this order said.
    pub async fn page(
        &self,
        filter: &FlagFilter,
        order: FlagOrder,
        after: Option<&str>,
        most: usize,
    ) -> Result<FlagPageView, OperatorError> {
        let order = filter.order(order);
        let after = after
            .map(|text| FlagCursor::parse(text).filter(|cursor| cursor.order() == order).ok_or(OperatorError::Cursor));
        let page = self.table.page(filter, order, after.transpose()?.as_ref(), most).await?;
        Ok(FlagPageView {
            flags: page.flags.into_iter().map(view).collect(),
            next: page.next.map(|cursor| cursor.encode()),
            total: page.total.map_or_else(|| "1,000+".to_owned(), |total| total.to_string()),
        })
    }

    /// All flags of one kind, handed over page by page.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all(
        &self,
        filter: &FlagFilter,
        order: FlagOrder,
        mut each: impl FnMut(Vec<FlagView>),
    ) -> Result<(), OperatorError> {
        let all = self.table.pages(filter, order, PAGE, |flags| each(flags.into_iter().map(view).collect()));
        Ok(all.await?)
    }

    /// One flag with all that is known of it.
    ///
    /// # Errors
    /// When there is none of this id, or the store fails.
    pub async fn show(&self, id: &FlagId) -> Result<FlagDetailView, OperatorError> {
        let detail = self.table.show(id).await?.ok_or_else(|| not_found(id))?;
        let FlagDetail { flag, assignee, reasons, sources, trail } = detail;
        Ok(FlagDetailView {
            flag: view(flag),
            assignee,
            evidence: reasons.into_iter().map(reason_view).collect(),
            sources: sources.into_iter().map(source_view).collect(),
            trail: trail.into_iter().map(trail_view).collect(),
        })
    }

    /// Takes a flag over for somebody.
    ///
    /// # Errors
    /// When there is no such flag, its state does not allow it, or the store fails.
    pub async fn assign(&self, id: &FlagId, assignee: &str, by: Signature) -> Result<&'static str, OperatorError> {
        self.act(id, Move::Assign, Some(assignee.to_owned()), by).await
    }

    /// Moves a flag on.
    ///
    /// # Errors
    /// When there is no such flag, its state does not allow it, a dismissal has no note, or the store fails.
    pub async fn move_on(&self, id: &FlagId, to_do: Move, by: Signature) -> Result<&'static str, OperatorError> {
        if to_do == Move::Dismiss && by.note.as_deref().is_none_or(|note| note.trim().is_empty()) {
            return Err(OperatorError::NoteMissing);
        }
        self.act(id, to_do, None, by).await
    }

    async fn act(
        &self,
        id: &FlagId,
        to_do: Move,
        assignee: Option<String>,
        by: Signature,
    ) -> Result<&'static str, OperatorError> {
        let action = Action { to_do, actor: by.actor, assignee, note: by.note, at: self.clock.now() };
        match self.table.act(id, &action).await? {
            Acted::Done(state) => Ok(state.label()),
            Acted::NotFound => Err(not_found(id)),
            Acted::Refused(error) => Err(OperatorError::Move(error)),
        }
    }
}

fn not_found(id: &FlagId) -> OperatorError {
    OperatorError::NotFound(format!("flag {id}"))
}

fn view(record: FlagRecord) -> FlagView {
    FlagView {
        id: record.id.to_string(),
        institution: record.account.institution().to_string(),
        account: record.account.identifier().to_owned(),
        state: record.state.label(),
        reasons: record.reasons.into_iter().map(Reason::code).collect(),
        severity: record.severity.label(),
        confidence: record.confidence.label(),
        first_seen: moment::show(record.first_seen),
        last_seen: moment::show(record.last_seen),
        count: record.count,
        opened_at: moment::show(record.opened_at),
        integrations: record.integrations,
        snoozed_until: record.snoozed_until.map(moment::show),
    }
}

fn reason_view(record: ReasonRecord) -> ReasonView {
    ReasonView {
        reason: record.reason.code(),
        severity: record.severity.label(),
        confidence: record.confidence.label(),
        integration: record.integration.map(|name| name.to_string()),
        first_seen: moment::show(record.first_seen),
        last_seen: moment::show(record.last_seen),
        count: record.count,
        cleared: record.cleared_at.map(moment::show),
    }
}

fn source_view(record: SourceRecord) -> SourceView {
    SourceView {
        kind: record.kind.label(),
        value: record.value,
        first_seen: moment::show(record.first_seen),
        last_seen: moment::show(record.last_seen),
        count: record.count,
    }
}

fn trail_view(record: TrailRecord) -> TrailView {
    TrailView {
        at: moment::show(record.at),
        event: record.event,
        before: record.before,
        after: record.after,
        reasons: record.reasons,
        actor: record.actor,
        assignee: record.assignee,
        snoozed_until: record.snoozed_until.map(moment::show),
        note: record.note,
    }
}
