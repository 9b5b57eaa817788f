//! Whether a service that is left alone is back: the guard's own question, about nobody. So no account spends attempts
//! on finding out, none that is always in trouble keeps the service from all others, and no caller is waited for.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password, Rejection};
use crate::identity::guard::breaker::{About, NOBODY};
use crate::identity::guard::watch::{Watch, now, within};
use crate::identity::nobody::Nobody;
use crate::identity::{Ask, IdentityError, Sent};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Who sends probes.
pub(crate) struct Prober {
    watch: Arc<Watch>,
    timeout: Duration,
    wake: Arc<Notify>,
    /// One task, which begins with the first trouble and ends with the guard.
    sending: Mutex<JoinSet<()>>,
}

impl Prober {
    pub(crate) fn new(watch: Arc<Watch>, timeout: Duration) -> Self {
        Self { watch, timeout, wake: Arc::default(), sending: Mutex::default() }
    }

    /// Has probes sent, one after the other, as long as there is something to find out: about nobody of `institution`.
    pub(crate) fn wake(&self, institution: &Institution) {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(panicked)) = sending.try_join_next() {
            tracing::error!(identity.name = self.watch.inner.name(), error = %panicked, "identity.probe_failed");
        }
        if sending.is_empty() {
            let (watch, wake) = (Arc::clone(&self.watch), Arc::clone(&self.wake));
            let (institution, timeout) = (institution.clone(), self.timeout);
            sending.spawn(async move { send_probes(&watch, &wake, &institution, timeout).await });
        }
        self.wake.notify_one();
    }
}

async fn send_probes(watch: &Watch, wake: &Notify, institution: &Institution, timeout: Duration) {
    loop {
        let due = watch.turns().probe_at();
        match due {
            Some(at) => sleep_until(at.into()).await,
            None => wake.notified().await,
        }
        let goes = watch.turns().takes_probe(now(), watch.today());
        if goes {
            let said = probe(watch, institution, timeout).await;
            if let Err(error) = &said {
                if error.sent == Sent::No {
                    watch.turns().gives_probe_back();
                }
                tracing::warn!(
                    identity.name = watch.inner.name(), reason = error.no_answer.label(), error = %error,
                    "identity.still_away"
                );
            }
            watch.learn(said.as_ref().map(|()| About::Probe), NOBODY);
        }
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
    let person = credentials.account();
    let ask = Ask { credentials: &credentials, person, source: SOURCE, integration: None, deadline };
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
