//! Flags in the database: what was seen of accounts becomes a flag, with its evidence, its life and its trail, in one
//! write. `record` is where to begin; the rules are `domain`'s.

mod act;
mod filter;
pub(crate) mod flag_row;
mod flag_save;
mod gathered;
mod habit;
mod import;
mod page;
mod record;
pub(crate) mod report;
mod sources;
mod statement;
mod stretch;
mod table;
pub(crate) mod tallies;
pub(crate) mod trail;

pub use act::{Acted, Action};
pub use filter::{FlagCursor, FlagFilter, FlagOrder};
pub use flag_row::ReasonRecord;
pub use gathered::{FlagId, FlagStore, Gathered, RecordFuture, Recorded, Seen};
pub use import::{Import, ListedAccount};
pub use page::{FlagPage, FlagRecord};
pub use sources::{SourceKind, SourceRecord};
pub use table::{FlagDetail, FlagTable};
pub use tallies::{FlagDay, Total};
pub use trail::{GATEWAY, TrailRecord};
