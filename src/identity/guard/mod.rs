//! What stands around every adapter and protects its service from the gateway: a deadline, a breaker, a rate, a day's
//! budget, and leaving it alone when it says so.

mod breaker;
mod budget;
mod guarded;

pub use guarded::Guarded;
