//! A circuit breaker: after some outages in a row a service is left alone, but for one question now and then.
//!
//! What one account alone provokes never keeps another's from being asked: a run of one account's outages leaves the
//! service alone for that account only, unless nothing of the question had been sent; and an answer that cannot be
//! understood, or a set-up error, counts once for each account.

use std::time::{Duration, Instant};

use crate::domain::NoAnswer;
use crate::identity::{IdentityError, Sent};

/// What stands for an account in a run of outages.
pub(crate) type Who = u64;

/// Whether a question may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Go,
    /// It may, as the one question that finds out whether the service is back.
    Probe,
    /// It may not; the time until the next probe.
    Refused(Duration),
}

/// How an error moves the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Not at all: it was our own doing.
    None,
    /// Whoever asks: nothing of the question had been sent.
    Anybody,
    /// As an outage, but not from one account alone.
    Outage,
    /// Once for each account.
    OncePerAccount,
}

fn weigh(error: &IdentityError) -> Weight {
    match (error.no_answer, error.sent) {
        (NoAnswer::Unreachable, Sent::No) => Weight::Anybody,
        (NoAnswer::Unreachable | NoAnswer::TimedOut | NoAnswer::Throttled(_), Sent::Maybe) => Weight::Outage,
        (NoAnswer::Misconfigured | NoAnswer::Protocol, Sent::Maybe | Sent::No) => Weight::OncePerAccount,
        // Too long in a queue of our own, or held back by ourselves.
        (NoAnswer::TimedOut | NoAnswer::Throttled(_), Sent::No) => Weight::None,
    }
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
    Closed(Run),
    Open { probe_at: Instant },
}

/// Outages since the last answer.
#[derive(Debug, Default)]
struct Run {
    /// With nothing sent, or from whatever account.
    count: u32,
    unsent: u32,
    /// Different accounts that met any; two are enough.
    accounts: Vec<Who>,
    /// When the one account that met them all is asked for again.
    alone_until: Option<Instant>,
    /// Different accounts that met a set-up error or an answer that cannot be understood.
    puzzled: Vec<Who>,
}

impl Run {
    fn is_over(&self, outages: u32) -> bool {
        let many = |list: &[Who]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.unsent >= outages || (self.count >= outages && self.accounts.len() > 1) || many(&self.puzzled) >= outages
    }
}

fn add(list: &mut Vec<Who>, who: Who, most: u32) {
    if !list.contains(&who) && list.len() < usize::try_from(most).unwrap_or(usize::MAX) {
        list.push(who);
    }
}

impl Breaker {
    /// A closed breaker that opens after `outages` in a row.
    pub(crate) fn new(outages: u32, probe_after: Duration) -> Self {
        Self { outages: outages.max(1), probe_after, state: State::Closed(Run::default()) }
    }

    /// Whether a question may be asked at `now`. A probe that never reports holds its place for as long as the next
    /// one would have had to wait anyway.
    pub(crate) fn admit(&mut self, who: Who, now: Instant) -> Admission {
        if let Some(wait) = self.refuses(who, now) {
            return Admission::Refused(wait);
        }
        let next = now + self.probe_after;
        match &mut self.state {
            State::Closed(Run { alone_until: Some(until), accounts, .. }) if accounts.contains(&who) => {
                *until = next;
                Admission::Probe
            }
            State::Closed(_) => Admission::Go,
            State::Open { probe_at } => {
                *probe_at = next;
                Admission::Probe
            }
        }
    }

