//! Flags in the database: what was seen of accounts becomes a flag, with its evidence, its life and its trail, in one
//! write. `record` is where to begin; the rules are `domain`'s.

mod act;
mod filter;
mod flag_row;
mod gathered;
mod habit;
mod page;
mod record;
mod report;
mod sources;
mod statement;
mod table;
mod tallies;
mod trail;

pub use act::{Acted, Action};
pub use filter::{FlagCursor, FlagFilter, FlagOrder};
pub use flag_row::ReasonRecord;
pub use gathered::{FlagId, FlagStore, Gathered, RecordFuture, Recorded, Seen};
pub use page::{FlagPage, FlagRecord};
pub use report::{Import, ListedAccount};
pub use sources::{SourceKind, SourceRecord};
pub use table::{FlagDetail, FlagTable};
pub use tallies::{FlagDay, Total};
pub use trail::{GATEWAY, TrailRecord};
