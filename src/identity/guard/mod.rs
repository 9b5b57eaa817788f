//! What stands around every adapter and protects its service from the gateway: a deadline, a breaker, a rate, a day's
//! budget, and leaving it alone when it says so. Everything that a service is asked passes here, or is remembered here.

#[cfg(test)]
mod bench;
mod breaker;
#[cfg(test)]
mod breaker_tests;
mod budget;
mod guarded;
#[cfg(test)]
mod guarded_tests;
mod looks;
mod probe;
#[cfg(test)]
mod probe_tests;
mod run;
mod turns;
mod watch;

pub use guarded::Guarded;
