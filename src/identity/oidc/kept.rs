//! What is fetched from the provider when it is first needed, and then kept: one call fetches, the others use what is
//! there or wait for it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::domain::NoAnswer;
use crate::identity::port::{IdentityError, Sent};

/// How long what was fetched is good without asking.
const FRESH: Duration = Duration::from_hours(1);
/// How long a call may be kept by the renewal of what is there, and when it is tried again if it fails.
const RENEWAL: Duration = Duration::from_secs(2);
const RENEW_AGAIN: Duration = Duration::from_mins(1);
/// How often it is fetched anew because somebody does not find what is needed in it.
const NOT_FOUND: Duration = Duration::from_secs(30);
/// How long a provider that throttles is left alone when it does not say, and at most.
const QUIET: Duration = Duration::from_secs(1);
const QUIET_MAX: Duration = Duration::from_mins(10);

/// A document of the provider's.
pub(crate) struct Kept<T> {
    known: ArcSwapOption<T>,
    times: Mutex<Times>,
    turn: Semaphore,
}

#[derive(Default)]
struct Times {
    fetched: Option<Instant>,
    /// When what is known must be fetched anew.
    due: Option<Instant>,
    quiet_until: Option<Instant>,
    /// When it was last fetched because of something that was not in it.
    missed: Option<Instant>,
}

impl<T> Kept<T> {
    pub(crate) fn new() -> Self {
        Self { known: ArcSwapOption::empty(), times: Mutex::default(), turn: Semaphore::new(1) }
    }

    /// What is kept; fetched first when nothing is, and renewed once an hour. A renewal that fails changes nothing.
    ///
    /// # Errors
    /// Why nothing could be fetched. That nothing of a password was sent by it, the error says.
    pub(crate) async fn get<F>(
        &self,
        deadline: Instant,
        fetch: impl FnOnce(Instant) -> F,
    ) -> Result<Arc<T>, IdentityError>
    where
        F: Future<Output = Result<T, IdentityError>>,
    {
        let Some(known) = self.known.load_full() else {
            return self.first(deadline, fetch).await;
        };
        if !self.is_due() {
            return Ok(known);
        }
        let Ok(_turn) = self.turn.try_acquire() else { return Ok(known) };
        match self.fetch(deadline.min(Instant::now() + RENEWAL), fetch).await {
            Ok(new) => Ok(new),
            Err(error) => {
                tracing::debug!(error = %error, "oidc.not_renewed");
                self.times().due = Some(Instant::now() + RENEW_AGAIN);
                Ok(known)
            }
        }
    }

    /// What is kept, other than `missed`, in which something was not found: fetched anew unless that was done for the
    /// same reason just now.
    pub(crate) async fn other_than<F>(
        &self,
        missed: &Arc<T>,
        deadline: Instant,
        fetch: impl FnOnce(Instant) -> F,
    ) -> Result<Option<Arc<T>>, IdentityError>
    where
        F: Future<Output = Result<T, IdentityError>>,
    {
        let _turn = self.wait(deadline).await?;
        if let Some(known) = self.known.load_full().filter(|known| !Arc::ptr_eq(known, missed)) {
            return Ok(Some(known));
        }
        {
            let mut times = self.times();
            if times.missed.is_some_and(|last| last.elapsed() < NOT_FOUND) {
                return Ok(None);
            }
            times.missed = Some(Instant::now());
        }
        self.fetch(deadline, fetch).await.map(Some)
    }

    /// Has what is kept fetched anew at the next call: it led nowhere.
    pub(crate) fn doubt(&self) {
        let mut times = self.times();
        if times.fetched.is_some_and(|fetched| fetched.elapsed() >= NOT_FOUND) {
            times.due = Some(Instant::now());
        }
    }

    async fn first<F>(&self, deadline: Instant, fetch: impl FnOnce(Instant) -> F) -> Result<Arc<T>, IdentityError>
    where
        F: Future<Output = Result<T, IdentityError>>,
    {
        let _turn = self.wait(deadline).await?;
        match self.known.load_full() {
            Some(known) => Ok(known),
            None => self.fetch(deadline, fetch).await,
        }
    }

    async fn wait(&self, deadline: Instant) -> Result<impl Drop, IdentityError> {
        let late = || IdentityError::unsent(NoAnswer::Unreachable, "its metadata did not come in time");
        timeout_at(deadline, self.turn.acquire()).await.map_err(|_| late())?.map_err(|_| late())
    }

