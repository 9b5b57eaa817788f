//! The one pool in which all hashing runs: bounded in what runs and in what waits, with separate shares for accounts
//! and integrations, so that a flood of one kind never stops the other.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::domain::Password;
use crate::identity::argon::{Hasher, Match, Work};
use crate::identity::memory::Memory;
use crate::identity::share::{Place, Share};
use crate::identity::{HashingError, HashingSettings};
use crate::store::StoredHash;

/// The shares of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Checks of accounts' passwords.
    Accounts,
    /// Checks of integrations' secrets.
    Integrations,
}

/// One check's claim on the pool.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Which share.
    pub lane: Lane,
    /// The address that the call came from.
    pub source: IpAddr,
    /// When the result is of no use any more.
    pub deadline: Instant,
}

impl Turn {
    /// The same claim with half the time that is left: for work after the answer is known, so that the answer still
    /// arrives when that work takes too long.
    pub(crate) fn with_half_the_time(self) -> Self {
        let now = Instant::now();
        Self { deadline: now + self.deadline.saturating_duration_since(now) / 2, ..self }
    }
}

/// The pool. There is one per process, so that its bounds are those of the process.
pub struct HashingPool {
    hasher: Arc<Hasher>,
    accounts: Share,
    integrations: Share,
    done: Arc<Done>,
}

#[derive(Default)]
struct Done {
    hashes: AtomicU64,
    kib_passes: AtomicU64,
}

impl HashingPool {
    /// A pool with these parameters and bounds.
    ///
    /// # Errors
    /// When argon2 cannot work with the parameters, or they are above what a stored hash may ask for.
    pub fn new(settings: &HashingSettings) -> Result<Self, HashingError> {
        let share = |running: Option<NonZeroUsize>| {
            let running = running.unwrap_or_else(half_the_cores);
            Share::new(running, settings.waiting, settings.per_source, settings.memory_kib)
        };
        Ok(Self {
            hasher: Arc::new(Hasher::new(settings)?),
            accounts: share(settings.accounts),
            integrations: share(settings.integrations),
            done: Arc::default(),
        })
    }

    /// Checks a password against a stored hash; without one the same work is done, and nothing matches. A hash that
    /// was begun is done to its end and holds its place until then, whether or not somebody still waits for it.
    ///
    /// # Errors
    /// When there is no place, or no result within the deadline, or the stored hash cannot be used. None of these says
    /// anything about the password.
    pub async fn verify(
        &self,
        turn: Turn,
        password: &Password,
        stored: Option<&StoredHash>,
    ) -> Result<Match, HashingError> {
        let place = self.share(turn.lane).enter(turn.source, turn.deadline).await?;
        let password = copy(password);
        let stored = stored.cloned();
        let check = self.run(place, move |hasher, memory| hasher.verify(memory, &password, stored.as_ref()));
        timeout_at(turn.deadline, check).await.map_err(|_| HashingError::timed_out())?
    }

    /// Hashes a password again in the course of a sign-in.
    ///
    /// # Errors
    /// When there is no place, or no result within the deadline.
    pub async fn hash_in(&self, turn: Turn, password: &Password) -> Result<StoredHash, HashingError> {
        let place = self.share(turn.lane).enter(turn.source, turn.deadline).await?;
        let password = copy(password);
        timeout_at(turn.deadline, self.run(place, move |hasher, memory| hasher.hash(memory, &password)))
            .await
            .map_err(|_| HashingError::timed_out())?
    }

    /// Hashes an operator's new password or secret: it waits for its place among the accounts' checks as long as that
    /// takes.
    ///
    /// # Errors
    /// When argon2 fails, for want of memory.
    pub async fn hash(&self, password: &Password) -> Result<StoredHash, HashingError> {
        let place = self.accounts.enter_as_operator().await?;
        let password = copy(password);
        self.run(place, move |hasher, memory| hasher.hash(memory, &password)).await
    }

    /// All work done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        Work {
            hashes: self.done.hashes.load(Ordering::Relaxed),
            kib_passes: self.done.kib_passes.load(Ordering::Relaxed),
        }
    }

    fn share(&self, lane: Lane) -> &Share {
        match lane {
            Lane::Accounts => &self.accounts,
            Lane::Integrations => &self.integrations,
        }
    }

    /// Runs one job on a blocking thread. The place moves along, so there are never more such threads than places.
    async fn run<T: Send + 'static>(
        &self,
        mut place: Place,
        job: impl FnOnce(&Hasher, &mut Memory) -> (Result<T, HashingError>, Work) + Send + 'static,
    ) -> Result<T, HashingError> {
        let hasher = Arc::clone(&self.hasher);
        let done = Arc::clone(&self.done);
        let job = spawn_blocking(move || {
            let (result, work) = job(&hasher, &mut place.memory());
            done.hashes.fetch_add(work.hashes, Ordering::Relaxed);
            done.kib_passes.fetch_add(work.kib_passes, Ordering::Relaxed);
            drop(place);
            result
        });
        job.await.map_err(|_| HashingError::ended())?
    }
}

