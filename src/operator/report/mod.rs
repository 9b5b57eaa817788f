//! The Analytics list of accounts that the identity service does not hold: its file is read whole or not at all, and
//! then imported.

mod captions;
mod cell;
mod encoding;
mod import;
mod problem;
mod quoting;
mod read;
#[cfg(test)]
mod tests;

pub use import::{ImportView, LeftOutView, Reports};
pub use problem::{ListProblem, ListProblems};
pub use read::{AccountList, FILE_BYTES_MAX, LeftOut, read_list};