    async fn fetch<F>(&self, deadline: Instant, fetch: impl FnOnce(Instant) -> F) -> Result<Arc<T>, IdentityError>
    where
        F: Future<Output = Result<T, IdentityError>>,
    {
        if let Some(rest) = self.times().quiet_until.map(|until| until.saturating_duration_since(Instant::now()))
            && !rest.is_zero()
        {
            return Err(IdentityError::unsent(NoAnswer::Throttled(Some(rest)), "it asked to be left alone"));
        }
        let fetched = fetch(deadline).await;
        let now = Instant::now();
        let mut times = self.times();
        times.fetched = Some(now);
        match fetched {
            Ok(new) => {
                times.due = Some(now + FRESH);
                let new = Arc::new(new);
                self.known.store(Some(Arc::clone(&new)));
                Ok(new)
            }
            Err(error) => {
                if let NoAnswer::Throttled(wait) = error.no_answer {
                    times.quiet_until = Some(now + wait.unwrap_or(QUIET).min(QUIET_MAX));
                }
                Err(unsent(error))
            }
        }
    }

    fn is_due(&self) -> bool {
        self.times().due.is_none_or(|due| due <= Instant::now())
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No password was in it. One that waited too long for metadata has not reached the service at all: to the guard a
/// time-out of which nothing was sent would be the gateway's own.
fn unsent(error: IdentityError) -> IdentityError {
    let no_answer = match error.no_answer {
        NoAnswer::TimedOut => NoAnswer::Unreachable,
        other => other,
    };
    IdentityError { no_answer, sent: Sent::No, ..error }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    fn away() -> IdentityError {
        IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_fetched_once_and_again_after_an_hour() {
        let kept = Kept::<u32>::new();
        let asked = AtomicU32::new(0);
        let fetch = |_| ready(Ok(asked.fetch_add(1, Ordering::Relaxed)));
        for _ in 0..3 {
            assert_eq!(kept.get(soon(), fetch).await, Ok(Arc::new(0)));
        }
        tokio::time::advance(FRESH).await;
        assert_eq!(kept.get(soon(), fetch).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_changes_nothing_and_is_tried_again_later() {
        let kept = Kept::<u32>::new();
        assert_eq!(kept.get(soon(), |_| ready(Ok(7))).await, Ok(Arc::new(7)));
        tokio::time::advance(FRESH).await;
        assert_eq!(kept.get(soon(), |_| ready(Err(away()))).await, Ok(Arc::new(7)));
        assert_eq!(kept.get(soon(), |_| ready(Ok(8))).await, Ok(Arc::new(7)), "not at once");
        tokio::time::advance(RENEW_AGAIN).await;
        assert_eq!(kept.get(soon(), |_| ready(Ok(8))).await, Ok(Arc::new(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_fetched_was_not_sent() {
        let kept = Kept::<u32>::new();
        let error = kept.get(soon(), |_| ready(Err(away()))).await.expect_err("away");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Unreachable, Sent::No));
        assert_eq!(kept.get(soon(), |_| ready(Ok(1))).await, Ok(Arc::new(1)), "the next call tries again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_throttles_is_left_alone_for_as_long_as_he_says() {
        let kept = Kept::<u32>::new();
        let throttled = || IdentityError::sent(NoAnswer::Throttled(Some(Duration::from_secs(9))), "HTTP 429");
        assert!(kept.get(soon(), |_| ready(Err(throttled()))).await.is_err());
        let error = kept.get(soon(), |_| ready(Ok(1))).await.expect_err("quiet");
        assert_eq!((error.no_answer, error.sent), (NoAnswer::Throttled(Some(Duration::from_secs(9))), Sent::No));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(kept.get(soon(), |_| ready(Ok(1))).await, Ok(Arc::new(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_misses_something_has_it_fetched_anew_but_not_all_the_time() {
        let kept = Kept::<u32>::new();
        let first = kept.get(soon(), |_| ready(Ok(1))).await.expect("fetched");
        let second = kept.other_than(&first, soon(), |_| ready(Ok(2))).await.expect("fetched").expect("another");
        assert_eq!(*second, 2);
        assert_eq!(kept.other_than(&first, soon(), |_| ready(Ok(3))).await, Ok(Some(Arc::new(2))), "others have");
        assert_eq!(kept.other_than(&second, soon(), |_| ready(Ok(3))).await, Ok(None), "fetched just now");
        tokio::time::advance(NOT_FOUND).await;
        assert_eq!(kept.other_than(&second, soon(), |_| ready(Ok(3))).await, Ok(Some(Arc::new(3))));
        tokio::time::advance(NOT_FOUND).await;
        kept.doubt();
        assert_eq!(kept.get(soon(), |_| ready(Ok(4))).await, Ok(Arc::new(4)));
    }
}
