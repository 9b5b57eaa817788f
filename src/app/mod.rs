//! Wiring: the only place that names concrete adapters.

mod check;
mod clock;
mod harden;
mod open;
mod run;

pub use check::{Check, check};
pub use clock::SystemClock;
pub(crate) use harden::forbid_core_dumps;
pub use open::{OpenError, open_database};
pub use run::{DemoListeners, demo, serve};
