//! The running server under clients that are slow, hostile, many or gone, while it is reloaded and while it stops; and
//! the invariants that only the whole server can keep.
//!
//! Limits are set far below their defaults, and tests wait for what can be seen from outside: a closed connection, a
//! reply, a metric.

#![expect(clippy::expect_used, reason = "a test that cannot do its own part has failed")]

#[path = "http/connections.rs"]
mod connections;
#[path = "http/equality.rs"]
mod equality;
#[path = "http/flags.rs"]
mod flags;
#[path = "http/guessers.rs"]
mod guessers;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/housekeeping.rs"]
mod housekeeping;
#[path = "http/lifecycle.rs"]
mod lifecycle;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/lines.rs"]
mod lines;
#[path = "http/outages.rs"]
mod outages;
#[path = "http/reload.rs"]
mod reload;
#[path = "http/remembered.rs"]
mod remembered;
#[path = "http/secrets.rs"]
mod secrets;
#[path = "http/stop.rs"]
mod stop;
#[expect(dead_code, reason = "other test programs use more of it")]
mod support;
#[path = "http/usage.rs"]
mod usage;

use crate::support::until::until;

/// The demo's institution with a route of each contract.
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[console]
listen = "127.0.0.1:0"
[management]
listen = "127.0.0.1:0"

[[identity]]
name = "accounts"
kind = "embedded"

[[institution]]
code = "01DEMO_INST"
identity = "accounts"

[[route]]
contract = "alma"

[[route]]
contract = "authenticate"
institution = "01DEMO_INST"
integration = "none"
account = ["token", "body", "basic"]
"#;
