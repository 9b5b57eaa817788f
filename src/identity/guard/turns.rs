//! When a question may be asked: a pause that the service asked for, the breaker, each caller's share of the rate, the
//! rate of all, the day. Who may not ask has taken nothing from anybody else.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::{Caller, NoAnswer, Timestamp};
use crate::identity::guard::breaker::{About, Breaker, Who};
use crate::identity::guard::budget::{APART, DayBudget, Spent, rest_of_day};
use crate::identity::{Bucket, GuardSettings, IdentityError, Rate, Sent};

/// How long a service that throttles is left alone when it does not say; each time twice as long, up to a minute.
pub(crate) const BACK_OFF: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// However long it asks for, it is tried again hourly: adapters make less of what may be a proxy's word.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Who wants to ask, when, and how long they would wait.
pub(crate) struct Wish<'a> {
    pub(crate) who: Who,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Instant,
    pub(crate) today: Timestamp,
    /// What the service says is left of its day.
    pub(crate) left: Option<u64>,
    pub(crate) patience: Duration,
}

/// What turns are taken from.
pub(crate) struct Turns {
    breaker: Breaker,
    rates: Option<Rates>,
    all: Bucket,
    by: HashMap<Caller, Bucket>,
    day: DayBudget,
    paused_until: Option<Instant>,
    back_off: Duration,
}

/// A second's questions: of all, and of one caller.
#[derive(Clone, Copy)]
struct Rates {
    all: Rate,
    share: Rate,
}

impl Turns {
    pub(crate) fn new(settings: &GuardSettings) -> Self {
        // A quarter of a second's worth may come at once.
        let rate = |per_second: u32| Rate::new(per_second, per_second / 4).among(settings.nodes);
        let rates = settings.requests_per_second.map(|most| {
            let share = u64::from(most.get()) * u64::from(settings.integration_share.clamp(1, 100)) / 100;
            Rates { all: rate(most.get()), share: rate(u32::try_from(share).unwrap_or(u32::MAX).max(1)) }
        });
        Self {
            breaker: Breaker::new(settings.outages, settings.probe_after),
            rates,
            all: Bucket::default(),
            by: HashMap::new(),
            day: DayBudget::new(settings.requests_per_day, settings.integration_share, settings.nodes),
            paused_until: None,
            back_off: BACK_OFF,
        }
    }

    /// How long the caller waits for its own share of the rate. A turn of all is not taken before that is over, so
    /// that who is too fast makes nobody else wait.
    pub(crate) fn own_turn(&mut self, wish: &Wish<'_>) -> Result<Duration, IdentityError> {
        self.may_ask(wish)?;
        let Some(rates) = self.rates else { return Ok(Duration::ZERO) };
        if self.by.len() >= APART && !self.by.contains_key(wish.caller) {
            self.by.retain(|_, bucket| !bucket.is_idle(wish.now));
            if self.by.len() >= APART {
                return Ok(Duration::ZERO);
            }
        }
        self.by
            .entry(wish.caller.clone())
            .or_default()
            .take(rates.share, wish.now, wish.patience)
            .map_err(|wait| held_back(wait, "the integration's share of requests_per_second is waited for by too many"))
    }

    /// How long it waits then for a turn of all.
    pub(crate) fn turn(&mut self, wish: &Wish<'_>) -> Result<Duration, IdentityError> {
        self.may_ask(wish)?;
        let wait = match self.rates {
            Some(rates) => self
                .all
                .take(rates.all, wish.now, wish.patience)
                .map_err(|wait| held_back(wait, "more questions than requests_per_second allows are waiting"))?,
            None => Duration::ZERO,
        };
        self.day.take(wish.caller);
        Ok(wait)
    }

    fn may_ask(&mut self, wish: &Wish<'_>) -> Result<(), IdentityError> {
        if let Some(error) = self.refuses(wish.who, wish.now) {
            return Err(error);
        }
        let spent = |why| held_back(rest_of_day(wish.today), why);
        self.day.check(wish.caller, wish.today, wish.left).map_err(|what| match what {
            Spent::Day => spent("requests_per_day are spent"),
            Spent::Share => spent("the integration's share of the day's questions is spent"),
        })
    }

    /// Why a question about `who` would not be asked now, whoever caused it.
    pub(crate) fn refuses(&self, who: Who, now: Instant) -> Option<IdentityError> {
        match self.pause(now) {
            Some(rest) => Some(held_back(rest, "it asked to be left alone")),
            None => self.breaker.refuses(who, now).map(left_alone),
        }
    }

    /// Why a question about `who` may not go out now; else whether it took a place on trial.
    pub(crate) fn enters(&mut self, who: Who, now: Instant) -> Result<bool, IdentityError> {
        match self.refuses(who, now) {
            Some(error) => Err(error),
            None => Ok(self.breaker.enters(who)),
        }
    }

    /// Notes that a question is over which took a place.
    pub(crate) fn leaves(&mut self, who: Who) {
        self.breaker.leaves(who);
    }

    /// When a probe is due, where one is needed: not before a pause is over.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        self.breaker.probe_at().map(|at| self.paused_until.map_or(at, |until| until.max(at)))
    }

    /// Whether a probe goes out now. It is one of the day's questions, but of nobody's share: no integration caused it.
    pub(crate) fn takes_probe(&mut self, now: Instant, today: Timestamp) -> bool {
        if self.probe_at().is_none_or(|at| at > now) {
            return false;
        }
        self.breaker.probes(now);
        let goes = !self.day.is_spent(today);
        if goes {
            self.day.take_unshared();
        }
        goes
    }

    /// Notes that nothing of a probe was sent: the day is not spent by finding a service away.
    pub(crate) fn gives_probe_back(&mut self) {
        self.day.give_back_unshared();
    }

    /// How long it still wants to be left alone.
    fn pause(&self, now: Instant) -> Option<Duration> {
        self.paused_until.map(|until| until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
    }

    /// Whether what is left of the day is kept for sign-ins.
    pub(crate) fn is_short(&mut self, left: Option<u64>) -> bool {
        self.day.is_short(left)
    }

    /// Notes an answer to a question about `who`; true when the service is not left alone now.
    pub(crate) fn answered(&mut self, about: About, who: Who, now: Instant) -> bool {
        self.back_off = BACK_OFF;
        self.breaker.answered(about, who, now)
    }

    /// Notes that there was none; true when the service is left alone from now on.
    pub(crate) fn failed(&mut self, error: &IdentityError, who: Who, now: Instant) -> bool {
        self.obey(error, now);
        self.breaker.failed(error, who, now)
    }

    /// Leaves the service alone for as long as it asks.
    pub(crate) fn obey(&mut self, error: &IdentityError, now: Instant) {
        if let (NoAnswer::Throttled(wait), Sent::Maybe | Sent::Name) = (error.no_answer, error.sent) {
            let pause = wait.unwrap_or(self.back_off).min(PAUSE_MAX);
            self.back_off = (self.back_off * 2).min(BACK_OFF_MAX);
            self.paused_until = self.paused_until.max(Some(now + pause));
        }
    }
}

fn left_alone(wait: Duration) -> IdentityError {
    let seconds = wait.as_secs_f64().ceil();
    IdentityError::unsent(NoAnswer::Unreachable, format!("it is left alone for {seconds} s after outages in a row"))
}

/// Our own doing: it says nothing about the service.
pub(crate) fn held_back(wait: Duration, why: &str) -> IdentityError {
    IdentityError::unsent(NoAnswer::Throttled(Some(wait)), why)
}
