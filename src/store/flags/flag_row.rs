//! One flag with its reasons, as it is read, changed in memory and written back.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::domain::{
    AccountId, Confidence, Fact, Finding, FlagState, IntegrationName, Life, Reason, Severity, Timestamp, clears,
};
use crate::store::flags::gathered::FlagId;
use crate::store::{StoreError, row};

/// One reason of a flag, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonRecord {
    /// Why.
    pub reason: Reason,
    /// How soon somebody should act on it.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The integration that it was last found through.
    pub integration: Option<IntegrationName>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// When it turned out to be over.
    pub cleared_at: Option<Timestamp>,
}

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlagRow {
    pub(crate) id: FlagId,
    pub(crate) account: AccountId,
    pub(crate) subject: String,
    pub(crate) life: Life,
    /// The number of the actor who looks after it.
    pub(crate) assignee: Option<String>,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) count: u64,
    /// When it was opened last.
    pub(crate) opened_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) reasons: Vec<ReasonRecord>,
}

impl FlagRow {
    /// A flag without a reason yet.
    pub(crate) fn new(id: FlagId, account: AccountId, subject: String, at: Timestamp) -> Self {
        Self {
            id,
            account,
            subject,
            life: Life::NEW,
            assignee: None,
            first_seen: at,
            last_seen: at,
            count: 0,
            opened_at: at,
            closed_at: None,
            reasons: Vec::new(),
        }
    }

    /// Goes on in another state from `at` on. What is written late closes it no sooner than its last reason ended.
    pub(crate) fn live_on(&mut self, life: Life, at: Timestamp) {
        match (self.life.state.is_active(), life.state.is_active()) {
            (false, true) => (self.opened_at, self.closed_at) = (at, None),
            (true, false) => self.closed_at = self.last_end().max(Some(at)),
            (true, true) | (false, false) => {}
        }
        self.life = life;
    }

    /// The reasons that are not over; all of them where every one is.
    pub(crate) fn telling(&self) -> impl Iterator<Item = &ReasonRecord> {
        let any = self.reasons.iter().any(|reason| reason.cleared_at.is_none());
        self.reasons.iter().filter(move |reason| reason.cleared_at.is_none() || !any)
    }

    pub(crate) fn severity(&self) -> Severity {
        self.telling().map(|reason| reason.severity).max().unwrap_or(Severity::Low)
    }

    pub(crate) fn confidence(&self) -> Confidence {
        self.telling().map(|reason| reason.confidence).max().unwrap_or(Confidence::Low)
    }

    /// When the last of those reasons ended that did.
    fn last_end(&self) -> Option<Timestamp> {
        self.reasons.iter().filter_map(|reason| reason.cleared_at).max()
    }

    /// Whether the reason of any of these findings is not over.
    pub(crate) fn stands_for(&self, findings: &[Finding]) -> bool {
        let is_found = |reason: &ReasonRecord| findings.iter().any(|finding| finding.reason == reason.reason);
        self.reasons.iter().any(|reason| reason.cleared_at.is_none() && is_found(reason))
    }

    /// How often the reason was seen that was seen most.
    pub(crate) fn most_found(&self) -> u64 {
        self.reasons.iter().map(|reason| reason.count).max().unwrap_or(0)
    }

    /// Adds a finding that was seen `count` times; true when that is news: its reason is new, had been over, or is more
    /// severe than was known. What was last seen before the reason was over, or the flag closed, or is known to be `over`
    /// since, came late: it is counted, and brings nothing back.
    pub(crate) fn find(
        &mut self,
        finding: Finding,
        integration: Option<&IntegrationName>,
        (first, last): (Timestamp, Timestamp),
        count: u64,
        over: Option<Timestamp>,
    ) -> bool {
        self.first_seen = self.first_seen.min(first);
        self.last_seen = self.last_seen.max(last);
        let over = self.closed_at.filter(|closed| last <= *closed).or(over);
        let Some(known) = self.reasons.iter_mut().find(|known| known.reason == finding.reason) else {
            self.reasons.push(ReasonRecord {
                reason: finding.reason,
                severity: finding.severity,
                confidence: finding.confidence,
                integration: integration.cloned(),
                first_seen: first,
                last_seen: last,
                count,
                cleared_at: over,
            });
            self.reasons.sort_by_key(|reason| reason.reason);
            return over.is_none();
        };
        let is_newest = last >= known.last_seen;
        known.first_seen = known.first_seen.min(first);
        known.last_seen = known.last_seen.max(last);
        known.count = known.count.saturating_add(count);
        if known.cleared_at.is_some_and(|cleared| last <= cleared) {
            return false;
        }
        if over.is_some() {
            known.cleared_at = known.cleared_at.and(over);
            return false;
        }
        let (was_over, was_severe) = (known.cleared_at.take().is_some(), known.severity);
        // What is weaker than what was known says nothing against it, unless that was over.
        if was_over {
            (known.severity, known.confidence) = (finding.severity, finding.confidence);
        } else {
            known.severity = known.severity.max(finding.severity);
            known.confidence = known.confidence.max(finding.confidence);
        }
        if integration.is_some() && is_newest {
            known.integration = integration.cloned();
        }
        was_over || known.severity > was_severe
    }

