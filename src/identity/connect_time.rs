//! How long a connection to a service may take to be made: always less than the question that it is made for.

use std::time::Duration;

use tokio::time::Instant;

/// The longest, TLS included.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(2);

/// When a connection must stand for a question that ends at `deadline`: half of the time that is left is the question's
/// own. So what is too late is known to be before anything of a password was sent.
pub(crate) fn connect_by(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + (deadline.saturating_duration_since(now) / 2).min(CONNECT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connecting_takes_less_than_the_question_and_two_seconds_at_most() {
        for (millis, expected) in [(100, 50), (3_000, 1_500), (4_000, 2_000), (60_000, 2_000), (0, 0)] {
            let by = connect_by(Instant::now() + Duration::from_millis(millis));
            assert_eq!(by - Instant::now(), Duration::from_millis(expected), "{millis}");
        }
    }
}
