//! Wiring: the only place that names concrete adapters.

mod assemble;
mod canaries;
mod check;
mod clock;
mod demo;
mod follow;
mod harden;
mod housekeeping;
mod open;
mod panics;
mod run;
mod runtime;
mod server;

pub use check::{Check, check, check_identity};
pub use clock::SystemClock;
pub use demo::{DemoListeners, demo};
pub(crate) use harden::forbid_core_dumps;
pub use open::{OpenError, open_database};
pub use run::serve;
pub use runtime::{server_runtime, worker_threads};
pub use server::Server;