    /// How long a question about `who` would be refused, looked at without asking.
    pub(crate) fn refuses(&self, who: Who, now: Instant) -> Option<Duration> {
        let until = match &self.state {
            State::Open { probe_at } => Some(*probe_at),
            State::Closed(run) => run.alone_until.filter(|_| run.accounts.contains(&who)),
        };
        until.map(|until| until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Notes an answer; true when the breaker closes by it.
    pub(crate) fn answered(&mut self) -> bool {
        let was_open = matches!(self.state, State::Open { .. });
        self.state = State::Closed(Run::default());
        was_open
    }

    /// Notes that `who` got none; true when the breaker opens by it.
    pub(crate) fn failed(&mut self, error: &IdentityError, who: Who, now: Instant) -> bool {
        let probe_at = now + self.probe_after;
        let run = match &mut self.state {
            State::Open { probe_at: next } => {
                *next = (*next).max(probe_at);
                return false;
            }
            State::Closed(run) => run,
        };
        match weigh(error) {
            Weight::None => return false,
            Weight::Anybody => {
                run.unsent += 1;
                run.count += 1;
                add(&mut run.accounts, who, 2);
            }
            Weight::Outage => {
                run.count += 1;
                add(&mut run.accounts, who, 2);
            }
            Weight::OncePerAccount => add(&mut run.puzzled, who, self.outages.max(3)),
        }
        run.alone_until = (run.accounts.len() == 1 && run.count >= self.outages).then_some(probe_at);
        let opens = run.is_over(self.outages);
        if opens {
            self.state = State::Open { probe_at };
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account that met nothing yet.
    const STRANGER: Who = 99;
    const WAIT: Duration = Duration::from_secs(10);

    fn after(errors: &[(IdentityError, Who)]) -> Breaker {
        let mut breaker = Breaker::new(3, WAIT);
        let now = Instant::now();
        for (error, who) in errors {
            breaker.failed(error, *who, now);
        }
        breaker
    }

    fn is_open(errors: &[(IdentityError, Who)]) -> bool {
        after(errors).refuses(STRANGER, Instant::now()).is_some()
    }

    fn refused() -> IdentityError {
        IdentityError::unsent(NoAnswer::Unreachable, "connection refused")
    }

    fn broken() -> IdentityError {
        IdentityError::sent(NoAnswer::Unreachable, "HTTP 500")
    }

    #[test]
    fn it_opens_after_three_outages_in_a_row() {
        assert!(!is_open(&[(refused(), 1), (refused(), 1)]));
        assert!(is_open(&[(refused(), 1), (refused(), 1), (refused(), 1)]));
        assert!(is_open(&[(broken(), 1), (broken(), 1), (broken(), 2)]));
        let timed_out = || IdentityError::sent(NoAnswer::TimedOut, "late");
        let throttled = || IdentityError::sent(NoAnswer::Throttled(None), "429");
        assert!(is_open(&[(timed_out(), 1), (throttled(), 2), (broken(), 3)]));
    }

    #[test]
    fn an_answer_ends_the_run() {
        let mut breaker = after(&[(refused(), 1), (refused(), 1)]);
        assert!(!breaker.answered());
        assert!(!breaker.failed(&refused(), 1, Instant::now()));
    }

    #[test]
    fn what_one_account_alone_provokes_opens_nothing() {
        let puzzled = || IdentityError::sent(NoAnswer::Protocol, "HTML");
        let set_up = || IdentityError::sent(NoAnswer::Misconfigured, "key");
        for error in [broken(), puzzled(), set_up()] {
            assert!(!is_open(&vec![(error, 1); 100]));
        }
        assert!(!is_open(&[(set_up(), 1), (set_up(), 2)]));
        assert!(is_open(&[(set_up(), 1), (set_up(), 2), (puzzled(), 3)]));
    }

    #[test]
    fn an_account_that_alone_meets_outages_is_left_alone_by_itself() {
        let mut breaker = after(&[(broken(), 1), (broken(), 1), (broken(), 1)]);
        let now = Instant::now();
        assert!(matches!(breaker.admit(1, now), Admission::Refused(_)));
        assert_eq!(breaker.admit(STRANGER, now), Admission::Go);
        assert_eq!(breaker.admit(1, now + WAIT), Admission::Probe);
        assert!(matches!(breaker.admit(1, now + WAIT), Admission::Refused(_)));
        assert!(breaker.failed(&broken(), STRANGER, now), "somebody else meets it too");
    }

    #[test]
    fn our_own_queues_open_nothing() {
        let own = |no_answer| IdentityError::unsent(no_answer, "queue");
        let errors: Vec<_> =
            (0..50).flat_map(|who| [(own(NoAnswer::TimedOut), who), (own(NoAnswer::Throttled(None)), who)]).collect();
        assert!(!is_open(&errors));
    }

    #[test]
    fn one_probe_every_ten_seconds_and_a_good_one_closes() {
        let mut breaker = after(&[(refused(), 1), (refused(), 2), (refused(), 3)]);
        let now = Instant::now();
        assert!(matches!(breaker.admit(STRANGER, now), Admission::Refused(wait) if wait <= WAIT));
        let due = now + WAIT;
        assert_eq!(breaker.admit(STRANGER, due), Admission::Probe);
        assert_eq!(breaker.admit(STRANGER, due), Admission::Refused(WAIT), "one at a time");
        assert!(!breaker.failed(&refused(), 1, due), "it was open already");
        assert_eq!(breaker.admit(STRANGER, due + WAIT), Admission::Probe);
        assert!(breaker.answered());
        assert_eq!(breaker.admit(STRANGER, due + WAIT), Admission::Go);
    }
}
