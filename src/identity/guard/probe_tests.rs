//! When a service is left alone, who finds out that it is back, and what says nothing about it.

use std::time::Duration;

use crate::domain::{Answer, NoAnswer, Rejection};
use crate::identity::guard::bench::{Bench, UNSENDABLE, outage};
use crate::identity::{GuardSettings, IdentityError, IdentityService, Sent};
use crate::store::suite::harness::account;
use crate::telemetry::Status;

/// The usual time between probes.
const INTERVAL: Duration = Duration::from_secs(10);
const KNOWN: Result<Answer, IdentityError> = Ok(Answer::Accepted);
const UNKNOWN: Result<Answer, IdentityError> = Ok(Answer::Rejected(Rejection::UnknownAccount));

fn failing() -> Result<Answer, IdentityError> {
    Err(IdentityError::sent(NoAnswer::Unreachable, "HTTP 500"))
}

/// What one account meets for ever.
fn twins() -> IdentityError {
    IdentityError::unsent(NoAnswer::Misconfigured, "more than one entry is called as was asked")
}

/// Lets tasks beside this one come to their ends.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Whether a question is answered at once with an outage, and nobody asked.
async fn is_refused(bench: &Bench, identifier: &str) -> bool {
    let started = tokio::time::Instant::now();
    let said = bench.ask(identifier, None).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
    said.is_err_and(|error| error.sent == Sent::No && error.detail.starts_with("it is left alone"))
}

