//! The `alma` adapter, the guard and the lock-out shield against a fake Alma that speaks real HTTP.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod answers;
mod canary;
mod fake;
mod faults;
mod guard;
mod guessing_away;
mod lives;
mod outage;
mod report;
mod shield;
mod store_away;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;
mod unsent;
#[path = "../support/store_away.rs"]
mod without_store;

use crate::fake::FakeAlma;

/// A gateway in front of a fake Alma; `more` are further sections.
fn config(alma: &FakeAlma, more: &str) -> String {
    alma.config(more)
}
