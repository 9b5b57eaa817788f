//! Asking whether a password is right: a recent yes answers at once, identical concurrent questions join one ask.
//! The same function serves the integration's sign-in and the account's.

use std::sync::Arc;

use moka::future::Cache;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{AccountId, Answer, Caller, Clock, Credentials, GuessFacts, GuessTag, NoAnswer, Verdict};
use crate::gateway::attempts::{CallerRates, Shield};
use crate::gateway::digests::Digests;
use crate::gateway::generations::{Generation, Generations};
use crate::gateway::heard::{Heard, Landed, Passing, Verified, Yes};
use crate::gateway::question::{Asked, Digest, IdentityUse, Origin, Question, Scope};
use crate::gateway::route::MustChangeRule;
use crate::gateway::settings::CacheSettings;
use crate::identity::{Answered, IdentityError};
use crate::telemetry::Metrics;

/// What is said of a budget that is spent by attempts of unknown outcome.
const SPENT: &str = "the attempts are spent, and nobody knows what became of some";

/// Room for what is never kept; zero would switch the joining off.
const FLIGHTS: u64 = 1;

/// The verdict cache and the asks in flight.
pub(crate) struct Verifier {
    digests: Digests,
    remembered: Cache<Digest, Yes>,
    generations: Generations,
    /// Questions of one caller under way.
    joined: Cache<(Digest, Caller, Generation), ()>,
    /// Guesses being asked now, whoever presents them.
    flights: Cache<(AccountId, GuessTag, Generation), ()>,
    pub(crate) shield: Shield,
    rates: CallerRates,
    asks: TaskTracker,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Verifier {
    /// A verifier with an empty cache; `key` is random and lives as long as the process.
    pub(crate) fn new(
        settings: &CacheSettings,
        key: [u8; 32],
        (shield, rates): (Shield, CallerRates),
        asks: TaskTracker,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let remembered = Cache::builder()
            .max_capacity(settings.entries)
            .time_to_live(settings.ttl)
            .support_invalidation_closures()
            .build();
        Self {
            digests: Digests::new(key),
            remembered,
            generations: Generations::new(),
            joined: Cache::builder().max_capacity(FLIGHTS).build(),
            flights: Cache::builder().max_capacity(FLIGHTS).build(),
            shield,
            rates,
            asks,
            clock,
            metrics,
        }
    }

    /// Asks about `credentials` whom `asked` gives, for whom it gives, unless a yes is remembered, or a refusal that still stands. Waits
    /// until `deadline` at most; giving up ends nothing, the question goes on for those who asked the same.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        scope: &Scope<'_>,
        asked: impl FnOnce() -> (Asked, Origin),
        credentials: Credentials,
        deadline: Instant,
    ) -> Verified {
        let digest = self.digests.question(scope, &credentials);
        if let Some(yes) = self.remembered.get(&digest).await {
            self.metrics.cache_hits.inc();
            return Verified::unasked(Verdict::Accept { must_change: yes.must_change });
        }
        let (asked, origin) = asked();
        let question = Question {
            digest,
            tag: self.digests.tag(scope, &credentials),
            must_change: scope.must_change,
            credentials,
            origin,
            deadline,
        };
        if let Asked::Service(_) = &asked
            && let Err(verdict) = self.may_ask(&question).await
        {
            return Verified::unasked(verdict);
        }
        // Boxed, so that what a remembered answer needs stays small: every call's future has room for all of this.
        Box::pin(self.hear(asked, question)).await
    }

    /// Has a question asked, and waits for what is said.
    async fn hear(self: &Arc<Self>, asked: Asked, question: Question) -> Verified {
        let (verifier, started, deadline) = (Arc::clone(self), Instant::now(), question.deadline);
        let ask = self.asks.spawn(async move { verifier.ask(asked, question).await });
        let said = match tokio::time::timeout_at(deadline, ask).await {
            Ok(Ok(said)) => said,
            Ok(Err(panicked)) => {
                tracing::error!(error = %panicked, "identity.ask_failed");
                Err(NoAnswer::Protocol)
            }
            Err(_) => Err(NoAnswer::TimedOut),
        };
        Verified {
            guess: said.map(|heard| heard.guess).unwrap_or_default(),
            verdict: Verdict::from(said.map(|heard| heard.answer)),
            asked_for: Some(started.elapsed()),
        }
    }

