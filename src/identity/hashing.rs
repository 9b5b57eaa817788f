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
            Share::new(running.unwrap_or_else(half_the_cores), settings.waiting, settings.per_source)
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
        let check = self.run(place, move |hasher| hasher.verify(&password, stored.as_ref()));
        timeout_at(turn.deadline, check).await.map_err(|_| HashingError::timed_out())?
    }

    /// Hashes a password again in the course of a sign-in.
    ///
    /// # Errors
    /// When there is no place, or no result within the deadline.
    pub async fn hash_in(&self, turn: Turn, password: &Password) -> Result<StoredHash, HashingError> {
        let place = self.share(turn.lane).enter(turn.source, turn.deadline).await?;
        let password = copy(password);
        timeout_at(turn.deadline, self.run(place, move |hasher| hasher.hash(&password)))
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
        self.run(place, move |hasher| hasher.hash(&password)).await
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
        place: Place,
        job: impl FnOnce(&Hasher) -> (Result<T, HashingError>, Work) + Send + 'static,
    ) -> Result<T, HashingError> {
        let hasher = Arc::clone(&self.hasher);
        let done = Arc::clone(&self.done);
        let job = spawn_blocking(move || {
            let (result, work) = job(&hasher);
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
