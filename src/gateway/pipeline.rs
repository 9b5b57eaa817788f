//! The life of one call, from its integration's sign-in to its reply. Read this first.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::contract::{AccountSource, Authorization, ContractError, Freshness};
use crate::domain::{
    AccountId, Credentials, Fact, GuessFacts, IncidentId, IntegrationName, NoAnswer, Rejection, SignIn, Timestamp,
    Verdict,
};
use crate::gateway::call::{Body, Call, Presented, Reply};
use crate::gateway::heard::Verified;
use crate::gateway::message::{Request, SignInRequest, read_message};
use crate::gateway::nonces::Sight;
use crate::gateway::outcome::{CallError, Outcome, Stranger};
use crate::gateway::question::{Asked, Origin, Scope};
use crate::gateway::route::{IntegrationCheck, IntegrationRule, MustChangeRule};
use crate::gateway::state::Gateway;
use crate::gateway::table::{InstitutionEntry, Served};
use crate::gateway::usage::{EndedCall, Operation, end_of, exists};
use crate::identity::source_key;
use crate::soap::Version;
use crate::telemetry::{CallKind, account_tag};

/// Who called.
enum Caller {
    /// The route has no integration sign in.
    Anybody,
    /// This integration, and its password was right.
    Integration(IntegrationName),
    /// Nobody that may call: 401. The name is told where it is an integration's, and when the reply may be sent.
    Stranger(Stranger, Option<IntegrationName>, Option<Instant>),
    /// An integration that could not be checked.
    Undecided(NoAnswer),
}

/// What became of a call, for its reply, its line and its counters.
struct Conclusion {
    version: Version,
    outcome: Outcome,
    integration: Option<IntegrationName>,
    account: Option<AccountId>,
    not_before: Option<Instant>,
    /// When its message was read, if it was.
    read_at: Option<Timestamp>,
}

impl Conclusion {
    fn of(call: &Call, outcome: Outcome) -> Self {
        let version = call.media_version;
        Self { version, outcome, integration: None, account: None, not_before: None, read_at: None }
    }
}

impl Gateway {
    /// Answers one call. Nothing in it is undone when the client hangs up.
    pub async fn answer(&self, mut call: Call) -> Reply {
        let conclusion = self.conclude(&mut call).await;
        let reply = self.reply(&call, &conclusion);
        self.count(call, conclusion);
        reply
    }

    /// The reply of a call that finds no room, or that failed for a fault of our own.
    #[must_use]
    pub fn answer_without_trying(&self, call: Call, why: NoAnswer) -> Reply {
        let conclusion = Conclusion::of(&call, Outcome::Undecided(why, AccountSource::Body));
        let reply = self.reply(&call, &conclusion);
        self.count(call, conclusion);
        reply
    }

    async fn conclude(&self, call: &mut Call) -> Conclusion {
        let mut conclusion = Conclusion::of(call, Outcome::Unauthorized(Stranger::NoCredential));
        match self.who_calls(call).await {
            Caller::Anybody => {}
            Caller::Integration(name) => conclusion.integration = Some(name),
            Caller::Undecided(why) => {
                conclusion.outcome = Outcome::Undecided(why, AccountSource::Body);
                return conclusion;
            }
            Caller::Stranger(why, integration, not_before) => {
                return Conclusion { outcome: Outcome::Unauthorized(why), integration, not_before, ..conclusion };
            }
        }
        let institution = conclusion.integration.as_ref().map(IntegrationName::institution);
        let bytes = match std::mem::replace(&mut call.body, Body::Broken) {
            Body::Whole(bytes) => bytes,
            unread => {
                conclusion.outcome = match (unread, call.place.endpoint().served) {
                    // A patron can type as much as they like; see contract/alma.rs.
                    (Body::TooLarge, Served::Alma(_)) if institution.is_some() => {
                        Outcome::Refused(Rejection::Unacceptable, AccountSource::Body)
                    }
                    (Body::TooLarge, Served::Alma(_) | Served::Authenticate) => Outcome::Failed(CallError::TooLarge),
                    (Body::Slow, _) => Outcome::Failed(CallError::Slow),
                    (Body::Broken | Body::Whole(_), _) => Outcome::Failed(CallError::BadRequest),
                };
                return conclusion;
            }
        };
        let freshness = Freshness {
            now: self.clock.now(),
            age: call.place.table().nonces.age,
            skew: call.place.table().nonces.skew,
        };
        conclusion.read_at = Some(freshness.now);
        let (version, request) = read_message(call, &bytes, institution, freshness);
        drop(bytes);
        conclusion.version = version;
        conclusion.outcome = match request {
            Err(error) => Outcome::Failed(error),
            Ok(Request::NotServed(operation)) => Outcome::NotServed(operation),
            Ok(Request::Refused(rejection, source)) => Outcome::Refused(rejection, source),
            Ok(Request::NoCredential) => without_credential(call),
            Ok(Request::SignIn(request)) => {
                let account = conclusion.account.insert(request.credentials.account().clone());
                self.sign_in(call, *request, account, conclusion.integration.as_ref(), freshness.now).await
            }
        };
        conclusion
    }