/// The bytes alone, wiped when the job is done: a job may outlive the call whose password it is.
fn copy(password: &Password) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.expose().as_bytes().to_vec())
}

fn half_the_cores() -> NonZeroUsize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::{Barrier, mpsc};
    use std::task::Poll;
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;
    use crate::domain::NoAnswer;
    use crate::identity::fixture::{later, password, settings, source};

    fn pool(running: usize, waiting: usize, per_source: usize) -> HashingPool {
        let running = NonZeroUsize::new(running);
        let settings = HashingSettings { accounts: running, integrations: running, waiting, per_source, ..settings() };
        HashingPool::new(&settings).expect("the parameters are good")
    }

    fn turn(lane: Lane) -> Turn {
        Turn { lane, source: source(), deadline: later() }
    }

    /// Ends soon where it would wait, so that a test of what does not wait ends too.
    fn brief(turn: Turn) -> Turn {
        Turn { deadline: Instant::now() + Duration::from_millis(1), ..turn }
    }

    fn from(source: [u8; 4]) -> Turn {
        Turn { source: IpAddr::from(source), ..turn(Lane::Accounts) }
    }

    async fn held(pool: &HashingPool, turn: Turn) -> Place {
        pool.share(turn.lane).enter(turn.source, turn.deadline).await.expect("a place")
    }

    async fn check(pool: &HashingPool, turn: Turn) -> Result<Match, NoAnswer> {
        pool.verify(turn, &password("secret"), None).await.map_err(|error| error.no_answer())
    }

    async fn begin<T>(future: &mut Pin<Box<impl Future<Output = T>>>) {
        let ended = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        assert!(!ended, "it waits");
    }

    #[tokio::test]
    async fn a_hash_matches_its_password() {
        let pool = pool(1, 1, 8);
        let stored = pool.hash(&password("secret")).await.expect("hashed");
        for (text, expected) in [("secret", Match::Matched { rehash_needed: false }), ("Secret", Match::Mismatched)] {
            let found = pool.verify(turn(Lane::Accounts), &password(text), Some(&stored)).await.expect("checked");
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(pool.work(), Work { hashes: 3, kib_passes: 3 * 64 * 2 });
    }

    #[tokio::test]
    async fn one_more_than_may_wait_gets_no_answer() {
        let pool = pool(1, 1, 8);
        let place = held(&pool, turn(Lane::Accounts)).await;
        let mut waiting = Box::pin(check(&pool, turn(Lane::Accounts)));
        begin(&mut waiting).await;

        assert_eq!(check(&pool, brief(turn(Lane::Accounts))).await, Err(NoAnswer::Throttled(None)));
        drop(place);
        assert_eq!(waiting.await, Ok(Match::Mismatched));
        assert_eq!(check(&pool, turn(Lane::Accounts)).await, Ok(Match::Mismatched));
        assert_eq!(pool.work().hashes, 2, "the one without a place did no work");
    }

    #[tokio::test]
    async fn a_full_share_leaves_the_other_alone() {
        let pool = pool(1, 0, 8);
        for (full, free) in [(Lane::Accounts, Lane::Integrations), (Lane::Integrations, Lane::Accounts)] {
            let _place = held(&pool, turn(full)).await;
            assert_eq!(check(&pool, brief(turn(full))).await, Err(NoAnswer::Throttled(None)), "{full:?}");
            assert_eq!(check(&pool, turn(free)).await, Ok(Match::Mismatched), "{free:?}");
        }
    }

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let pool = pool(8, 8, 2);
        let first = held(&pool, from([192, 0, 2, 1])).await;
        let _second = held(&pool, from([192, 0, 2, 1])).await;
        assert_eq!(check(&pool, brief(from([192, 0, 2, 1]))).await, Err(NoAnswer::Throttled(None)));
        assert_eq!(check(&pool, from([192, 0, 2, 2])).await, Ok(Match::Mismatched));
        drop(first);
        assert_eq!(check(&pool, from([192, 0, 2, 1])).await, Ok(Match::Mismatched));
    }

    #[tokio::test]
    async fn a_whole_ipv6_network_is_one_address() {
        let pool = pool(8, 8, 1);
        let at = |text: &str| Turn { source: text.parse().expect("an address"), ..turn(Lane::Accounts) };
        let _place = held(&pool, at("2001:db8:0:1::1")).await;
        assert_eq!(check(&pool, brief(at("2001:db8:0:1:ffff::2"))).await, Err(NoAnswer::Throttled(None)));
        assert_eq!(check(&pool, at("2001:db8:0:2::1")).await, Ok(Match::Mismatched));
    }

    #[tokio::test]
    async fn addresses_are_forgotten_when_their_checks_are_done() {
        let pool = pool(1, 1, 8);
        for last in 0..20 {
            check(&pool, from([192, 0, 2, last])).await.expect("checked");
        }
        let _place = held(&pool, turn(Lane::Accounts)).await;
        let gone = Turn { deadline: Instant::now(), ..from([192, 0, 2, 77]) };
        assert_eq!(check(&pool, gone).await, Err(NoAnswer::TimedOut));
        assert_eq!(pool.accounts.addresses(), 1);
    }

    #[tokio::test]
    async fn nothing_is_begun_after_the_deadline() {
        let pool = pool(1, 1, 8);
        let over = Turn { deadline: Instant::now(), ..turn(Lane::Accounts) };
        assert_eq!(check(&pool, over).await, Err(NoAnswer::TimedOut));
        assert_eq!(pool.work(), Work::default());
    }

    #[tokio::test]
    async fn waiting_ends_with_the_deadline() {
        let pool = pool(1, 1, 8);
        let _place = held(&pool, turn(Lane::Accounts)).await;
        assert_eq!(check(&pool, brief(turn(Lane::Accounts))).await, Err(NoAnswer::TimedOut));
    }

    #[tokio::test]
    async fn a_check_that_nobody_waits_for_holds_its_place_to_its_end() {
        let pool = pool(1, 1, 8);
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let place = held(&pool, turn(Lane::Accounts)).await;
        let mut given_up = Box::pin(pool.run(place, move |_, _| {
            begun.send(()).expect("the test listens");
            // Ends with the test at the latest, as the other end is dropped then.
            let _ = may_end.recv();
            (Ok(()), Work::default())
        }));
        begin(&mut given_up).await;
        has_begun.recv().expect("the check begins");
        drop(given_up);

        assert_eq!(
            check(&pool, brief(turn(Lane::Accounts))).await,
            Err(NoAnswer::TimedOut),
            "its place is still taken"
        );
        end.send(()).expect("the check listens");
        assert_eq!(check(&pool, turn(Lane::Accounts)).await, Ok(Match::Mismatched));
    }

    #[tokio::test]
    async fn a_job_that_panics_gives_its_place_back() {
        let pool = pool(1, 0, 8);
        let place = held(&pool, turn(Lane::Accounts)).await;
        let result: Result<(), HashingError> = pool.run(place, |_, _| panic!("on purpose")).await;
        assert_eq!(result.map_err(|error| error.no_answer()), Err(NoAnswer::Unreachable));
        assert_eq!(check(&pool, turn(Lane::Accounts)).await, Ok(Match::Mismatched));
    }

    #[tokio::test]
    async fn there_are_never_more_memories_than_places() {
        let pool = Arc::new(pool(3, 64, 64));
        for lane in [Lane::Accounts, Lane::Integrations] {
            let all_at_once = Arc::new(Barrier::new(3));
            let mut jobs = JoinSet::new();
            for _ in 0..3 {
                let (pool, all_at_once) = (Arc::clone(&pool), Arc::clone(&all_at_once));
                jobs.spawn(async move {
                    let place = held(&pool, turn(lane)).await;
                    let job = pool.run(place, move |hasher, memory| {
                        let done = hasher.verify(memory, b"secret", None);
                        all_at_once.wait();
                        done
                    });
                    job.await.map_err(|error| error.no_answer())
                });
            }
            assert_eq!(jobs.join_all().await, [Ok(Match::Mismatched); 3]);
            assert_eq!(pool.share(lane).memories(), 3, "one for each that ran at once");

            let mut checks = JoinSet::new();
            for _ in 0..40 {
                let pool = Arc::clone(&pool);
                checks.spawn(async move { check(&pool, turn(lane)).await });
            }
            assert_eq!(checks.join_all().await, [Ok(Match::Mismatched); 40]);
            assert_eq!(pool.share(lane).memories(), 3, "and none for those that came later");
        }
        assert_eq!(pool.work().hashes, 2 * 43);
    }

    #[test]
    fn there_is_always_room_for_one_check() {
        assert!(half_the_cores().get() >= 1);
    }
}
