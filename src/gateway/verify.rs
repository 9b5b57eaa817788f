//! Asking whether a password is right: a recent yes answers at once, identical concurrent questions join one ask.
//! The same function serves the integration's sign-in and the account's.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use crate::domain::{AccountId, Answer, Credentials, NoAnswer, SignIn, Verdict};
use crate::gateway::question::Asked;
use crate::gateway::route::MustChangeRule;
use crate::gateway::settings::CacheSettings;
use crate::gateway::table::Fingerprint;
use crate::identity::IdentityError;
use crate::telemetry::Metrics;

/// What separates one question's digest from another's beside the credentials: the fingerprints of the route and of
/// the institution, so that one that was changed starts with nothing remembered, and who is signing in.
pub(crate) struct Scope<'a> {
    pub(crate) route: &'a Fingerprint,
    pub(crate) institution: &'a Fingerprint,
    pub(crate) sign_in: SignIn,
    /// What becomes of "must change" here: one that is refused is never remembered, or it would be refused faster
    /// than a wrong password.
    pub(crate) must_change: MustChangeRule,
}

type Digest = [u8; 32];

/// A remembered yes.
#[derive(Clone, Copy)]
struct Yes {
    must_change: bool,
    account: AccountMark,
}

/// What stands for an account in a remembered yes: counting a shared identifier up and down for every call would make
/// processors wait for each other.
type AccountMark = [u8; 16];

/// An answer that is shared with those who wait for it, and not remembered.
struct Passing(Result<Answer, NoAnswer>);

/// The verdict and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) verdict: Verdict,
    /// How long the answer took, where somebody was asked just now.
    pub(crate) asked_for: Option<Duration>,
}

/// The verdict cache and the asks in flight.
pub(crate) struct Verifier {
    key: [u8; 32],
    remembered: Cache<Digest, Yes>,
    /// Grows with every change of any account: what was asked before one is not remembered after it.
    changes: AtomicU64,
    asks: TaskTracker,
    metrics: Metrics,
}

impl Verifier {
    /// A verifier with an empty cache; `key` is random and lives as long as the process.
    pub(crate) fn new(settings: &CacheSettings, key: [u8; 32], asks: TaskTracker, metrics: Metrics) -> Self {
        let remembered = Cache::builder()
            .max_capacity(settings.entries)
            .time_to_live(settings.ttl)
            .support_invalidation_closures()
            .build();
        Self { key, remembered, changes: AtomicU64::new(0), asks, metrics }
    }

    /// Asks about `credentials` whom `asked` gives, unless a yes is remembered. Waits until `deadline` at most; giving up ends
    /// nothing, the question goes on for those who asked the same.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        scope: &Scope<'_>,
        asked: impl FnOnce() -> Asked,
        credentials: Credentials,
        source: IpAddr,
        deadline: Instant,
    ) -> Verified {
        let digest = self.digest(scope, &credentials);
        let must_change = scope.must_change;
        if let Some(yes) = self.remembered.get(&digest).await {
            self.metrics.cache_hits.inc();
            return Verified { verdict: Verdict::Accept { must_change: yes.must_change }, asked_for: None };
        }
        let started = Instant::now();
        let (verifier, asked) = (Arc::clone(self), asked());
        let ask = self
            .asks
            .spawn(async move { verifier.ask(digest, must_change, asked, credentials, source, deadline).await });
        let said = match tokio::time::timeout_at(deadline, ask).await {
            Ok(Ok(said)) => said,
            Ok(Err(panicked)) => {
                tracing::error!(error = %panicked, "identity.ask_failed");
                Err(NoAnswer::Protocol)
            }
            Err(_) => Err(NoAnswer::TimedOut),
        };
        Verified { verdict: Verdict::from(said), asked_for: Some(started.elapsed()) }
    }

    /// Forgets every yes.
    pub(crate) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.remembered.invalidate_all();
    }

    /// Forgets every yes for an account, because somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        let changed = self.mark(account);
        // Closures are switched on above, which is all that this can fail for.
        let _ = self.remembered.invalidate_entries_if(move |_, yes| yes.account == changed);
    }

    async fn ask(
        &self,
        digest: Digest,
        rule: MustChangeRule,
        asked: Asked,
        credentials: Credentials,
        source: IpAddr,
        deadline: Instant,
    ) -> Result<Answer, NoAnswer> {
        let before = self.changes.load(Ordering::SeqCst);
        let answered = self
            .remembered
            .try_get_with(digest, async {
                let changes = self.changes.load(Ordering::SeqCst);
                let said = asked.verify(&credentials, source, None, deadline).await.map(|said| said.answer);
                self.metrics.identity_asked(asked.name(), outcome(&said));
                let said = said.map_err(|error| {
                    tracing::warn!(
                        identity.name = asked.name(), reason = error.no_answer.label(), error = %error,
                        "identity.no_answer"
                    );
                    error.no_answer
                });
                let must_change = match (said, rule) {
                    (Ok(Answer::Accepted), _) => false,
                    (Ok(Answer::MustChange), MustChangeRule::Accept) => true,
                    (Ok(Answer::MustChange), MustChangeRule::Refuse) | (Ok(Answer::Rejected(_)) | Err(_), _) => {
                        return Err(Passing(said));
                    }
                };
                if self.changes.load(Ordering::SeqCst) == changes {
                    Ok(Yes { must_change, account: self.mark(credentials.account()) })
                } else {
                    Err(Passing(said))
                }
            })
            .await;
        if answered.is_ok() && self.changes.load(Ordering::SeqCst) != before {
            // A change came between the last look at the count and the entry: what it should have ended goes now.
            self.remembered.invalidate(&digest).await;
        }
        match answered {
            Ok(Yes { must_change: false, .. }) => Ok(Answer::Accepted),
            Ok(Yes { must_change: true, .. }) => Ok(Answer::MustChange),
            Err(passing) => passing.0,
        }
    }

    fn mark(&self, account: &AccountId) -> AccountMark {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // No institution code holds a NUL.
        hasher.update(account.institution().as_str().as_bytes()).update(&[0]).update(account.identifier().as_bytes());
        let mut mark = AccountMark::default();
        hasher.finalize_xof().fill(&mut mark);
        mark
    }

    fn digest(&self, scope: &Scope<'_>, credentials: &Credentials) -> Digest {
        let account = credentials.account();
        let parts = [account.institution().as_str(), account.identifier(), credentials.password().expose()];
        // In one piece, which is hashed faster than many, and wiped. The room is enough, so that it never moves.
        let room = 2 * size_of::<Fingerprint>() + 1 + parts.iter().map(|part| 8 + part.len()).sum::<usize>();
        let mut question = Zeroizing::new(Vec::with_capacity(room));
        question.extend_from_slice(scope.route);
        question.extend_from_slice(scope.institution);
        question.push(match scope.sign_in {
            SignIn::Account => b'a',
            SignIn::KnownIntegration => b'i',
        });
        for part in parts {
            question.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            question.extend_from_slice(part.as_bytes());
        }
        *blake3::keyed_hash(&self.key, &question).as_bytes()
    }
}

