//! How guessing at integrations' passwords is slowed, per source address. A registered integration is never locked
//! out: whoever shouts wrong passwords only makes their own address wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::gateway::settings::SlowDownSettings;
use crate::identity::source_key;

/// Wrong passwords counted per source address.
pub(crate) struct SlowDown {
    wrong: Cache<IpAddr, Arc<AtomicU32>>,
    free: u32,
    step: Duration,
    longest: Duration,
}

impl SlowDown {
    pub(crate) fn new(settings: &SlowDownSettings) -> Self {
        let most = u64::try_from(settings.sources).unwrap_or(u64::MAX);
        Self {
            wrong: Cache::builder().max_capacity(most).time_to_idle(settings.forget).build(),
            free: settings.free,
            step: settings.step,
            longest: settings.longest,
        }
    }

    /// Counts a wrong password from `source` and tells how long its answer should wait.
    pub(crate) fn wrong(&self, source: IpAddr) -> Duration {
        let count = self.wrong.get_with(source_key(source), Arc::default).fetch_add(1, Ordering::Relaxed);
        self.step.saturating_mul(count.saturating_add(1).saturating_sub(self.free)).min(self.longest)
    }

    /// A right password from `source`: whoever sits there is no guesser.
    pub(crate) fn right(&self, source: IpAddr) {
        if self.wrong.entry_count() > 0 {
            self.wrong.invalidate(&source_key(source));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_password_beyond_the_free_ones_waits_longer_up_to_a_limit() {
        let slow = SlowDown::new(&SlowDownSettings::default());
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let waits: Vec<u128> = (0..13).map(|_| slow.wrong(guesser).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_000, 2_000]);
        assert_eq!(slow.wrong(other), Duration::ZERO, "another address does not wait");
    }
}