    /// Step 2: who calls? Never told by the XML.
    async fn who_calls(&self, call: &mut Call) -> Caller {
        let route = call.place.route();
        match route.settings.integration {
            IntegrationRule::None => return Caller::Anybody,
            IntegrationRule::Basic => {}
        }
        let presented = std::mem::replace(&mut call.authorization, Presented::Once(Authorization::None));
        let stranger = |why| Caller::Stranger(why, None, None);
        let basic = match presented {
            Presented::Once(Authorization::Basic(basic)) => basic,
            Presented::Once(Authorization::None) => return stranger(Stranger::NoCredential),
            Presented::Once(Authorization::Unreadable) => return stranger(Stranger::UnreadableCredential),
            Presented::Several => return stranger(Stranger::SeveralCredentials),
        };
        let parsed = IntegrationName::parse(&basic.name).ok();
        let found =
            parsed.and_then(|name| call.place.table().institutions.get(name.institution()).map(|at| (name, at)));
        let Some((name, institution)) = found else {
            self.metrics.unknown_integrations.inc();
            return stranger(Stranger::NoIntegration);
        };
        // A name that somebody invented may be a password in the wrong field: it is never told.
        let known = || Some(name.clone()).filter(|name| self.knows(name));
        let Some(credentials) = Credentials::new(name.account().clone(), basic.password) else {
            return Caller::Stranger(Stranger::Rejected(Rejection::WrongPassword), known(), None);
        };
        let asked = || {
            let asked = match route.settings.integration_check {
                IntegrationCheck::Identity => institution.asked(name.account()),
                IntegrationCheck::Registry => Asked::Registry(Arc::clone(&self.registry), name.clone()),
            };
            // Whoever claims the name has yet to prove it.
            (asked, Origin { source: call.source, integration: None })
        };
        let scope = Scope {
            route: &route.fingerprint,
            institution: &institution.fingerprint,
            sign_in: SignIn::KnownIntegration,
            must_change: MustChangeRule::Accept,
        };
        let verified = self.verifier.verify(&scope, asked, credentials, call.deadline).await;
        let mut not_before = None;
        if let Some(took) = verified.asked_for {
            route.metrics.integration_seconds.observe(took.as_secs_f64());
            not_before = self.integration_answered(call, institution, &name, verified);
        }
        match verified.verdict {
            Verdict::Reject(rejection) => Caller::Stranger(Stranger::Rejected(rejection), known(), not_before),
            Verdict::Undecided(why) => Caller::Undecided(why),
            Verdict::Accept { .. } => Caller::Integration(name),
        }
    }

    /// What a fresh answer about an integration leads to: a flag, a memory, or a moment before which its caller gets
    /// no reply.
    fn integration_answered(
        &self,
        call: &Call,
        institution: &InstitutionEntry,
        name: &IntegrationName,
        verified: Verified,
    ) -> Option<Instant> {
        let verdict = verified.verdict;
        let check = call.place.route().settings.integration_check;
        // Whom the registry did not know may have been registered since: that refusal was of nobody.
        let was_nobody = check == IntegrationCheck::Registry && verdict == Verdict::Reject(Rejection::UnknownAccount);
        let known = !was_nobody && self.knows(name);
        if known && let Some(fact) = Fact::of(SignIn::KnownIntegration, verdict, GuessFacts::default()) {
            self.sighted(call, name.account(), fact, Some(name), None);
        }
        // The identity service spoke of an account there, which is one like any other.
        if known && check == IntegrationCheck::Identity {
            self.account_answered(call, institution, name.account(), Some(name), verified);
        }
        match verdict {
            Verdict::Accept { .. } => {
                self.slow_down.right(call.source);
                if check == IntegrationCheck::Identity {
                    self.remember_accepted(name);
                }
                None
            }
            Verdict::Reject(rejection) => {
                if !known {
                    self.metrics.unknown_integrations.inc();
                }
                let wait = self.slow_down.wrong(call.source);
                tracing::warn!(
                    integration.known = known, reason = rejection.label(), source = %call.source,
                    wait_ms = wait.as_millis(), "integration.refused"
                );
                (wait > Duration::ZERO).then(|| (Instant::now() + wait).min(call.deadline))
            }
            Verdict::Undecided(_) => None,
        }
    }