fn outcome(said: &Result<Answer, IdentityError>) -> &'static str {
    match said {
        Ok(Answer::Accepted) => "accepted",
        Ok(Answer::MustChange) => "must-change",
        Ok(Answer::Rejected(_)) => "rejected",
        Err(error) => error.no_answer.label(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::{Institution, Password};
    use crate::identity::{Answered, Ask, BoxFuture, IdentityService};

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Says yes after a while, or not at all once its deadline is over.
    struct Slow(Duration);

    impl IdentityService for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
            Box::pin(async move {
                tokio::time::timeout_at(ask.deadline, tokio::time::sleep(self.0))
                    .await
                    .map_err(|_| IdentityError::sent(NoAnswer::TimedOut, "its deadline is over"))?;
                Ok(Answer::Accepted.into())
            })
        }

        fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
            Box::pin(std::future::ready(Ok(String::from("slow"))))
        }
    }

    fn verifier() -> Arc<Verifier> {
        Arc::new(Verifier::new(&CacheSettings::default(), [1; 32], TaskTracker::new(), Metrics::new()))
    }

    /// Asks a service that takes `takes` and may take `timeout`, and waits for it as long as `patience`.
    async fn ask(verifier: &Arc<Verifier>, takes: u64, timeout: u64, patience: u64) -> Verdict {
        let institution = Institution::parse("01TEST_INST").expect("a code");
        let account = AccountId::parse(&institution, "reader").expect("an identifier");
        let credentials = Credentials::new(account, Password::new("right".to_owned())).expect("acceptable");
        let scope = Scope {
            route: &[0; 16],
            institution: &[0; 16],
            sign_in: SignIn::Account,
            must_change: MustChangeRule::Accept,
        };
        let asked = || Asked::Service(Arc::new(Slow(Duration::from_secs(takes))), Duration::from_secs(timeout));
        let deadline = Instant::now() + Duration::from_secs(patience);
        verifier.verify(&scope, asked, credentials, SOURCE, deadline).await.verdict
    }

    #[tokio::test(start_paused = true)]
    async fn one_question_takes_no_longer_than_its_identity_service_may() {
        let started = Instant::now();
        assert_eq!(ask(&verifier(), 60, 2, 8).await, Verdict::Undecided(NoAnswer::TimedOut));
        assert_eq!(started.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_was_joined_outlives_the_patience_of_whoever_asked_first() {
        let verifier = verifier();
        let (first, second) = tokio::join!(ask(&verifier, 3, 5, 1), ask(&verifier, 3, 5, 8));
        assert_eq!(first, Verdict::Undecided(NoAnswer::TimedOut));
        assert_eq!(second, Verdict::Accept { must_change: false });
    }
}
