//! The two identity services, each in its own manner of speaking. Both can be away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use soapgate::domain::{AccountId, Answer, Clock, Credentials, Institution, NoAnswer, Rejection, Timestamp};
use soapgate::identity::{Answered, Asides, Ask, BoxFuture, IdentityError, IdentityService, Rate, SecondLook};
use tokio::time::Instant;

/// Failed sign-ins without a good one between them after which Ex Libris' service locks, and for how long. How failures
/// age there is not documented: here they do in half an hour.
const LOCK_AFTER: usize = 15;
const LOCK: Duration = Duration::from_mins(30);
/// One in so many second looks fails, and every look at one in so many of the accounts whose password is kept elsewhere.
const LOOKS_FAIL: i64 = 20;
/// Passwords that everybody uses.
const COMMON: [&str; 4] = ["password", "password1", "12345678", "qwertyuiop"];

/// The month's clock. Whoever drives the month moves it.
#[derive(Default)]
pub(crate) struct MonthClock(AtomicI64);

impl MonthClock {
    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for MonthClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// How an account stands at a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Disabled,
    Expired,
    /// Its password is kept by somebody else.
    External,
    Good,
    Locked,
    MustChange,
}

/// What a service knows of an account.
struct Known {
    primary: Arc<str>,
    password: Option<Arc<str>>,
    standing: Standing,
    failures: Vec<Timestamp>,
    locked_until: Option<Timestamp>,
    let_in: usize,
}

/// Whether a service says why it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    OnlyThatItFailed,
    Why,
}

/// One identity service.
pub(crate) struct Service {
    name: &'static str,
    speech: Speech,
    clock: Arc<MonthClock>,
    institution: Institution,
    accounts: Mutex<HashMap<String, Known>>,
    aliases: HashMap<Arc<str>, Arc<str>>,
    away: Mutex<bool>,
    locks: AtomicUsize,
}

impl Service {
    pub(crate) fn new(name: &'static str, institution: &str, speech: Speech, clock: Arc<MonthClock>) -> Self {
        Self {
            name,
            speech,
            clock,
            institution: Institution::parse(institution).expect("a code"),
            accounts: Mutex::default(),
            aliases: HashMap::new(),
            away: Mutex::new(false),
            locks: AtomicUsize::new(0),
        }
    }

    pub(crate) fn add(
        &mut self,
        id: &Arc<str>,
        barcode: Option<&Arc<str>>,
        password: Option<&Arc<str>>,
        standing: Standing,
    ) {
        if let Some(barcode) = barcode {
            self.aliases.insert(Arc::clone(barcode), Arc::clone(id));
        }
        let known = Known {
            primary: Arc::clone(id),
            password: password.cloned(),
            standing,
            failures: Vec::new(),
            locked_until: None,
            let_in: 0,
        };
        self.known().insert(id.to_string(), known);
    }

    /// Somebody sets a password, or it stands otherwise from now on.
    pub(crate) fn change(&self, id: &str, password: Option<&Arc<str>>, standing: Standing) {
        let mut accounts = self.known();
        let known = accounts.get_mut(id).expect("an account");
        (known.password, known.standing) = (password.cloned(), standing);
    }

    pub(crate) fn go_away(&self, is_away: bool) {
        *self.away.lock().expect("not poisoned") = is_away;
    }

    /// How many accounts were locked by failed sign-ins.
    pub(crate) fn locks(&self) -> usize {
        self.locks.load(Ordering::SeqCst)
    }

    /// How often a service that says only whether it worked let an account in.
    pub(crate) fn let_in(&self, id: &str) -> usize {
        self.known().get(id).expect("an account").let_in
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.accounts.lock().expect("not poisoned")
    }

    fn primary<'a>(&'a self, identifier: &'a str) -> &'a str {
        self.aliases.get(identifier).map_or(identifier, |id| id)
    }

    fn is_away(&self) -> Result<(), IdentityError> {
        if *self.away.lock().expect("not poisoned") {
            return Err(IdentityError::sent(NoAnswer::Unreachable, "it is away"));
        }
        Ok(())
    }

    fn answer(&self, credentials: &Credentials) -> Answer {
        let now = self.clock.now();
        let mut accounts = self.known();
        let Some(known) = accounts.get_mut(self.primary(credentials.account().identifier())) else {
            return Answer::Rejected(Rejection::UnknownAccount);
        };
        let is_right = known.password.as_deref() == Some(credentials.password().expose());
        if self.speech == Speech::Why {
            return match (known.standing, &known.password, is_right) {
                (Standing::Locked, _, _) => Answer::Rejected(Rejection::Locked),
                (_, None, _) => Answer::Rejected(Rejection::NoPassword),
                (_, _, false) => Answer::Rejected(Rejection::WrongPassword),
                (Standing::Disabled, _, true) => Answer::Rejected(Rejection::Disabled),
                (Standing::Expired, _, true) => Answer::Rejected(Rejection::Expired),
                (Standing::MustChange, _, true) => Answer::MustChange,
                (Standing::External | Standing::Good, _, true) => Answer::Accepted,
            };
        }
        if known.locked_until.is_some_and(|until| now < until) {
            return Answer::Rejected(Rejection::WrongPassword);
        }
        if is_right {
            known.failures.clear();
            known.let_in += 1;
            return Answer::Accepted;
        }
        known.failures.retain(|failure| now.since(*failure) < LOCK);
        known.failures.push(now);
        if known.failures.len() >= LOCK_AFTER {
            known.locked_until = Some(now.after(LOCK));
            self.locks.fetch_add(1, Ordering::SeqCst);
        }
        Answer::Rejected(Rejection::WrongPassword)
    }

    fn look(&self, account: &AccountId) -> Result<Option<SecondLook>, IdentityError> {
        if self.speech == Speech::Why {
            return Ok(None);
        }
        self.is_away()?;
        // The same ones whenever the month is lived again.
        let sum = |start| account.identifier().bytes().fold(start, |sum, byte| sum * 31 % 1_000_003 + i64::from(byte));
        let accounts = self.known();
        let Some(known) = accounts.get(self.primary(account.identifier())) else { return Ok(None) };
        let never = known.standing == Standing::External && sum(0) % LOOKS_FAIL == 0;
        if never || sum(self.clock.now().as_millis() / 60_000) % LOOKS_FAIL == 0 {
            return Err(IdentityError::sent(NoAnswer::Throttled(None), "too many requests"));
        }
        let primary = AccountId::parse(&self.institution, &known.primary).expect("an identifier");
        Ok(Some(SecondLook {
            identifiers: vec![primary],
            kept_elsewhere: known.standing == Standing::External,
            ..SecondLook::default()
        }))
    }
}

impl IdentityService for Service {
    fn name(&self) -> &str {
        self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        let said = self.is_away().map(|()| Answered::from(self.answer(ask.credentials)));
        Box::pin(std::future::ready(said))
    }

    fn could_be_set(&self, credentials: &Credentials) -> bool {
        let (password, user) = (credentials.password().expose().to_lowercase(), credentials.account().identifier());
        self.speech == Speech::Why
            || password.chars().count() >= 8 && !password.contains(user) && !COMMON.contains(&password.as_str())
    }

    fn asides(&self) -> Asides {
        let looks = (self.speech != Speech::Why).then(|| Rate::new(1, 10));
        Asides { looks, tells_person: false }
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(std::future::ready(self.look(account)))
    }

    fn check(&self, _: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(std::future::ready(self.is_away().map(|()| String::from("it answers"))))
    }
}