    /// Steps 5 to 8 for the account, then its nonce.
    async fn sign_in(
        &self,
        call: &Call,
        request: SignInRequest,
        account: &AccountId,
        integration: Option<&IntegrationName>,
        now: Timestamp,
    ) -> Outcome {
        let SignInRequest { credentials, source, nonce } = request;
        let Some(institution) = call.place.table().institutions.get(account.institution()) else {
            return Outcome::Refused(Rejection::UnknownAccount, source);
        };
        let route = call.place.route();
        if !route.is_in_service() {
            return Outcome::Undecided(NoAnswer::Misconfigured, source);
        }
        let scope = Scope {
            route: &route.fingerprint,
            institution: &institution.fingerprint,
            sign_in: SignIn::Account,
            must_change: route.settings.must_change,
        };
        let origin = || Origin { source: call.source, integration: integration.cloned() };
        let asked = || (institution.asked(account), origin());
        let verified = self.verifier.verify(&scope, asked, credentials, call.deadline).await;
        if let Some(took) = verified.asked_for {
            route.metrics.account_seconds.observe(took.as_secs_f64());
            self.account_answered(call, institution, account, integration, verified);
        }
        match verified.verdict {
            Verdict::Reject(rejection) => return Outcome::Refused(rejection, source),
            Verdict::Undecided(why) => return Outcome::Undecided(why, source),
            Verdict::Accept { must_change: true } if route.settings.must_change == MustChangeRule::Refuse => {
                return Outcome::Refused(Rejection::MustChange, source);
            }
            Verdict::Accept { .. } => {}
        }
        // After the password, so that bad guesses cannot fill the memory; also when the yes was remembered.
        let sight = nonce.map_or(Sight::First, |claim| {
            self.nonces.see(self.nonce_digest(&route.fingerprint, account, &claim.nonce), claim.until, now)
        });
        match sight {
            Sight::First => Outcome::Accepted,
            Sight::Full => Outcome::Failed(CallError::NoncesFull),
            Sight::Replayed => Outcome::Failed(CallError::Replayed),
        }
    }

    /// What a fresh answer about an account leads to: a flag, or a second look at what a refusal does not say.
    fn account_answered(
        &self,
        call: &Call,
        institution: &InstitutionEntry,
        account: &AccountId,
        by: Option<&IntegrationName>,
        verified: Verified,
    ) {
        let Some(fact) = Fact::of(SignIn::Account, verified.verdict, verified.guess) else { return };
        // Also of a password that was not sent: whose it is, is as unknown then.
        let used = match institution.asked(account) {
            Asked::Service(used) => Some(used),
            Asked::Registry(..) => None,
        };
        self.sighted(call, account, fact, by, used);
    }

    /// Steps 9 and 11: the reply, one line, counters.
    fn reply(&self, call: &Call, conclusion: &Conclusion) -> Reply {
        let route = call.place.route();
        let reply = route.replies.write(conclusion.version, &conclusion.outcome, || self.incident());
        let elapsed = call.received.elapsed();
        let kind = match &conclusion.outcome {
            Outcome::Accepted => CallKind::Accepted,
            Outcome::Failed(error) => {
                route.metrics.fault(error.label());
                CallKind::Fault(error.label())
            }
            Outcome::NotServed(operation) => {
                route.metrics.not_served(operation);
                CallKind::NotServed
            }
            Outcome::Refused(rejection, _) => CallKind::Refused(*rejection),
            Outcome::Unauthorized(why) => CallKind::Unauthorized(why.label()),
            Outcome::Undecided(why, _) => {
                route.metrics.fault(why.label());
                CallKind::Undecided(*why)
            }
        };
        route.metrics.ended(kind);
        route.metrics.total_seconds.observe(elapsed.as_secs_f64());
        if self.log_calls && tracing::enabled!(tracing::Level::INFO) {
            let tag = conclusion.account.as_ref().map(account_tag);
            tracing::info!(
                call.incident = reply.incident.as_ref().map(IncidentId::as_str),
                call.route = route.metrics.label(),
                call.outcome = kind.outcome(),
                call.reason = kind.reason(),
                call.status = reply.status,
                call.source = %call.source,
                call.soap = conclusion.version.label(),
                call.micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                integration.id = conclusion.integration.as_ref().map(IntegrationName::as_str),
                account.tag = tag.as_deref(),
                "call"
            );
        }
        Reply { not_before: conclusion.not_before, ..reply }
    }

    /// Leaves the call to be counted. Nothing is copied and nobody is asked: this is on the path of every reply.
    fn count(&self, call: Call, conclusion: Conclusion) {
        let Conclusion { outcome, integration, account, read_at, .. } = conclusion;
        self.usage.put(EndedCall {
            at: read_at.unwrap_or_else(|| self.clock.now()),
            end: end_of(&outcome),
            integration,
            account: account.filter(|_| self.count_accounts),
            account_exists: exists(&outcome),
            operation: Operation::of(call.place.endpoint().served, &outcome),
            source: source_key(call.source),
            agent: call.agent,
        });
    }
}

/// No credential of any kind: a challenge where Basic would have been one, so that clients that wait for it send
/// theirs; but an integration that proved itself sent its Basic already, and a second challenge would only loop.
fn without_credential(call: &Call) -> Outcome {
    let settings = &call.place.route().settings;
    match settings.integration {
        IntegrationRule::Basic => Outcome::Refused(Rejection::Unacceptable, AccountSource::Body),
        IntegrationRule::None if settings.account.contains(&AccountSource::Basic) => {
            Outcome::Unauthorized(Stranger::NoCredential)
        }
        IntegrationRule::None => Outcome::Failed(CallError::Contract(ContractError::NoCredential)),
    }
}