/// Waits until a probe is due, which goes by itself.
async fn probe(bench: &Bench) {
    let asked = bench.asked();
    settle().await;
    tokio::time::advance(INTERVAL).await;
    settle().await;
    assert_eq!(bench.asked(), asked + 1, "nobody is asked about");
    let last = bench.script.last.lock().expect("not poisoned").clone();
    assert!(last.starts_with("probe-"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_is_left_alone_and_found_again_by_a_question_about_nobody() {
    let bench =
        Bench::new(&GuardSettings::default(), vec![outage(), outage(), outage(), outage(), UNKNOWN, UNKNOWN, KNOWN]);
    for _ in 0..3 {
        assert_eq!(bench.ask("reader", None).await.expect_err("away").no_answer, NoAnswer::Unreachable);
    }
    assert_eq!(bench.health.view().0, Status::Degraded);
    for _ in 0..50 {
        assert!(is_refused(&bench, "other").await);
    }
    settle().await;
    assert_eq!(bench.asked(), 3, "nobody is asked");
    probe(&bench).await;
    for _ in 0..50 {
        assert!(is_refused(&bench, "reader").await, "one probe, and that was lost");
    }
    settle().await;
    assert_eq!((bench.asked(), bench.health.view().0), (4, Status::Degraded));
    probe(&bench).await;
    assert_eq!(bench.health.view().0, Status::Degraded, "that tells little");
    assert_eq!(bench.ask("other", None).await, UNKNOWN);
    assert_eq!(bench.health.view().0, Status::Degraded, "and so does that");
    assert_eq!(bench.ask("reader", None).await, KNOWN);
    assert_eq!(bench.health.view().0, Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_found_again_while_nobody_calls() {
    let bench = Bench::new(&GuardSettings::default(), vec![outage(), outage(), outage(), outage(), UNKNOWN]);
    for _ in 0..3 {
        assert!(bench.ask("reader", None).await.is_err());
    }
    for status in [Status::Degraded, Status::Degraded, Status::Ok] {
        probe(&bench).await;
        assert_eq!(bench.health.view().0, status);
    }
    tokio::time::advance(INTERVAL * 10).await;
    settle().await;
    assert_eq!(bench.asked(), 6, "there is nothing more to find out");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_nobody_and_fails_all_others_is_not_back() {
    let bench = Bench::with(&GuardSettings::default(), vec![UNKNOWN], |script| {
        script.fails_all = Some(IdentityError::sent(NoAnswer::TimedOut, "the bind had no answer"));
    });
    for n in 0..3 {
        assert!(bench.ask(&format!("user{n}"), None).await.is_err());
    }
    for _ in 0..10 {
        probe(&bench).await;
        let mut asked = 0;
        for n in 0..100 {
            asked += usize::from(!is_refused(&bench, &format!("user{n}")).await);
            assert_eq!(bench.health.view().0, Status::Degraded);
        }
        assert_eq!(asked, 3, "a few find out for all");
    }
}

#[tokio::test(start_paused = true)]
async fn whom_it_does_not_know_keeps_nobody_else_from_being_asked_about_on_trial() {
    let mut script = vec![outage(), outage(), outage()];
    script.extend(vec![UNKNOWN; 101]);
    script.push(KNOWN);
    let bench = Bench::new(&GuardSettings::default(), script);
    for _ in 0..3 {
        assert!(bench.ask("reader", None).await.is_err());
    }
    probe(&bench).await;
    for n in 0..100 {
        assert_eq!(bench.ask(&format!("stranger{n}"), None).await, UNKNOWN);
        assert_eq!(bench.health.view().0, Status::Degraded);
    }
    assert_eq!(bench.ask("reader", None).await, KNOWN, "within the same interval");
    assert_eq!(bench.health.view().0, Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn two_identifiers_of_one_person_are_one_account() {
    let bench = Bench::new(&GuardSettings::default(), vec![failing(), failing(), failing(), failing(), UNKNOWN]);
    for identifier in ["b2001", "zoe", "b2001", "zoe"] {
        assert!(bench.ask_as("zoe", identifier).await.is_err());
    }
    assert_eq!(bench.asked(), 3, "it is left alone after three");
    assert!(bench.guarded.refuses(&account("zoe")).is_some());
    assert!(bench.guarded.refuses(&account("other")).is_none(), "but nobody else is");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_lets_a_probe_in_is_not_back() {
    for said in [Answer::Accepted, Answer::MustChange] {
        let bench = Bench::new(&GuardSettings::default(), vec![outage(), outage(), outage(), Ok(said), UNKNOWN]);
        for _ in 0..3 {
            assert!(bench.ask("reader", None).await.is_err());
        }
        probe(&bench).await;
        assert_eq!(bench.health.view().0, Status::Degraded);
        assert!(is_refused(&bench, "other").await);
        probe(&bench).await;
        assert_eq!(bench.ask("other", None).await, UNKNOWN);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_always_in_trouble_keeps_nobody_from_a_service_that_is_back() {
    let script = vec![outage(), outage(), outage(), UNKNOWN];
    let bench = Bench::with(&GuardSettings::default(), script, |script| script.troubled = Some(("twin", twins())));
    for _ in 0..3 {
        assert!(bench.ask("reader", None).await.is_err());
    }
    // The twin is the first to come each time.
    probe(&bench).await;
    assert_eq!(bench.ask("twin", None).await.expect_err("trouble").no_answer, NoAnswer::Misconfigured);
    for _ in 0..100 {
        assert!(is_refused(&bench, "twin").await, "once");
    }
    assert_eq!(bench.ask("other", None).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn whether_it_is_the_one_account_or_the_service_shows_by_a_question_about_nobody() {
    for (nobody_gets, is_away) in [(failing(), true), (UNKNOWN, false)] {
        let script = vec![failing(), failing(), failing(), nobody_gets, UNKNOWN];
        let bench = Bench::new(&GuardSettings::default(), script);
        for _ in 0..3 {
            assert!(bench.ask("kiosk", None).await.is_err());
        }
        for _ in 0..50 {
            assert!(is_refused(&bench, "kiosk").await, "it spends no more attempts");
        }
        probe(&bench).await;
        assert_eq!(is_refused(&bench, "other").await, is_away);
        if is_away {
            probe(&bench).await;
        }
        assert_eq!(bench.ask("kiosk", None).await, UNKNOWN);
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_up_error_of_one_account_sends_no_probes() {
    let bench = Bench::new(&GuardSettings::default(), vec![Err(twins()), failing(), Err(twins())]);
    assert!(bench.ask("twin", None).await.is_err());
    tokio::time::advance(INTERVAL * 6).await;
    settle().await;
    assert_eq!(bench.asked(), 1, "it may be its own for ever");
    assert!(bench.ask("reader", None).await.is_err());
    probe(&bench).await;
}

/// A service with eight questions a day that was just left alone, and goes on as it began.
async fn left_alone(said: Result<Answer, IdentityError>) -> Bench {
    let settings = GuardSettings { requests_per_day: std::num::NonZeroU64::new(8), ..GuardSettings::default() };
    let bench = Bench::new(&settings, vec![said]);
    for _ in 0..3 {
        assert!(bench.ask("reader", None).await.is_err());
    }
    bench
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_reached_nobody_is_none_of_the_days_questions() {
    let bench = left_alone(outage()).await;
    for _ in 0..20 {
        probe(&bench).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_one_of_the_days_questions() {
    let bench = left_alone(failing()).await;
    for _ in 0..5 {
        probe(&bench).await;
    }
    tokio::time::advance(INTERVAL).await;
    assert!(is_refused(&bench, "reader").await);
    settle().await;
    assert_eq!(bench.asked(), 8, "the day is spent");
}

#[tokio::test(start_paused = true)]
async fn what_is_never_sent_says_nothing_about_a_service() {
    let bench = Bench::new(&GuardSettings::default(), vec![outage(), outage(), outage(), UNKNOWN]);
    let unsent = async || bench.ask_with(UNSENDABLE, "reader", None).await;
    for _ in 0..3 {
        assert!(bench.ask("reader", None).await.is_err());
        assert_eq!(unsent().await, Ok(Answer::Rejected(Rejection::Unacceptable)));
    }
    assert_eq!((bench.asked(), bench.health.view().0), (3, Status::Degraded));
    probe(&bench).await;
    assert!(unsent().await.is_ok());
    assert_eq!((bench.asked(), bench.health.view().0), (4, Status::Degraded), "nor does it find anything out");
    assert_eq!(bench.ask("other", None).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn whether_a_service_is_well_is_known_soon_after_an_outage_though_nobody_calls() {
    let bench = Bench::new(&GuardSettings::default(), vec![failing(), UNKNOWN]);
    assert!(bench.ask("reader", None).await.is_err());
    assert_eq!(bench.health.view().0, Status::Degraded);
    probe(&bench).await;
    assert_eq!(bench.health.view().0, Status::Ok);
    tokio::time::advance(INTERVAL * 6).await;
    settle().await;
    assert_eq!(bench.asked(), 2, "there is nothing more to find out");

    let bench = Bench::new(&GuardSettings::default(), vec![failing(), KNOWN]);
    assert!(bench.ask("reader", None).await.is_err() && bench.ask("reader", None).await.is_ok());
    tokio::time::advance(INTERVAL * 6).await;
    settle().await;
    assert_eq!(bench.asked(), 2, "an answer tells as well");
}
