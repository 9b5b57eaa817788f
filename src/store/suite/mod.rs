//! The contract of the store: every test runs against every kind of database.

mod accounts;
pub(crate) mod archive;
mod attempts;
mod belated;
mod changes;
mod erasure;
mod flag_import;
mod flag_late;
mod flag_life;
mod flag_pages;
mod flag_return;
pub(crate) mod flags;
pub(crate) mod harness;
mod integrations;
mod opening;
mod usage;
mod writes;
