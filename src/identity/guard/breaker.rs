//! A circuit breaker: after some outages in a row a service is left alone, until a probe now and then is answered. Then
//! it is on trial: a few accounts are asked about, and an answer about one of them closes it.
//!
//! A probe is about nobody, and a service may well refuse nobody while it fails everybody else: so what was said of nobody
//! alone lets no more than those few in. Where nobody comes to ask from one probe to the next, or one account alone fails,
//! the next probe that is answered closes as well.
//!
//! After any outage that no answer follows a probe finds out whether the service is well: nobody may call for hours.
//!
//! What one account alone provokes never keeps another's from being asked: a run of one account's outages leaves the
//! service alone for that account only, unless nothing of the question had been sent; and an answer that cannot be
//! understood, or a set-up error, moves nothing until three accounts have met one. Nobody counts as one account more.

use std::time::{Duration, Instant};

use crate::identity::IdentityError;
use crate::identity::guard::run::Run;

/// What stands for an account in a run of outages.
pub(crate) type Who = u64;

/// Whom probes are about.
pub(crate) const NOBODY: Who = Who::MAX;
/// So many accounts are on trial at least: one alone proves nothing.
const PLACES_MIN: u32 = 2;

/// What an answer was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// An account that the service knows.
    Account,
    /// Nobody: it was a probe.
    Probe,
    /// An account that the service does not know: that tells no more than a probe.
    Stranger,
}

/// A circuit breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    outages: u32,
    probe_after: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed {
        run: Run,
        /// When a probe finds out what it was, unless an answer comes first.
        probe_at: Option<Instant>,
        /// One account met enough of it, alone and since the last answer, and is not asked about until then.
        spares_one: bool,
    },
    Open {
        probe_at: Instant,
    },
    Trial {
        probe_at: Instant,
        places: Vec<Place>,
        /// What was met since it began.
        run: Run,
    },
}

/// An account that is asked about on trial, once until the next probe, but for one that the service does not know.
#[derive(Debug)]
struct Place {
    who: Who,
    is_waiting: bool,
}

impl State {
    fn closed() -> Self {
        Self::Closed { run: Run::default(), probe_at: None, spares_one: false }
    }
}

impl Breaker {
    /// A closed breaker that opens after `outages` in a row.
    pub(crate) fn new(outages: u32, probe_after: Duration) -> Self {
        Self { outages: outages.max(1), probe_after, state: State::closed() }
    }

    /// How long a question about `who` is refused at least; zero when a probe is due.
    pub(crate) fn refuses(&self, who: Who, now: Instant) -> Option<Duration> {
        let until = match &self.state {
            State::Closed { run, probe_at, spares_one } => {
                probe_at.filter(|_| *spares_one && run.lonely(self.outages) == Some(who))
            }
            State::Open { probe_at } => Some(*probe_at),
            State::Trial { probe_at, places, .. } => {
                let has_room = places.len() < self.places() && places.iter().all(|place| place.who != who);
                (!has_room).then_some(*probe_at)
            }
        };
        until.map(|until| until.saturating_duration_since(now))
    }

    fn places(&self) -> usize {
        usize::try_from(self.outages.max(PLACES_MIN)).unwrap_or(usize::MAX)
    }

    /// Notes that a question about `who`, which is not refused, goes out; true when it took a place on trial, which ends
    /// with [`leaves`](Self::leaves).
    pub(crate) fn enters(&mut self, who: Who) -> bool {
        match &mut self.state {
            State::Trial { places, .. } => {
                places.push(Place { who, is_waiting: true });
                true
            }
            State::Closed { .. } | State::Open { .. } => false,
        }
    }

    /// Notes that a question is over which took a place.
    pub(crate) fn leaves(&mut self, who: Who) {
        if let State::Trial { places, .. } = &mut self.state {
            places.iter_mut().filter(|place| place.who == who).for_each(|place| place.is_waiting = false);
        }
    }

    /// When the next probe is due, where there is something to find out.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        match &self.state {
            State::Closed { probe_at, .. } => *probe_at,
            State::Open { probe_at } | State::Trial { probe_at, .. } => Some(*probe_at),
        }
    }

    /// Notes that a probe goes out: the next one is due after the same time, whatever becomes of this one.
    pub(crate) fn probes(&mut self, now: Instant) {
        let next = now + self.probe_after;
        match &mut self.state {
            State::Closed { probe_at, .. } => *probe_at = Some(next),
            State::Open { probe_at } | State::Trial { probe_at, .. } => *probe_at = next,
        }
    }

    /// Notes an answer to a question about `who`; true when it is closed now.
    pub(crate) fn answered(&mut self, about: About, who: Who, now: Instant) -> bool {
        let next = now + self.probe_after;
        match (&mut self.state, about) {
            (_, About::Account) => self.state = State::closed(),
            // It ends no run: a service that fails everybody may well go on to say whom it does not know.
            (State::Closed { probe_at, spares_one, .. }, About::Probe | About::Stranger) => {
                (*probe_at, *spares_one) = (None, false);
            }
            (State::Open { .. }, About::Probe | About::Stranger) => {
                self.state = State::Trial { probe_at: next, places: Vec::new(), run: Run::default() };
            }
            // However many of them come, they keep nobody from being asked about who tells more.
            (State::Trial { places, .. }, About::Stranger) => places.retain(|place| place.who != who),
            (State::Trial { probe_at, places, run }, About::Probe) => {
                let nobody_came = places.is_empty();
                places.retain(|place| place.is_waiting);
                if nobody_came || (places.is_empty() && !run.is_of_several()) {
                    self.state = State::closed();
                } else {
                    *probe_at = next;
                }
            }
        }
        matches!(self.state, State::Closed { .. })
    }

    /// Notes that `who` got none; true when the service is left alone from now on that was not before.
    pub(crate) fn failed(&mut self, error: &IdentityError, who: Who, now: Instant) -> bool {
        let next = now + self.probe_after;
        match &mut self.state {
            State::Closed { run, probe_at, spares_one } => {
                let is_outage = run.add(error, who, self.outages);
                if run.is_over(self.outages) {
                    self.state = State::Open { probe_at: next };
                    return true;
                }
                if is_outage {
                    probe_at.get_or_insert(next);
                    *spares_one |= run.lonely(self.outages) == Some(who);
                }
            }
            // Only probes go out, and those have their times.
            State::Open { .. } => {}
            State::Trial { probe_at, .. } if who == NOBODY => self.state = State::Open { probe_at: *probe_at },
            State::Trial { places, run, .. } => {
                // What was asked before the trial, and ends only now, says nothing about it.
                if places.iter().any(|place| place.who == who) {
                    run.add(error, who, self.outages);
                    if run.is_over(self.outages) && run.is_of_several() {
                        self.state = State::Open { probe_at: next };
                    }
                }
            }
        }
        false
    }
}
