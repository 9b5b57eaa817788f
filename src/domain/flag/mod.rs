//! Flags: which accounts need somebody to act, why, on what evidence, and how the life of such a flag goes.

mod finding;
mod habit;
mod life;
mod reason;
mod weight;

pub use finding::{Fact, Finding, GuessFacts, History, SignIn, clears, review};
pub use habit::{DAYS_KEPT, Habit, Repeat, Repeats};
pub use life::{FlagState, Life, Move, MoveError};
pub use reason::Reason;
pub use weight::{Confidence, Severity};
