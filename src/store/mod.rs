//! The database: embedded accounts, registered integrations, flags, counters of calls, and the feed of changes. SQL lives
//! here and nowhere else. There is one text of it for all kinds of database: `engine` is where they part ways, and what
//! only one of them understands lives in that one's own file.

mod accounts;
mod archive;
mod attempt_counts;
mod attempt_person;
mod attempt_table;
mod attempts;
mod changes;
mod database;
mod engine;
mod erasure;
mod error;
mod feed;
mod flags;
mod hash;
mod inspect;
mod integrations;
mod migrations;
mod patience;
mod places;
mod postgres;
mod postgres_url;
mod row;
mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
mod usage;
mod usage_known;
mod usage_merge;
mod usage_read;
mod usage_rows;

pub use accounts::{AccountChange, AccountRecord, AccountTable, NewAccountRecord};
pub use archive::{Archive, ArchiveError, Copied, Restored};
pub use attempt_counts::{AttemptCount, AttemptCounts};
pub use attempt_table::AttemptTable;
pub use attempts::{AttemptFuture, AttemptStore, Reservation, Reserved, Settled, Settlement, SlotId, Taken};
pub use changes::{Change, ChangeTable};
pub use database::Database;
pub use engine::DatabaseUrl;
pub use erasure::{Erasure, Forgotten, Purge, Purged, RetentionSettings};
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
pub use postgres_url::PostgresUrl;
pub use usage::{
    UsageAdded, UsageCandidate, UsageChange, UsageFuture, UsagePlace, UsageRanking, UsageStore, UsageTable, UsageValue,
    UsageWritten,
};
pub use usage_read::{UsageCount, UsageDayCount};