    /// Whether a question goes on to an identity service: not when its guess was refused lately, and not faster than
    /// its caller may ask.
    async fn may_ask(&self, question: &Question) -> Result<(), Verdict> {
        let person = self.shield.person(question.credentials.account());
        let now = self.clock.now();
        if let Some(rejection) = self.shield.recall(&person, &question.tag, question.refuses_must_change(), now) {
            return Err(Verdict::Reject(rejection));
        }
        let now = Instant::now();
        let wait = self
            .rates
            .take(question.origin.source, &question.origin.caller(), now.into_std())
            .map_err(|wait| Verdict::Undecided(NoAnswer::Throttled(Some(wait))))?;
        if now + wait > question.deadline {
            return Err(Verdict::Undecided(NoAnswer::Throttled(Some(wait))));
        }
        if !wait.is_zero() {
            Box::pin(tokio::time::sleep(wait)).await;
        }
        Ok(())
    }

    /// Forgets every yes.
    pub(crate) fn forget_all(&self) {
        self.generations.change_all();
        self.remembered.invalidate_all();
    }

    /// Forgets every yes for an account, because somebody changed it.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.generations.change(account);
        self.generations.change(&self.shield.person(account));
        let changed = self.digests.mark(account);
        // Closures are switched on above, which is all that this can fail for.
        let _ = self.remembered.invalidate_entries_if(move |_, yes| yes.account == changed);
    }

    /// Asks, once for all of one caller who ask the same at the same time.
    async fn ask(&self, asked: Asked, question: Question) -> Result<Heard, NoAnswer> {
        let generation = self.generations.of(question.credentials.account());
        let key = (question.digest, question.origin.caller(), generation);
        // Nothing is ever kept here: every end is an error, which all who joined are given.
        let once = async { Err::<(), _>(Passing(self.ask_once(&asked, &question, generation).await)) };
        match self.joined.try_get_with(key, once).await {
            Ok(()) => Err(NoAnswer::Protocol),
            Err(passing) => passing.0,
        }
    }

    async fn ask_once(&self, asked: &Asked, question: &Question, generation: Generation) -> Result<Heard, NoAnswer> {
        // It may have been answered since it was looked for.
        if let Some(yes) = self.remembered.get(&question.digest).await {
            return Ok(Heard::from(yes));
        }
        let said = match asked {
            Asked::Registry(..) => match self.put(asked, question, question.deadline).await {
                Ok(said) => {
                    self.remember(question, said.answer, generation).await;
                    Ok(said.answer.into())
                }
                Err(error) => Err(error),
            },
            Asked::Service(used) => self.ask_service(asked, used, question, generation).await,
        };
        said.map_err(|error| error.no_answer)
    }

    /// Remembers a yes, unless its account was changed since it was of this `generation`.
    async fn remember(&self, question: &Question, answer: Answer, generation: Generation) {
        let must_change = match (answer, question.must_change) {
            (Answer::Accepted, _) => false,
            (Answer::MustChange, MustChangeRule::Accept) => true,
            (Answer::MustChange, MustChangeRule::Refuse) | (Answer::Rejected(_), _) => return,
        };
        let account = question.credentials.account();
        if self.generations.of(account) != generation {
            return;
        }
        let yes = Yes { must_change, account: self.digests.mark(account) };
        self.remembered.insert(question.digest, yes).await;
        if self.generations.of(account) != generation {
            // A change came between the look and the entry: what it should have ended goes now.
            self.remembered.invalidate(&question.digest).await;
        }
    }

    /// Asks an identity service about a guess, once for all who present it at the same time, wherever they do.
    async fn ask_service(
        &self,
        asked: &Asked,
        used: &IdentityUse,
        question: &Question,
        generation: Generation,
    ) -> Result<Heard, IdentityError> {
        let account = question.credentials.account();
        let started = Instant::now();
        if let Some(rejection) = used.service.unsendable(&question.credentials) {
            let guess = self.shield.refuse_unsent(question, rejection, &used.attempts, self.clock.now());
            return Ok(Heard { answer: Answer::Rejected(rejection), guess });
        }
        if let Some(person) = used.person(account).await {
            self.shield.join(account, &person);
        }
        let time = used.timeout.saturating_sub(started.elapsed());
        let person = self.shield.person(account);
        let caller = question.origin.caller();
        let flight = (person.clone(), question.tag, self.generations.of(&person));
        loop {
            // Nothing is ever kept here: every end is an error, which all who joined are given.
            let shared = self
                .flights
                .try_get_with(flight.clone(), async {
                    // Another caller's may have landed since this one was begun.
                    if let Some(yes) = self.remembered.get(&question.digest).await {
                        return Err(Landed { said: Ok(Heard::from(yes)), caller: caller.clone(), asked_as: None });
                    }
                    let until = Instant::now() + time;
                    let said = self.attempt(asked, used, person.clone(), question, until).await;
                    // Before it lands, so that nobody asks once more meanwhile.
                    if let Ok(heard) = &said {
                        self.remember(question, heard.answer, generation).await;
                    }
                    Err::<(), _>(Landed { said, caller: caller.clone(), asked_as: Some(question.digest) })
                })
                .await;
            let Err(landed) = shared else {
                return Err(IdentityError::unsent(NoAnswer::Protocol, "a question ended without an end"));
            };
            let Some(said) = landed.says_to(&caller) else { continue };
            // Who joined it from another route has it remembered there as well.
            if let Ok(heard) = &said
                && landed.asked_as.is_some_and(|digest| digest != question.digest)
            {
                self.remember(question, heard.answer, generation).await;
            }
            return said;
        }
    }

    /// One attempt: a slot, the question, and what became of it.
    async fn attempt(
        &self,
        asked: &Asked,
        used: &IdentityUse,
        person: AccountId,
        question: &Question,
        until: Instant,
    ) -> Result<Heard, IdentityError> {
        if let Some(error) = used.service.refuses(&person) {
            self.metrics.identity_asked(asked.name(), "held-back");
            return Err(error);
        }
        let (caller, rule) = (question.origin.caller(), &used.rule());
        let now = self.clock.now();
        let turn = match self.shield.reserve(person, caller, &question.tag, rule, now).await {
            Ok(turn) => turn,
            Err(Verdict::Reject(rejection)) => return Ok(Answer::Rejected(rejection).into()),
            Err(Verdict::Undecided(why)) => return Err(IdentityError::unsent(why, SPENT)),
            Err(Verdict::Accept { .. }) => {
                return Err(IdentityError::unsent(NoAnswer::Protocol, "a shield accepts nobody"));
            }
        };
        let said = self.put(asked, question, until).await;
        let now = self.clock.now();
        let repeat = self.shield.settle(&turn, question.tag, &said, rule, now);
        let guess = match said.as_ref().map(|said| said.answer) {
            Ok(Answer::Rejected(_)) => {
                GuessFacts { repeat, could_be_set: used.service.could_be_set(&question.credentials) }
            }
            Ok(Answer::Accepted | Answer::MustChange) | Err(_) => GuessFacts::default(),
        };
        said.map(|said| Heard { answer: said.answer, guess })
    }

    /// Puts a question, counts it, and tells why there is no answer.
    async fn put(&self, asked: &Asked, question: &Question, until: Instant) -> Result<Answered, IdentityError> {
        let person = self.shield.person(question.credentials.account());
        let said = asked.verify(&question.credentials, &person, &question.origin, until).await;
        self.metrics.identity_asked(asked.name(), outcome(&said));
        if let Err(error) = &said {
            tracing::warn!(
                identity.name = asked.name(), reason = error.no_answer.label(), error = %error,
                "identity.no_answer"
            );
        }
        said
    }
}

fn outcome(said: &Result<Answered, IdentityError>) -> &'static str {
    match said.as_ref().map(|said| said.answer) {
        Ok(Answer::Accepted) => "accepted",
        Ok(Answer::MustChange) => "must-change",
        Ok(Answer::Rejected(_)) => "rejected",
        Err(error) => error.no_answer.label(),
    }
}
