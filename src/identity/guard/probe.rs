//! Whether a service that is left alone is back: the guard's own question, about nobody. So no account spends attempts
//! on finding out, and none that is always in trouble keeps the service from all others.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password, Rejection};
use crate::identity::guard::breaker::NOBODY;
use crate::identity::guard::watch::{Watch, within};
use crate::identity::nobody::Nobody;
use crate::identity::{Ask, IdentityError};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Who sends probes.
pub(crate) struct Prober {
    watch: Arc<Watch>,
    timeout: Duration,
    /// Ended with the guard. Each has its time, and they come one after the other, so there are never many.
    going_on: Mutex<JoinSet<()>>,
}

impl Prober {
    pub(crate) fn new(watch: Arc<Watch>, timeout: Duration) -> Self {
        Self { watch, timeout, going_on: Mutex::default() }
    }

    /// Sends one about nobody of `institution`. It is a task of its own: nobody waits for it.
    pub(crate) fn send(&self, institution: &Institution) {
        let mut going_on = self.going_on.lock().unwrap_or_else(PoisonError::into_inner);
        while going_on.try_join_next().is_some() {}
        let (watch, institution, timeout) = (Arc::clone(&self.watch), institution.clone(), self.timeout);
        going_on.spawn(async move {
            let said = probe(&watch, &institution, timeout).await;
            if let Err(error) = &said {
                tracing::warn!(
                    identity.name = watch.inner.name(), reason = error.no_answer.label(), error = %error,
                    "identity.still_away"
                );
            }
            watch.learn(&said, NOBODY);
        });
    }
}

/// Only a refusal shows that the service works: nobody is let in by one that does.
async fn probe(watch: &Watch, institution: &Institution, timeout: Duration) -> Result<(), IdentityError> {
    let nobody = Nobody::random()?;
    let credentials = AccountId::parse(institution, &format!("probe-{}", nobody.name()))
        .ok()
        .and_then(|account| Credentials::new(account, Password::new(nobody.password().to_owned())))
        .ok_or_else(|| IdentityError::unsent(NoAnswer::Misconfigured, "nobody has no credentials"))?;
    let deadline = Instant::now() + timeout;
    let ask = Ask { credentials: &credentials, source: SOURCE, integration: None, deadline };
    match within(deadline, watch.inner.verify(ask)).await?.answer {
        Answer::Rejected(Rejection::Unacceptable) => {
            Err(IdentityError::unsent(NoAnswer::Misconfigured, "no random account can be asked about"))
        }
        Answer::Rejected(_) => Ok(()),
        Answer::Accepted | Answer::MustChange => {
            Err(IdentityError::sent(NoAnswer::Protocol, "it let a random account in"))
        }
    }
}
