//! The whole database as one file, and back: lines of JSON that are the same for every kind of database, so that a
//! backup is also the way to move from one to the other. `line.rs` says what a file looks like.

mod backup;
mod error;
pub(crate) mod layout;
pub(crate) mod line;
mod restore;
mod table;

pub use error::ArchiveError;
pub use table::{Archive, Copied, Restored};
