//! The `alma` adapter, the guard and the lock-out shield against a fake Alma that speaks real HTTP.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

mod answers;
mod fake;
mod faults;
mod guard;
mod lives;
mod outage;
mod report;
mod shield;
mod store_away;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;

use crate::fake::FakeAlma;

/// A gateway in front of a fake Alma; `more` are further sections.
fn config(alma: &FakeAlma, more: &str) -> String {
    format!(
        "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
         management = {{ listen = \"127.0.0.1:0\" }}\n\
         [[identity]]\nname = \"alma\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n{more}\n\
         [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"alma\"\n[[route]]\ncontract = \"alma\"\n",
        alma.base_url(),
        alma.settings().api_key.expose(),
    )
}
