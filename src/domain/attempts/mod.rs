//! The lock-out shield: how many possibly wrong guesses an account's identity service is sent.

mod gate;
mod guesses;
#[cfg(test)]
mod model_tests;
mod rule;
mod slot;

pub use gate::{DAY, Gate, decide};
pub use guesses::{GuessTag, Guesses, RECHECK_MAX, Recall, Said};
pub use rule::AttemptRule;
pub use slot::{Caller, Slot, SlotKind};
