//! How long things are kept.

use std::time::Duration;

/// How long things are kept; `None` is for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Rows of the trail.
    pub trail: Option<Duration>,
    /// Flags that were resolved or dismissed, with their evidence and what was written about them.
    pub closed_flags: Option<Duration>,
    /// What integrations' sign-ins for an account have been like.
    pub habits: Option<Duration>,
    /// Rows of the imported list, since a list last had them.
    pub report: Option<Duration>,
    /// The counters of who calls.
    pub usage: Option<Duration>,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            trail: Some(days(730)),
            closed_flags: Some(days(365)),
            habits: Some(days(400)),
            report: Some(days(400)),
            usage: Some(days(400)),
        }
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}
