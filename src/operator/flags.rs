//! The queue of flagged accounts.

use serde::Serialize;

use crate::domain::Reason;
use crate::operator::{OperatorError, moment};
use crate::store::{Database, FlagRecord, FlagTable};

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
    /// When it was first seen, RFC 3339 in UTC.
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
    /// How often it was seen.
    pub count: u64,
    /// The names of the integrations that called.
    pub integrations: Vec<String>,
}

/// What an operator can do with flags.
pub struct Flags {
    table: FlagTable,
}

impl Flags {
    /// The flags of a database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self { table: database.flags() }
    }

    /// All flags: the most severe first, among equals the one seen last.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<FlagView>, OperatorError> {
        Ok(self.table.list().await?.into_iter().map(view).collect())
    }
}

fn view(record: FlagRecord) -> FlagView {
    FlagView {
        id: record.id.to_string(),
        institution: record.account.institution().to_string(),
        account: record.account.identifier().to_owned(),
        state: record.state.label(),
        reasons: record.reasons.into_iter().map(Reason::code).collect(),
        severity: record.severity.label(),
        first_seen: moment::show(record.first_seen),
        last_seen: moment::show(record.last_seen),
        count: record.count,
        integrations: record.integrations,
    }
}
