//! The database: embedded accounts, registered integrations, flags, counters of calls, and the feed of changes. SQL
//! lives here and nowhere else, and what only one kind of database understands lives in that database's own file.

mod accounts;
mod attempt_table;
mod attempts;
mod changes;
mod database;
mod error;
mod feed;
mod flag_list;
mod flag_totals;
mod flags;
mod hash;
mod inspect;
mod integrations;
mod row;
mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
mod usage;
mod usage_merge;
mod usage_read;
mod usage_rows;

pub use accounts::{AccountChange, AccountRecord, AccountTable, NewAccountRecord};
pub use attempt_table::AttemptTable;
pub use attempts::{AttemptFuture, AttemptStore, Reservation, Reserved, Settled, Settlement, SlotId};
pub use changes::{Change, ChangeTable};
pub use database::Database;
pub use error::StoreError;
pub use feed::{ChangeFeed, News};
pub use flag_list::{FlagRecord, FlagState};
pub use flags::{FlagChange, FlagId, FlagStore, FlagTable};
pub use hash::StoredHash;
pub use inspect::{Tables, inspect};
pub use integrations::{IntegrationRecord, IntegrationTable, PreviousSecret};
pub use usage::{
    UsageCandidate, UsageChange, UsageFuture, UsagePlace, UsageRanking, UsageStore, UsageTable, UsageValue,
    UsageWritten,
};
pub use usage_read::{UsageCount, UsageDayCount};
