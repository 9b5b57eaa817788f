//! The contract of the store: every test runs against every kind of database.

mod accounts;
pub(crate) mod archive;
mod attempts;
mod changes;
mod erasure;
mod flag_import;
mod flag_life;
mod flag_pages;
pub(crate) mod flags;
pub(crate) mod harness;
mod integrations;
mod opening;
mod usage;
mod writes;
