//! The database: embedded accounts, registered integrations, flags, and the feed of changes. SQL lives here and
//! nowhere else, and what only one kind of database understands lives in that database's own file.

mod accounts;
mod attempt_table;
mod attempts;
mod changes;
mod database;
mod error;
mod feed;
mod flags;
mod hash;
mod inspect;
mod integrations;
mod places;
mod row;
mod sqlite;
#[cfg(test)]
pub(crate) mod suite;

pub use accounts::{AccountChange, AccountRecord, AccountTable, NewAccountRecord};
pub use attempt_table::AttemptTable;
pub use attempts::{AttemptFuture, AttemptStore, Reservation, Reserved, Settled, Settlement, SlotId};
pub use changes::{Change, ChangeTable};
pub use database::Database;
pub use error::StoreError;
pub use feed::{ChangeFeed, News};
pub use flags::{
    Acted, Action, FlagCursor, FlagDay, FlagDetail, FlagFilter, FlagId, FlagOrder, FlagPage, FlagRecord, FlagStore,
    FlagTable, GATEWAY, Gathered, Import, ListedAccount, ReasonRecord, RecordFuture, Recorded, Seen, SourceKind,
    SourceRecord, Total, TrailRecord,
};
pub use hash::StoredHash;
pub use inspect::{Tables, inspect};
pub use integrations::{IntegrationRecord, IntegrationTable, PreviousSecret};
