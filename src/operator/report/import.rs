//! Importing a list that was read.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{AccountId, Clock, Institution};
use crate::operator::OperatorError;
use crate::operator::report::read::AccountList;
use crate::store::{Database, FlagTable};

/// What an import did. The names are public: other people's tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportView {
    /// The code of the institution.
    pub institution: String,
    /// Rows of the file that hold anything.
    pub rows: u64,
    /// Accounts that they name.
    pub listed: u64,
    /// Of them, those that were in no list before.
    pub new: u64,
    /// Of them, those that the identity service let in within the last 30 days: the list lags behind.
    pub held: u64,
    /// Flags that were opened.
    pub opened: u64,
    /// Flags that were closed more than 30 days ago, and were opened again.
    pub reopened: u64,
    /// Flags that were closed, and stay so: within the last 30 days, or dismissed although an earlier list had them.
    pub closed: u64,
    /// Whether this very file was imported before: then nothing was done.
    pub repeated: bool,
    /// Rows, and accounts, that were left out.
    pub left_out: LeftOutView,
    /// Captions of columns that say nothing here.
    pub ignored_columns: Vec<String>,
    /// Captions of the columns that would say which rows count; where they are missing every row counts.
    pub missing_columns: Vec<&'static str>,
}

/// What was left out of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOutView {
    /// Rows whose `User Type` is not `Internal`.
    pub not_internal: u64,
    /// Rows whose `IdP Service in Use` is not `No`.
    pub in_use: u64,
    /// Accounts that monitoring signs in with.
    pub probe_accounts: u64,
}

/// What an operator can do with lists.
pub struct Reports {
    table: FlagTable,
    clock: Arc<dyn Clock>,
}

impl Reports {
    /// The lists of a database.
    #[must_use]
    pub fn new(database: &Database, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.flags(), clock }
    }

    /// Imports a list, whole or not at all: each account is flagged, and found through its further identifiers. Nothing
    /// is done for a file that was imported before. `probes` are never flagged; `actor` is who imports; `step` is told how many accounts of how many
    /// were written, none of which is safe before this returns.
    ///
    /// # Errors
    /// When the store fails; then nothing of it is imported.
    pub async fn import(
        &self,
        institution: &Institution,
        mut list: AccountList,
        probes: &[AccountId],
        actor: &str,
        step: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportView, OperatorError> {
        let all = list.accounts.len();
        list.accounts.retain(|listed| {
            !probes.contains(&listed.account) && !listed.others.iter().any(|other| probes.contains(other))
        });
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (total, mut written) = (count(list.accounts.len()), 0);
        let mut note = |some: u64| {
            written += some;
            step(written, total);
        };
        let at = self.clock.now();
        let done = self.table.import(institution, &list.accounts, &list.digest, (actor, at), &mut note).await?;
        Ok(ImportView {
            institution: institution.to_string(),
            rows: list.rows,
            listed: done.listed,
            new: done.new,
            held: done.held,
            opened: done.opened,
            reopened: done.reopened,
            closed: done.closed,
            repeated: done.repeated,
            left_out: LeftOutView {
                not_internal: list.left_out.not_internal,
                in_use: list.left_out.in_use,
                probe_accounts: count(all - list.accounts.len()),
            },
            ignored_columns: list.ignored_columns,
            missing_columns: list.missing_columns,
        })
    }
}
