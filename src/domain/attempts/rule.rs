//! What is allowed.

use std::time::Duration;

/// How many attempts are allowed: an attempt is a password that the identity service may have counted as a failed
/// sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRule {
    /// Attempts of one account in a window.
    pub per_account: u32,
    /// Attempts of one account by one integration in a window.
    pub per_integration: u32,
    /// How long a window is.
    pub window: Duration,
    /// Attempts of one account in 24 hours since its last success.
    pub per_day: u32,
    /// When the same wrong password is asked again, at first; each time twice as long, up to six hours.
    pub recheck: Duration,
    /// How many nodes share the budgets while the store is away.
    pub nodes: u32,
}

impl Default for AttemptRule {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_integration: 4,
            window: Duration::from_mins(30),
            per_day: 40,
            recheck: Duration::from_mins(10),
            nodes: 1,
        }
    }
}
