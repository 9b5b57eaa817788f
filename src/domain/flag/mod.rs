//! Flags: which accounts need somebody to act, why, on what evidence, and how the life of such a flag goes.

mod finding;
mod life;
mod reason;
mod repeat;
mod weight;

pub use finding::{Fact, Finding, GuessFacts, History, SignIn, clears, over_since, review};
pub use life::{FlagState, Life, Move, MoveError};
pub use reason::Reason;
pub use repeat::Repeat;
pub use weight::{Confidence, Severity};
