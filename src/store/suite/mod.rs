//! The contract of the store: every test runs against every kind of database.

mod accounts;
mod attempts;
mod changes;
mod flags;
pub(crate) mod harness;
mod integrations;
mod usage;
mod writes;
