//! When a service is left alone, on trial, or asked about everybody.

use std::time::{Duration, Instant};

use crate::domain::NoAnswer;
use crate::identity::IdentityError;
use crate::identity::guard::breaker::{About, Breaker, NOBODY, Who};

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
    assert!(breaker.answered(About::Account, STRANGER, Instant::now()));
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
    assert_eq!((breaker.refuses(1, now).is_some(), breaker.refuses(STRANGER, now)), (true, None));
    let due = breaker.probe_at().expect("there is something to find out");
    breaker.failed(&puzzled(), STRANGER, due);
    breaker.probes(due);
    assert_eq!((breaker.refuses(1, due), breaker.refuses(STRANGER, due)), (Some(WAIT), None));
    assert!(breaker.failed(&broken(), NOBODY, due), "nobody meets it too, so it is the service");
    assert!(breaker.refuses(STRANGER, due).is_some());

    let mut breaker = after(&[(broken(), 1), (broken(), 1), (broken(), 1)]);
    assert!(breaker.answered(About::Probe, NOBODY, due));
    assert_eq!((breaker.refuses(1, due), breaker.probe_at()), (None, None), "it is its own trouble");
    assert!(!breaker.failed(&broken(), 1, due) && breaker.refuses(1, due).is_some(), "once more and no more");
}

#[test]
fn whom_a_probe_showed_to_be_in_trouble_alone_is_left_alone_by_its_own_next_outage_only() {
    let queue = IdentityError::unsent(NoAnswer::TimedOut, "queue");
    for error in [puzzled(), queue] {
        let mut breaker = after(&[(broken(), 1), (broken(), 1), (broken(), 1)]);
        let now = Instant::now();
        assert!(breaker.answered(About::Probe, NOBODY, now));
        assert!(!breaker.failed(&error, 2, now));
        assert_eq!(breaker.refuses(1, now), None, "{error}: that was another's");
        assert_eq!(breaker.probe_at(), None, "{error}: there is nothing to find out");
        assert!(!breaker.failed(&broken(), 1, now) && breaker.refuses(1, now).is_some());
    }
}

#[test]
fn our_own_queues_open_nothing() {
    let own = |no_answer| IdentityError::unsent(no_answer, "queue");
    let errors: Vec<_> =
        (0..50).flat_map(|who| [(own(NoAnswer::TimedOut), who), (own(NoAnswer::Throttled(None)), who)]).collect();
    assert!(!is_open(&errors));
}

#[test]
fn one_probe_every_ten_seconds_and_an_answer_puts_it_on_trial() {
    let mut breaker = on_trial_after(&[]);
    let now = Instant::now();
    let due = breaker.probe_at().expect("the next one");
    assert!(due > now && due <= now + WAIT);
    assert_eq!([1, 2, 3, 4].map(|who| enters(&mut breaker, who)), [true, true, true, false], "a few at once");
    assert!(breaker.answered(About::Account, STRANGER, now));
    assert_eq!((breaker.refuses(STRANGER, now), breaker.probe_at()), (None, None));

    let mut breaker = after(&[(refused(), 1), (refused(), 2), (refused(), 3)]);
    let due = breaker.probe_at().expect("one");
    assert_eq!(breaker.refuses(STRANGER, due), Some(Duration::ZERO), "nobody is asked about before it is answered");
    breaker.probes(due);
    assert_eq!(breaker.refuses(STRANGER, due), Some(WAIT));
    // What was asked before, and ends only now, moves nothing.
    assert!(!breaker.failed(&broken(), 1, due + WAIT / 2), "it was open already");
    assert!(!breaker.failed(&broken(), NOBODY, due + WAIT / 2), "and lost probes have their times");
    assert_eq!(breaker.probe_at(), Some(due + WAIT));
}

/// A breaker on trial, once these accounts were asked about and met that.
fn on_trial_after(errors: &[(IdentityError, Who)]) -> Breaker {
    let mut breaker = after(&[(refused(), 1), (refused(), 2), (refused(), 3)]);
    let now = Instant::now();
    assert!(!breaker.answered(About::Probe, NOBODY, now), "that tells nothing about the others");
    for (error, who) in errors {
        assert!(enters(&mut breaker, *who));
        assert!(!breaker.failed(error, *who, now), "it was left alone before");
        breaker.leaves(*who);
    }
    breaker
}

