//! A circuit breaker: after some outages in a row a service is left alone, until a probe now and then is answered.
//!
//! What one account alone provokes never keeps another's from being asked: a run of one account's outages leaves the
//! service alone for that account only, unless nothing of the question had been sent; and an answer that cannot be
//! understood, or a set-up error, moves nothing until three accounts have met one. Probes are about nobody, who counts as
//! one account more.

use std::time::{Duration, Instant};

use crate::domain::NoAnswer;
use crate::identity::{IdentityError, Sent};

/// What stands for an account in a run of outages.
pub(crate) type Who = u64;

/// Whom probes are about.
pub(crate) const NOBODY: Who = Who::MAX;
/// So many accounts must meet a set-up error before it is taken for the service's.
const PUZZLED_MIN: u32 = 3;

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
        (NoAnswer::Unreachable | NoAnswer::TimedOut | NoAnswer::Throttled(_), Sent::Maybe | Sent::Name) => {
            Weight::Outage
        }
        (NoAnswer::Misconfigured | NoAnswer::Protocol, Sent::Maybe | Sent::Name | Sent::No) => Weight::OncePerAccount,
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
    /// When a probe finds out whether it is the one account that met them all, which is not asked about until then.
    alone_until: Option<Instant>,
    /// Different accounts that met a set-up error or an answer that cannot be understood.
    puzzled: Vec<Who>,
}

impl Run {
    fn is_over(&self, outages: u32) -> bool {
        let many = |list: &[Who]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.unsent >= outages
            || (self.count >= outages && self.accounts.len() > 1)
            || many(&self.puzzled) >= outages.max(PUZZLED_MIN)
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

    /// How long a question about `who` is refused at least; zero when a probe is due.
    pub(crate) fn refuses(&self, who: Who, now: Instant) -> Option<Duration> {
        let until = match &self.state {
            State::Open { probe_at } => Some(*probe_at),
            State::Closed(run) => run.alone_until.filter(|_| run.accounts.contains(&who)),
        };
        until.map(|until| until.saturating_duration_since(now))
    }

    /// Whether a probe goes out now, where a question about `who` is refused. The next one is due after the same time,
    /// whatever becomes of this one.
    pub(crate) fn takes_probe(&mut self, who: Who, now: Instant) -> bool {
        let is_due = self.refuses(who, now) == Some(Duration::ZERO);
        if is_due {
            let next = now + self.probe_after;
            match &mut self.state {
                State::Open { probe_at } => *probe_at = next,
                State::Closed(run) => run.alone_until = Some(next),
            }
        }
        is_due
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
        // While it is open only probes go out, and those have their times.
        let State::Closed(run) = &mut self.state else { return false };
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
            Weight::OncePerAccount => add(&mut run.puzzled, who, self.outages.max(PUZZLED_MIN)),
        }
        if run.accounts.len() == 1 && run.count >= self.outages {
            run.alone_until.get_or_insert(probe_at);
        }
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

    fn puzzled() -> IdentityError {
        IdentityError::sent(NoAnswer::Protocol, "HTML")
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
        let set_up = || IdentityError::sent(NoAnswer::Misconfigured, "key");
        let unfound = || IdentityError::named(NoAnswer::Unreachable, "the search had no answer in time");
        for error in [broken(), puzzled(), set_up(), unfound()] {
            assert!(!is_open(&vec![(error, 1); 100]));
        }
        assert!(is_open(&[(unfound(), 1), (unfound(), 1), (unfound(), 2)]));
        assert!(!is_open(&[(set_up(), 1), (set_up(), 2)]));
        assert!(is_open(&[(set_up(), 1), (set_up(), 2), (puzzled(), 3)]));
    }

    #[test]
    fn an_account_that_alone_meets_outages_is_left_alone_by_itself() {
        let mut breaker = after(&[(broken(), 1), (broken(), 1), (broken(), 1)]);
        let now = Instant::now();
        assert!(breaker.refuses(1, now).is_some() && !breaker.takes_probe(1, now));
        assert_eq!(breaker.refuses(STRANGER, now), None);
        let due = now + WAIT;
        breaker.failed(&puzzled(), STRANGER, due);
        assert!(!breaker.takes_probe(STRANGER, due), "it has nothing to find out");
        assert!(breaker.takes_probe(1, due) && !breaker.takes_probe(1, due), "one");
        assert!(breaker.failed(&broken(), NOBODY, due), "nobody meets it too, so it is the service");
        assert!(breaker.refuses(STRANGER, due).is_some());
    }

    #[test]
    fn our_own_queues_open_nothing() {
        let own = |no_answer| IdentityError::unsent(no_answer, "queue");
        let errors: Vec<_> =
            (0..50).flat_map(|who| [(own(NoAnswer::TimedOut), who), (own(NoAnswer::Throttled(None)), who)]).collect();
        assert!(!is_open(&errors));
    }

    #[test]
    fn one_probe_every_ten_seconds_and_an_answer_closes() {
        let mut breaker = after(&[(refused(), 1), (refused(), 2), (refused(), 3)]);
        let now = Instant::now();
        assert!(breaker.refuses(STRANGER, now).is_some_and(|wait| wait <= WAIT) && !breaker.takes_probe(STRANGER, now));
        let due = now + WAIT;
        assert_eq!(breaker.refuses(STRANGER, due), Some(Duration::ZERO), "nobody is asked about before it is answered");
        assert!(breaker.takes_probe(STRANGER, due));
        assert_eq!(breaker.refuses(STRANGER, due), Some(WAIT));
        // What was asked before, and ends only now, moves nothing.
        assert!(!breaker.failed(&broken(), 1, due + WAIT / 2), "it was open already");
        assert!(breaker.takes_probe(STRANGER, due + WAIT));
        assert!(breaker.answered());
        assert_eq!(breaker.refuses(STRANGER, due + WAIT), None);
    }

    #[test]
    fn a_set_up_error_is_the_services_once_three_accounts_have_met_one() {
        for outages in [1, 3, 10] {
            let mut breaker = Breaker::new(outages, WAIT);
            let opened = (0..outages.max(3)).map(|who| breaker.failed(&puzzled(), u64::from(who), Instant::now()));
            let opened: Vec<bool> = opened.collect();
            assert_eq!(opened.iter().position(|opens| *opens), Some(opened.len() - 1), "{outages}");
        }
    }
}