    /// Ends the reasons that a fact seen at `at` shows to be over; true where it ends any. Those of a flag that was closed
    /// meanwhile end no sooner than it: whoever takes it up again takes them up as well.
    pub(crate) fn clear(&mut self, fact: Fact, by: Option<&IntegrationName>, at: Timestamp) -> bool {
        let mut any = false;
        for reason in self.reasons.iter_mut().filter(|reason| reason.cleared_at.is_none()) {
            // What was seen after the fact is not over by it.
            let found = (reason.reason, reason.confidence);
            if reason.last_seen <= at && clears(fact, found, by, reason.integration.as_ref()) {
                reason.cleared_at = self.closed_at.max(Some(at));
                any = true;
            }
        }
        any
    }

    /// Ends every reason as the flag is closed: an operator knows that they are gone.
    pub(crate) fn end_reasons(&mut self) {
        for reason in self.reasons.iter_mut().filter(|reason| reason.cleared_at.is_none()) {
            reason.cleared_at = self.closed_at;
        }
    }

    /// Takes back the end of the reasons that ended when the flag was closed, or since: an operator knows better.
    pub(crate) fn revive_reasons(&mut self) {
        let Some(closed) = self.closed_at else { return };
        for reason in self.reasons.iter_mut().filter(|reason| reason.cleared_at >= Some(closed)) {
            reason.cleared_at = None;
        }
    }

    /// Since when it is known that an account which stands in the list is held by the service all the same.
    pub(crate) fn held_since(&self) -> Option<Timestamp> {
        let reported = self.reasons.iter().find(|known| known.reason == Reason::Reported);
        let resolved_at = self.closed_at.filter(|_| self.life.state == FlagState::Resolved);
        resolved_at.max(reported.and_then(|known| known.cleared_at))
    }

    /// The codes of the reasons that are not over, for the trail.
    pub(crate) fn codes(&self) -> String {
        let codes: Vec<&str> = self.telling().map(|reason| reason.reason.code()).collect();
        codes.join(",")
    }
}

/// The flag of an account, where there is one.
pub(crate) async fn of_account(
    connection: &mut AnyConnection,
    account: &AccountId,
) -> Result<Option<FlagRow>, StoreError> {
    let found = sqlx::query("SELECT * FROM flag WHERE institution = $1 AND identifier = $2")
        .bind(account.institution().as_str())
        .bind(account.identifier())
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::during("look a flag up"))?;
    whole(connection, found).await
}

/// The flag with this id, where there is one.
pub(crate) async fn of_id(connection: &mut AnyConnection, id: &FlagId) -> Result<Option<FlagRow>, StoreError> {
    let found = sqlx::query("SELECT * FROM flag WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::during("look a flag up"))?;
    whole(connection, found).await
}

async fn whole(connection: &mut AnyConnection, found: Option<AnyRow>) -> Result<Option<FlagRow>, StoreError> {
    let Some(found) = found else { return Ok(None) };
    let id = row::text(&found, "id")?;
    let reasons = sqlx::query("SELECT * FROM flag_reason WHERE flag_id = $1 ORDER BY reason")
        .bind(&id)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("look a flag's reasons up"))?;
    let state = state(&found, "state")?;
    let snoozed = match (row::optional_time(&found, "snoozed_until")?, row::optional_text(&found, "state_before")?) {
        (Some(until), Some(before)) => {
            Some((until, FlagState::of_label(&before).ok_or(StoreError::unreadable("state_before"))?))
        }
        (_, _) => None,
    };
    Ok(Some(FlagRow {
        id: FlagId::stored(id),
        account: row::account(&found, "identifier")?,
        subject: row::text(&found, "subject")?,
        life: Life { state, snoozed },
        assignee: row::optional_text(&found, "assignee")?,
        first_seen: row::time(&found, "first_seen")?,
        last_seen: row::time(&found, "last_seen")?,
        count: row::count(&found, "count")?,
        opened_at: row::time(&found, "opened_at")?,
        closed_at: row::optional_time(&found, "closed_at")?,
        reasons: reasons.iter().map(reason).collect::<Result<_, _>>()?,
    }))
}

pub(crate) fn state(found: &AnyRow, column: &'static str) -> Result<FlagState, StoreError> {
    FlagState::of_label(&row::text(found, column)?).ok_or(StoreError::unreadable(column))
}

pub(crate) fn reason(found: &AnyRow) -> Result<ReasonRecord, StoreError> {
    let integration = row::optional_text(found, "integration")?;
    let integration = integration.map(|name| IntegrationName::parse(&name)).transpose();
    Ok(ReasonRecord {
        reason: Reason::of_code(&row::text(found, "reason")?).ok_or(StoreError::unreadable("reason"))?,
        severity: severity(found, "severity")?,
        confidence: confidence(found, "confidence")?,
        integration: integration.map_err(|_| StoreError::unreadable("integration"))?,
        first_seen: row::time(found, "first_seen")?,
        last_seen: row::time(found, "last_seen")?,
        count: row::count(found, "count")?,
        cleared_at: row::optional_time(found, "cleared_at")?,
    })
}

pub(crate) fn severity(found: &AnyRow, column: &'static str) -> Result<Severity, StoreError> {
    let stored = row::number(found, column)?;
    Severity::ALL.into_iter().find(|known| rank(*known) == stored).ok_or(StoreError::unreadable(column))
}

pub(crate) fn confidence(found: &AnyRow, column: &'static str) -> Result<Confidence, StoreError> {
    let stored = row::number(found, column)?;
    Confidence::ALL.into_iter().find(|known| sureness(*known) == stored).ok_or(StoreError::unreadable(column))
}

/// A severity as it is stored and sorted.
pub(crate) const fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

/// A confidence as it is stored.
pub(crate) const fn sureness(confidence: Confidence) -> i64 {
    match confidence {
        Confidence::Low => 1,
        Confidence::Medium => 2,
        Confidence::High => 3,
    }
}
