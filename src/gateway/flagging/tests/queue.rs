//! The queue in bounded room, and what is gathered of one account.

use crate::domain::{Fact, GuessFacts, Rejection, Repeat};
use crate::gateway::flagging::gathering::{APART, FACTS, join};
use crate::gateway::flagging::tests::house::{NO_PASSWORD, dropped, names, of, sighting};
use crate::gateway::flagging::{FlagQueue, FlagReceiver, Sighting};
use crate::store::Gathered;
use crate::store::suite::harness::at;
use crate::telemetry::Metrics;

fn repeated(since: i64, refusals: u32) -> Fact {
    let repeat = Some(Repeat { since: at(since), refusals, days: 1 });
    Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat, could_be_set: true })
}

fn take(receiver: &FlagReceiver) -> Vec<Gathered> {
    receiver.0.take(10, |_| false)
}

fn gathered(sightings: Vec<Sighting>) -> Vec<(Fact, u64)> {
    let (queue, receiver) = FlagQueue::new(10, Metrics::new());
    for sighting in sightings {
        queue.put(sighting);
    }
    take(&receiver).remove(0).seen.into_iter().map(|seen| (seen.fact, seen.count)).collect()
}
#[test]
fn a_repeated_password_is_gathered_with_what_is_known_of_it_last_and_apart_from_others() {
    let seen = vec![
        sighting(repeated(1, 2), 1, 2),
        sighting(repeated(1, 3), 1, 3),
        sighting(repeated(2, 2), 1, 4),
        sighting(repeated(1, 4), 1, 5),
    ];
    assert_eq!(gathered(seen), [(repeated(1, 4), 3), (repeated(2, 2), 1)]);
}

#[test]
fn what_is_gathered_of_one_account_has_a_bound_and_counts_on() {
    let mut seen: Vec<Sighting> = (0..100).map(|place| sighting(Fact::MustChange, place, 1)).collect();
    seen.push(sighting(Fact::Accepted, 1, 2));
    let all = gathered(seen);
    assert_eq!(all.len(), APART + 1, "places are lost, what was said is not");
    assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 101);
    let many = (0..100).map(|since| sighting(repeated(since, 2), 1, 1)).collect();
    assert_eq!(gathered(many).len(), FACTS);
}

#[test]
fn a_fact_that_there_is_no_room_for_is_counted() {
    let metrics = Metrics::new();
    let (queue, _receiver) = FlagQueue::new(10, metrics.clone());
    for since in 0..100 {
        queue.put(sighting(repeated(since, 2), 1, 1));
    }
    assert_eq!(dropped(&metrics, "fact"), 100 - FACTS as u64);
    assert_eq!(dropped(&metrics, "flag"), 0);
}

#[test]
fn in_a_full_queue_whoever_was_only_let_in_makes_room() {
    let metrics = Metrics::new();
    let (queue, receiver) = FlagQueue::new(3, metrics.clone());
    for plain in ["a", "b", "c", "d"] {
        queue.put(of(plain, if plain == "b" { Fact::IntegrationAccepted } else { Fact::Accepted }));
    }
    assert_eq!(dropped(&metrics, "accepted"), 1, "the last one, quietly");
    // What nothing was wrong with may be flagged now, and stays.
    queue.put(of("a", NO_PASSWORD));
    queue.put(of("x", NO_PASSWORD));
    queue.put(of("y", Fact::MustChange));
    assert_eq!((dropped(&metrics, "accepted"), dropped(&metrics, "flag")), (3, 0));
    assert_eq!(receiver.0.dropped_lately(at(1)), 0, "nobody is alarmed");
    queue.put(of("z", NO_PASSWORD));
    queue.put(of("e", Fact::Accepted));
    assert_eq!((dropped(&metrics, "accepted"), dropped(&metrics, "flag")), (4, 1));
    assert_eq!(receiver.0.dropped_lately(at(1)), 1);
    assert_eq!(names(&take(&receiver)), ["a", "x", "y"], "in the order in which they came");
    queue.put(of("e", Fact::Accepted));
    assert_eq!(names(&take(&receiver)), ["e"]);
}

#[test]
fn what_is_gathered_twice_is_joined() {
    let (queue, receiver) = FlagQueue::new(10, Metrics::new());
    let mut all = Vec::new();
    for _ in 0..2 {
        queue.put(of("a", NO_PASSWORD));
        queue.put(of("b", NO_PASSWORD));
        all.extend(take(&receiver));
    }
    let (joined, dropped) = join(all);
    assert_eq!((names(&joined), dropped), (vec!["a", "b"], 0));
    assert_eq!(joined[0].seen.iter().map(|seen| seen.count).collect::<Vec<_>>(), [2]);
}
