//! Wiring: the only place that names concrete adapters.

mod check;
mod clock;
mod open;
mod run;

pub use check::{Check, check};
pub use clock::SystemClock;
pub use open::{OpenError, open_database};
pub use run::{DemoListeners, demo, serve};
