//! The contract of the store: every test runs against every kind of database.

mod accounts;
mod attempts;
mod changes;
mod flag_import;
mod flag_life;
mod flags;
pub(crate) mod harness;
mod integrations;
mod writes;
