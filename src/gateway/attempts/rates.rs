//! How fast one address and one caller may ask: who is faster waits a moment, and who would wait too long is told that
//! there is no answer now.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Caller;
use crate::gateway::settings::{CALLERS_WAIT, RateSettings};
use crate::identity::{Bucket, Rate, source_key};

/// Addresses, and callers, that are told apart at once; beyond that they share one bucket.
const APART: usize = 10_000;

/// The paces of all addresses and callers.
pub(crate) struct CallerRates {
    sources: Buckets<IpAddr>,
    callers: Buckets<Caller>,
}

struct Buckets<K> {
    rate: Rate,
    buckets: Mutex<(HashMap<K, Bucket>, Bucket)>,
}

impl CallerRates {
    /// With nobody remembered.
    pub(crate) fn new(settings: &RateSettings) -> Self {
        Self { sources: Buckets::new(settings.per_source), callers: Buckets::new(settings.per_integration) }
    }

    /// Takes a turn for a question: how long it has to wait.
    ///
    /// # Errors
    /// When that is longer than [`CALLERS_WAIT`]: the time after which to come again.
    pub(crate) fn take(&self, source: IpAddr, caller: &Caller, now: Instant) -> Result<Duration, Duration> {
        let source = self.sources.take(source_key(source), now)?;
        Ok(self.callers.take(caller.clone(), now)?.max(source))
    }
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(per_second: u32) -> Self {
        // Two seconds' worth may come at once: patrons of one proxy come in crowds.
        Self { rate: Rate::new(per_second, per_second.saturating_mul(2)), buckets: Mutex::default() }
    }

    fn take(&self, key: K, now: Instant) -> Result<Duration, Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (apart, shared) = &mut *buckets;
        if apart.len() >= APART && !apart.contains_key(&key) {
            apart.retain(|_, bucket| !bucket.is_idle(now));
            if apart.len() >= APART {
                return shared.take(self.rate, now, CALLERS_WAIT);
            }
        }
        apart.entry(key).or_default().take(self.rate, now, CALLERS_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> CallerRates {
        CallerRates::new(&RateSettings { per_source: 5, per_integration: 10 })
    }

    #[test]
    fn who_is_too_fast_waits_two_seconds_at_most_and_harms_no_other() {
        let (rates, now) = (rates(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let caller = Caller::stored("01X/a");
        let took: Vec<Result<Duration, Duration>> = (0..30).map(|_| rates.take(one, &caller, now)).collect();
        assert_eq!(took.iter().filter(|took| **took == Ok(Duration::ZERO)).count(), 11);
        assert_eq!(took.iter().filter(|took| took.is_ok()).count(), 21, "ten more may wait");
        assert!(took.iter().flatten().all(|wait| *wait <= CALLERS_WAIT));
        assert_eq!(rates.take(other, &Caller::stored("01X/b"), now), Ok(Duration::ZERO));
    }

    #[test]
    fn addresses_beyond_those_told_apart_share_one_bucket_and_nothing_grows() {
        let (rates, now) = (rates(), Instant::now());
        for n in 0..u32::try_from(APART).expect("small") + 50 {
            let _ = rates.sources.take(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(rates.sources.buckets.lock().expect("not poisoned").0.len(), APART);
        let later = now + Duration::from_mins(1);
        assert_eq!(rates.sources.take(IpAddr::from([11, 0, 0, 1]), later), Ok(Duration::ZERO));
        assert_eq!(rates.sources.buckets.lock().expect("not poisoned").0.len(), 1);
    }
}