fn name(breaker: &Breaker) -> &'static str {
    let refuses = |who| breaker.refuses(who, Instant::now()).is_some();
    match (breaker.probe_at(), refuses(STRANGER)) {
        (None, _) => "closed",
        (Some(_), true) => "open",
        (Some(_), false) => "trial",
    }
}

/// Whether a question goes out, in a place on trial.
fn enters(breaker: &mut Breaker, who: Who) -> bool {
    breaker.refuses(who, Instant::now()).is_none() && breaker.enters(who)
}

#[test]
fn on_trial_it_opens_by_the_outages_of_more_than_one() {
    for error in [refused(), broken(), puzzled()] {
        assert_eq!(name(&on_trial_after(&[(error.clone(), 1), (error.clone(), 2)])), "trial");
        assert_eq!(name(&on_trial_after(&[(error.clone(), 1), (error.clone(), 2), (error, 3)])), "open");
    }
    let mut breaker = on_trial_after(&[(broken(), 1)]);
    assert!(!enters(&mut breaker, 1), "each once");
    assert!(
        !breaker.failed(&broken(), STRANGER, Instant::now()) && !breaker.failed(&broken(), STRANGER, Instant::now())
    );
    assert_eq!(name(&breaker), "trial", "what was asked before says nothing");
}

#[test]
fn on_trial_a_probe_finds_out_what_nobody_asks() {
    let now = Instant::now();
    for (errors, then) in [(vec![], "closed"), (vec![1], "closed"), (vec![1, 2], "trial")] {
        let errors: Vec<_> = errors.into_iter().map(|who| (broken(), who)).collect();
        let mut breaker = on_trial_after(&errors);
        assert!(!breaker.answered(About::Stranger, STRANGER, now), "whom it does not know tells nothing");
        breaker.answered(About::Probe, NOBODY, now);
        assert_eq!(name(&breaker), then);
        breaker.answered(About::Probe, NOBODY, now);
        assert_eq!(name(&breaker), "closed", "nobody came between two probes");
    }
    let mut breaker = on_trial_after(&[]);
    breaker.failed(&broken(), NOBODY, now);
    assert_eq!(name(&breaker), "open");

    let mut breaker = on_trial_after(&[(broken(), 1), (broken(), 2)]);
    breaker.answered(About::Probe, NOBODY, now);
    assert!(enters(&mut breaker, 1), "a new round");
    breaker.failed(&broken(), 1, now);
    assert_eq!(name(&breaker), "open", "and who failed is kept");
}

#[test]
fn on_trial_who_still_waits_keeps_it_there() {
    let mut breaker = on_trial_after(&[]);
    assert!([1, 2, 3].iter().all(|who| enters(&mut breaker, *who)));
    assert!(!breaker.answered(About::Probe, NOBODY, Instant::now()));
    assert!(!enters(&mut breaker, 4), "there are no more places");
    breaker.leaves(2);
    assert!(!breaker.answered(About::Probe, NOBODY, Instant::now()));
    assert!(enters(&mut breaker, 4), "but those that are over");
}

#[test]
fn one_account_alone_never_opens_it_on_trial() {
    let mut breaker = on_trial_after(&[]);
    let now = Instant::now();
    assert!(enters(&mut breaker, 2), "another's question is under way all the time");
    for _ in 0..10 {
        assert!(enters(&mut breaker, 1));
        breaker.failed(&refused(), 1, now);
        breaker.leaves(1);
        assert!(!breaker.answered(About::Probe, NOBODY, now));
        assert_eq!(name(&breaker), "trial");
    }
    assert!(enters(&mut breaker, 3), "and a place is left");
}

#[test]
fn whom_it_does_not_know_ends_no_run() {
    let mut breaker = after(&[(broken(), 1), (broken(), 2)]);
    let now = Instant::now();
    assert!(breaker.answered(About::Stranger, STRANGER, now), "it is closed still");
    assert!(breaker.failed(&broken(), 1, now));
    assert!(!breaker.answered(About::Stranger, STRANGER, now));
    assert_eq!(name(&breaker), "trial", "as by a probe");
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
