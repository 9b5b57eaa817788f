//! What an identity service knows beyond a refusal: asked after the reply's verdict is known, beside the call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::domain::Timestamp;
use crate::domain::{AccountId, IntegrationName, Rejection, SignIn, Verdict, review};
use crate::gateway::flagging::FlagQueue;
use crate::gateway::question::IdentityUse;
use crate::gateway::verify::Verifier;

/// Looks that go on at once; one more is left out rather than waited for.
const AT_ONCE: usize = 8;
/// How long a look may take: nobody waits for it.
const TIME: Duration = Duration::from_secs(10);

/// Who looks again.
#[derive(Clone)]
pub(crate) struct Looker {
    room: Arc<Semaphore>,
    verifier: Arc<Verifier>,
    flags: FlagQueue,
}

/// A refusal that is looked at again.
pub(crate) struct Refusal {
    pub(crate) account: AccountId,
    pub(crate) rejection: Rejection,
    pub(crate) integration: Option<IntegrationName>,
    /// Monitoring's own accounts never flag.
    pub(crate) may_flag: bool,
    pub(crate) at: Timestamp,
}

impl Looker {
    pub(crate) fn new(verifier: Arc<Verifier>, flags: FlagQueue) -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), verifier, flags }
    }

    /// Looks again, learns which identifiers are one person's, and flags what must be acted on: never an account whose
    /// password is kept elsewhere.
    pub(crate) async fn look(self, used: IdentityUse, refusal: Refusal) {
        let Refusal { account, rejection, integration, may_flag, at } = refusal;
        let look = match self.room.try_acquire() {
            Ok(_room) => {
                let deadline = Instant::now() + TIME;
                match timeout_at(deadline, used.service.look_again(&account, deadline)).await {
                    Ok(Ok(look)) => look,
                    Ok(Err(error)) => {
                        tracing::debug!(identity.name = used.service.name(), error = %error, "identity.no_second_look");
                        None
                    }
                    Err(_) => None,
                }
            }
            Err(_) => None,
        };
        let look = look.unwrap_or_default();
        if let Some((primary, others)) = look.identifiers.split_first() {
            for alias in others.iter().filter(|alias| *alias != primary) {
                self.verifier.shield.join(alias, primary);
            }
            if account != *primary {
                self.verifier.shield.join(&account, primary);
            }
        }
        let rejection = look.rejection.unwrap_or(rejection);
        if let Some(reason) = review(SignIn::Account, Verdict::Reject(rejection))
            && may_flag
            && !look.kept_elsewhere
        {
            self.flags.put(account, reason, integration, at);
        }
    }
}
