//! Real counterparts. `tests/counterparts/run.py NAME` starts one and says in the environment where it is; the tests of
//! a counterpart stand in the module of its name.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod canaille;
mod directory;
#[path = "../alma/fake/mod.rs"]
#[expect(dead_code, reason = "the tests against it use more of it")]
mod fake;
mod keycloak;
#[path = "../process/kills.rs"]
mod kills;
mod postgres;
mod providers;
mod samba;
#[path = "../process/served.rs"]
#[expect(dead_code, reason = "the tests of a process use more of it")]
mod served;
mod slapd;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;
#[path = "../support/store_away.rs"]
mod without_store;

use support::books;

/// What `run.py` says under this name.
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/counterparts/run.py"))
}
