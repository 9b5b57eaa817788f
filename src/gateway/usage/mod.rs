//! Who still calls: from a call's end to the counters in the store. A call only leaves a note of itself in a bounded
//! buffer; a worker counts in memory, and writes every few seconds.

mod agent;
mod buffer;
mod counted;
mod counters;
mod keeper;
mod ranking;
#[cfg(test)]
mod tests;

pub use agent::UserAgent;
pub(crate) use buffer::UsageBuffer;
pub(crate) use counted::{EndedCall, Operation, end_of, exists};
pub use keeper::{UsageKeeper, keep_usage};
