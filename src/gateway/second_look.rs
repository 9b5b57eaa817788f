//! What an identity service knows beyond a refusal: asked after the reply's verdict is known, beside the call.
//!
//! Where it should have been asked and nobody could or might, the refusal is in doubt: a plain "wrong" may be about an
//! account whose password is kept elsewhere, or that is disabled, and neither is ever flagged. So it is no evidence.

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
    /// is kept elsewhere, nor one of which nobody knows whether it is.
    pub(crate) async fn look(self, used: IdentityUse, account: AccountId, refusal: Refusal) {
        let look = self.ask(&used, &account).await;
        let is_in_doubt = look.is_none() && says_only_wrong(refusal.rejection);
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
            && !is_in_doubt
            && !self.elsewhere.contains_key(&account)
        {
            self.flags.put(Sighting { fact: Fact::Refused(rejection, refusal.guess), ..sighting });
        }
    }

    /// What the service says: nothing where it is never asked such things, and `None` where nobody knows.
    async fn ask(&self, used: &IdentityUse, account: &AccountId) -> Option<SecondLook> {
        if used.service.asides().looks.is_none() {
            return Some(SecondLook::default());
        }
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

/// Whether a refusal leaves open what the account is.
fn says_only_wrong(rejection: Rejection) -> bool {
    match rejection {
        Rejection::Unacceptable | Rejection::WrongPassword => true,
        Rejection::Disabled
        | Rejection::Expired
        | Rejection::Locked
        | Rejection::MustChange
        | Rejection::NoPassword
        | Rejection::Policy
        | Rejection::SetUpPending
        | Rejection::Shielded
        | Rejection::UnknownAccount => false,
    }
}
