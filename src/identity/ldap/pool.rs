//! Connections that are kept: so many and no more, each for a short while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::domain::NoAnswer;
use crate::identity::ldap::answer::own_bind;
use crate::identity::ldap::connection::Connection;
use crate::identity::ldap::dialer::Dialer;
use crate::identity::ldap::settings::LdapBind;
use crate::identity::port::IdentityError;

/// How long a connection may stand idle: less than the minutes after which directories, balancers and firewalls drop
/// one, some of them without a word.
const IDLE: Duration = Duration::from_secs(30);
/// How long the gateway's own sign-in is not tried again once it was refused: it could lock its own account.
const REFUSED: Duration = Duration::from_secs(30);

/// Connections of one purpose: for searching, as the gateway itself; or for binding as others, and for nothing else.
pub(crate) struct Pool {
    dialer: Arc<Dialer>,
    own: Option<LdapBind>,
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Last used last.
    idle: Vec<(Connection, Instant)>,
    refused: Option<(Instant, IdentityError)>,
}

/// A connection in use. It ends with its value, unless it is given back.
pub(crate) struct Lease<'p> {
    pub(crate) connection: Connection,
    /// Whether it was kept: it may have ended without our noticing.
    pub(crate) is_kept: bool,
    pool: &'p Pool,
    _room: SemaphorePermit<'p>,
}

impl Lease<'_> {
    /// Keeps the connection for the next; only one whose last operation has ended in order.
    pub(crate) fn give_back(self) {
        self.pool.state().idle.push((self.connection, Instant::now()));
    }
}

impl Pool {
    /// A pool of `size` connections at most, each bound as `own` where there is one.
    pub(crate) fn new(dialer: Arc<Dialer>, own: Option<LdapBind>, size: usize) -> Self {
        Self { dialer, own, room: Semaphore::new(size), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is alive as far as can be seen, kept or new.
    pub(crate) async fn take(&self, deadline: Instant) -> Result<Lease<'_>, IdentityError> {
        let room = self.room(deadline).await?;
        match self.kept() {
            Some(connection) => Ok(Lease { connection, is_kept: true, pool: self, _room: room }),
            None => self.dial(room, deadline).await,
        }
    }

    /// A new connection.
    pub(crate) async fn take_new(&self, deadline: Instant) -> Result<Lease<'_>, IdentityError> {
        let room = self.room(deadline).await?;
        self.dial(room, deadline).await
    }

    async fn room(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, IdentityError> {
        match timeout_at(deadline, self.room.acquire()).await {
            Ok(Ok(room)) => Ok(room),
            // It is never closed.
            Ok(Err(_)) | Err(_) => {
                Err(IdentityError::unsent(NoAnswer::TimedOut, "all connections were in use for too long"))
            }
        }
    }

    fn kept(&self) -> Option<Connection> {
        let now = Instant::now();
        let (old, found) = {
            let mut state = self.state();
            let first_fresh = state.idle.partition_point(|(_, since)| now.duration_since(*since) >= IDLE);
            let old: Vec<_> = state.idle.drain(..first_fresh).collect();
            let mut found = None;
            while found.is_none()
                && let Some((mut connection, _)) = state.idle.pop()
            {
                found = connection.is_quiet().then_some(connection);
            }
            (old, found)
        };
        for (connection, _) in old {
            connection.close();
        }
        found
    }

    async fn dial<'p>(&'p self, room: SemaphorePermit<'p>, deadline: Instant) -> Result<Lease<'p>, IdentityError> {
        if let Some(error) = self.refused() {
            return Err(error);
        }
        let mut connection = self.dialer.dial(deadline).await?;
        if let Some(own) = &self.own {
            let bound = timeout_at(deadline, connection.bind(&own.dn, own.password.expose(), None)).await;
            let bound = bound.map_err(|_| late("the gateway's own sign-in"))?;
            let outcome = bound.map_err(|error| {
                IdentityError::unsent(error.no_answer(), format!("the gateway's own sign-in: {error}"))
            })?;
            own_bind(&outcome).inspect_err(|error| {
                if error.no_answer == NoAnswer::Misconfigured {
                    self.state().refused = Some((Instant::now() + REFUSED, error.clone()));
                }
            })?;
        }
        Ok(Lease { connection, is_kept: false, pool: self, _room: room })
    }

    fn refused(&self) -> Option<IdentityError> {
        let mut state = self.state();
        if state.refused.as_ref().is_some_and(|(until, _)| Instant::now() >= *until) {
            state.refused = None;
        }
        state.refused.as_ref().map(|(_, error)| error.clone())
    }
}

/// What did not come in time before anything of a password was sent: whoever is silent then is silent to everybody.
pub(crate) fn late(what: &str) -> IdentityError {
    IdentityError::unsent(NoAnswer::Unreachable, format!("{what} had no answer in time"))
}
