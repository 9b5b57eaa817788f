//! A rate with room for bursts: the generic cell rate algorithm (ITU-T I.371), one point in time for each bucket.

use std::time::{Duration, Instant};

/// How much may happen how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `per_second` things a second (at least one), of which `burst` more may come at once.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), burst }
    }

    /// One node's part of it.
    #[must_use]
    pub fn among(self, nodes: u32) -> Self {
        let nodes = nodes.max(1);
        Self { interval: self.interval * nodes, burst: self.burst / nodes }
    }
}

/// What one bucket remembers: when all that was let through will have had its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket(Option<Instant>);

impl Bucket {
    /// Takes a turn at `now`: how long to wait for it, or, when that is longer than `patience`, how long it would have
    /// been; then nothing is taken. So never more wait than `patience` has room for.
    ///
    /// # Errors
    /// The time after which it would be worth to come again.
    pub fn take(&mut self, rate: Rate, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        let busy_until = self.0.map_or(now, |until| until.max(now));
        let wait = busy_until.saturating_duration_since(now).saturating_sub(rate.interval * rate.burst);
        if wait > patience {
            return Err(wait);
        }
        self.0 = Some(busy_until + rate.interval);
        Ok(wait)
    }

    /// Whether it remembers nothing any more.
    #[must_use]
    pub fn is_idle(&self, now: Instant) -> bool {
        self.0.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let (mut bucket, rate, now) = (Bucket::default(), Rate::new(10, 3), Instant::now());
        let waits: Vec<u128> =
            (0..6).map(|_| bucket.take(rate, now, SECOND).expect("within patience").as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 100, 200]);
    }

    #[test]
    fn nobody_waits_longer_than_they_would_and_nothing_is_taken_then() {
        let (mut bucket, rate, now) = (Bucket::default(), Rate::new(1, 0), Instant::now());
        assert_eq!(bucket.take(rate, now, SECOND), Ok(Duration::ZERO));
        assert_eq!(bucket.take(rate, now, SECOND), Ok(SECOND));
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, now, SECOND), Err(2 * SECOND));
        }
        assert_eq!(bucket.take(rate, now + SECOND, SECOND), Ok(SECOND));
    }

    #[test]
    fn nodes_share_a_rate() {
        let (rate, now) = (Rate::new(10, 4).among(2), Instant::now());
        let mut node = Bucket::default();
        let waits: Vec<u128> = (0..5).map(|_| node.take(rate, now, SECOND).expect("in time").as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 200, 400]);
    }

    #[test]
    fn a_bucket_is_idle_once_all_had_its_time() {
        let (mut bucket, rate, now) = (Bucket::default(), Rate::new(2, 5), Instant::now());
        assert!(bucket.is_idle(now));
        assert_eq!(bucket.take(rate, now, SECOND), Ok(Duration::ZERO));
        assert!(!bucket.is_idle(now));
        assert!(bucket.is_idle(now + SECOND / 2));
    }
}
