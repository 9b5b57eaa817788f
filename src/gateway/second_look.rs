//! What an identity service knows beyond a refusal: asked after the reply's verdict is known, beside the call.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::domain::{AccountId, Fact, GuessFacts, Rejection};
use crate::gateway::flagging::{FlagQueue, Sighting};
use crate::gateway::question::IdentityUse;
use crate::gateway::verify::Verifier;
use crate::identity::SecondLook;

/// Looks that go on at once; one more is left out rather than waited for.
const AT_ONCE: usize = 8;
/// How long a look may take: nobody waits for it.
const TIME: Duration = Duration::from_secs(10);
/// How long, and for how many accounts, it is remembered that a password is kept elsewhere: not every refusal is looked
/// at again.
const ELSEWHERE_FOR: Duration = Duration::from_hours(24);
const ELSEWHERE: u64 = 100_000;

/// Who looks again.
#[derive(Clone)]
pub(crate) struct Looker {
    room: Arc<Semaphore>,
    verifier: Arc<Verifier>,
    flags: FlagQueue,
    elsewhere: Cache<AccountId, ()>,
}

/// A refusal that is looked at again.
pub(crate) struct Refusal {
    pub(crate) rejection: Rejection,
    pub(crate) guess: GuessFacts,
    /// What is told of it where it may flag: monitoring's own accounts never do.
    pub(crate) sighting: Option<Sighting>,
}

impl Looker {
    pub(crate) fn new(verifier: Arc<Verifier>, flags: FlagQueue) -> Self {
        let elsewhere = Cache::builder().max_capacity(ELSEWHERE).time_to_live(ELSEWHERE_FOR).build();
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), verifier, flags, elsewhere }
    }

    /// Looks again, learns which identifiers are one person's, and tells what may flag: never an account whose password
    /// is kept elsewhere.
    pub(crate) async fn look(self, used: IdentityUse, account: AccountId, refusal: Refusal) {
        let look = self.ask(&used, &account).await;
        // Where nobody could look, nobody knows whether the password is kept elsewhere: a short one is then no evidence.
        let guess = if look.is_some() { refusal.guess } else { refusal.guess.in_doubt() };
        let look = look.unwrap_or_default();
        if let Some((primary, others)) = look.identifiers.split_first() {
            for alias in others.iter().filter(|alias| *alias != primary) {
                self.verifier.shield.join(alias, primary);
            }
            if account != *primary {
                self.verifier.shield.join(&account, primary);
            }
        }
        if look.kept_elsewhere {
            self.elsewhere.insert(account.clone(), ());
        }
        let rejection = look.rejection.unwrap_or(refusal.rejection);
        if let Some(sighting) = refusal.sighting
            && !self.elsewhere.contains_key(&account)
        {
            self.flags.put(Sighting { fact: Fact::Refused(rejection, guess), ..sighting });
        }
    }

    /// What the service says: nothing where it is not asked such things, and `None` where nobody knows.
    async fn ask(&self, used: &IdentityUse, account: &AccountId) -> Option<SecondLook> {
        let _room = self.room.try_acquire().ok()?;
        let deadline = Instant::now() + TIME;
        match timeout_at(deadline, used.service.look_again(account, deadline)).await.ok()? {
            Ok(look) => Some(look.unwrap_or_default()),
            Err(error) => {
                tracing::debug!(identity.name = used.service.name(), error = %error, "identity.no_second_look");
                None
            }
        }
    }
}
