//! What comes late, in whatever order: a flag stands for as long as one of its reasons does, and no longer.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::domain::{Fact, FlagState, GuessFacts, Move, Reason, Rejection, Repeat};
use crate::store::flags::flag_row::{self, FlagRow};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, integration, on_every_database};
use crate::store::{Action, Seen};

const DAY: i64 = 24 * 3_600_000;

async fn flag(fresh: &Fresh, identifier: &str) -> FlagRow {
    let mut connection = fresh.database.pool().acquire().await.expect("a connection");
    flag_row::of_account(&mut connection, &account(identifier)).await.expect("read").expect("a flag")
}

fn standing(flag: &FlagRow) -> Vec<Reason> {
    let standing = flag.reasons.iter().filter(|reason| reason.cleared_at.is_none());
    standing.map(|reason| reason.reason).collect()
}

async fn sees(fresh: &Fresh, fact: Fact, moment: i64) -> Option<FlagState> {
    record(&fresh.database, "reader", vec![seen(fact, at(moment))]).await.map(|recorded| recorded.state)
}

/// An operator's move of the reader's flag.
async fn does(fresh: &Fresh, to_do: Move, moment: i64) {
    let note = Some("it is known".to_owned());
    let action = Action { to_do, actor: "mia".to_owned(), assignee: None, note, at: at(moment) };
    let id = flag(fresh, "reader").await.id;
    fresh.database.flags().act(&id, &action).await.expect("done");
}

async fn a_flag_does_not_open_again_by_a_reason_that_ended_after_it_was_seen(fresh: Fresh) {
    sees(&fresh, refused(Rejection::Locked), 10).await.expect("a flag");
    sees(&fresh, Fact::IntegrationRefused, 20).await.expect("a second reason");
    sees(&fresh, Fact::Accepted, 200).await.expect("one is over");
    // What another node saw before it is written after it.
    assert_eq!(sees(&fresh, Fact::IntegrationAccepted, 100).await, Some(FlagState::Resolved));
    assert_eq!(flag(&fresh, "reader").await.closed_at, Some(at(200)), "no sooner than its last reason ended");
    assert_eq!(sees(&fresh, refused(Rejection::Locked), 150).await, Some(FlagState::Resolved));
    assert_eq!(sees(&fresh, refused(Rejection::Locked), 201).await, Some(FlagState::Open));
    check_totals(&fresh.database).await;
}

async fn what_was_seen_before_a_sign_in_that_is_known_opens_no_flag(fresh: Fresh) {
    sees(&fresh, Fact::Accepted, DAY).await;
    for late in [refused(Rejection::Locked), Fact::MustChange, refused(Rejection::Expired)] {
        assert_eq!(sees(&fresh, late, DAY - 5).await, None, "{late:?}");
    }
    assert_eq!(all(&fresh.database).await, []);
    let kiosk = |fact, moment| Seen { integration: Some(integration("kiosk")), ..seen(fact, at(moment)) };
    let late = vec![kiosk(refused(Rejection::Locked), DAY - 1)];
    assert_eq!(record(&fresh.database, "reader", late).await, None, "whoever the account was let in through");
    assert_eq!(sees(&fresh, refused(Rejection::Locked), DAY + 1).await, Some(FlagState::Open));
}

async fn what_a_later_sign_in_does_not_end_is_no_less_true_for_coming_late(fresh: Fresh) {
    sees(&fresh, Fact::Accepted, 30 * DAY).await;
    // An integration's own sign-in, and a password that another system has stored.
    assert_eq!(sees(&fresh, Fact::IntegrationRefused, 20 * DAY).await, Some(FlagState::Open));
    let kiosk = |fact, moment| vec![Seen { integration: Some(integration("kiosk")), ..seen(fact, at(moment)) }];
    record(&fresh.database, "old", kiosk(Fact::Accepted, DAY)).await;
    record(&fresh.database, "old", vec![seen(Fact::Accepted, at(30 * DAY))]).await;
    let repeat = Some(Repeat { since: at(2 * DAY), refusals: 9, days: 9 });
    let stale = Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat, could_be_set: true });
    let found = record(&fresh.database, "old", kiosk(stale, 20 * DAY)).await.expect("a flag");
    assert_eq!((&found.reasons[..], found.state), (&[Reason::StaleSecret][..], FlagState::Open));
}

async fn late_evidence_is_added_to_a_flag_that_stands_as_over(fresh: Fresh) {
    sees(&fresh, Fact::IntegrationRefused, 1).await.expect("a flag");
    sees(&fresh, Fact::Accepted, DAY).await;
    sees(&fresh, refused(Rejection::Expired), DAY - 1).await.expect("counted");
    let found = flag(&fresh, "reader").await;
    assert_eq!((standing(&found), found.count), (vec![Reason::IntegrationRefused], 2));
    assert_eq!(found.reasons[0].cleared_at, Some(at(DAY)));
    // And to one that was resolved before the sign-in.
    sees(&fresh, Fact::IntegrationAccepted, DAY + 1).await.expect("resolved");
    sees(&fresh, Fact::Accepted, 3 * DAY).await;
    for late in [refused(Rejection::Locked), refused(Rejection::Expired)] {
        assert_eq!(sees(&fresh, late, 2 * DAY).await, Some(FlagState::Resolved), "{late:?}");
    }
    let found = flag(&fresh, "reader").await;
    assert_eq!((standing(&found), found.closed_at), (vec![], Some(at(DAY + 1))));
    check_totals(&fresh.database).await;
}

async fn a_flag_that_is_taken_up_again_has_a_reason_even_when_it_ended_before_the_flag_was_closed(fresh: Fresh) {
    sees(&fresh, refused(Rejection::Locked), 10).await.expect("a flag");
    does(&fresh, Move::Dismiss, 200).await;
    assert_eq!(sees(&fresh, Fact::Accepted, 150).await, Some(FlagState::Dismissed));
    does(&fresh, Move::Reopen, 300).await;
    assert_eq!(standing(&flag(&fresh, "reader").await), [Reason::Locked]);
    check_totals(&fresh.database).await;
}

async fn what_an_operator_closed_stays_closed_since_then_whatever_comes_late(fresh: Fresh) {
    sees(&fresh, Fact::IntegrationRefused, 10).await.expect("a flag");
    does(&fresh, Move::Resolve, 100).await;
    sees(&fresh, Fact::Accepted, DAY).await;
    // Seen after it was closed, and over by the sign-in.
    assert_eq!(sees(&fresh, refused(Rejection::Locked), 300).await, Some(FlagState::Resolved));
    assert_eq!(flag(&fresh, "reader").await.closed_at, Some(at(100)), "nobody closed it again");
    does(&fresh, Move::Reopen, DAY + 1).await;
    assert!(standing(&flag(&fresh, "reader").await).contains(&Reason::IntegrationRefused), "why it was closed");
    does(&fresh, Move::Resolve, DAY + 2).await;
    sees(&fresh, Fact::Accepted, 3 * DAY).await;
    assert_eq!(sees(&fresh, refused(Rejection::Expired), 2 * DAY).await, Some(FlagState::Resolved));
    // This is no less a recurrence.
    assert_eq!(sees(&fresh, Fact::IntegrationRefused, 2 * DAY + 1).await, Some(FlagState::Open));
    check_totals(&fresh.database).await;
}

async fn an_operator_behind_whose_clock_a_reason_ended_takes_up_what_they_closed(fresh: Fresh) {
    sees(&fresh, Fact::IntegrationRefused, 10).await.expect("a flag");
    sees(&fresh, refused(Rejection::Locked), 20).await;
    sees(&fresh, Fact::Accepted, 200).await;
    does(&fresh, Move::Resolve, 100).await;
    does(&fresh, Move::Reopen, 300).await;
    assert!(standing(&flag(&fresh, "reader").await).contains(&Reason::IntegrationRefused), "why it was closed");
    check_totals(&fresh.database).await;
}

/// What may be seen of one account, whose sign-ins come by two systems.
fn sightings() -> impl Strategy<Value = Vec<Seen>> {
    let told = |rejection| Just(refused(rejection));
    let weak = Repeat { since: at(0), refusals: 9, days: 9 };
    let weak = GuessFacts { repeat: Some(weak), could_be_set: false };
    let fact = prop_oneof![
        2 => Just(Fact::Accepted),
        2 => Just(Fact::IntegrationAccepted),
        2 => Just(Fact::IntegrationRefused),
        1 => Just(Fact::MustChange),
        2 => told(Rejection::Locked),
        1 => told(Rejection::Expired),
        1 => Just(Fact::Refused(Rejection::WrongPassword, weak)),
    ];
    // Some within the hour for which a sign-in is not written down again, some beyond.
    let one = (fact, 0..16_i64, any::<bool>()).prop_map(|(fact, quarter, is_kiosk)| {
        let through = integration(if is_kiosk { "kiosk" } else { "proxy" });
        Seen { integration: Some(through), ..seen(fact, at(quarter * 900_000)) }
    });
    prop::collection::vec(one, 4..16)
}

async fn in_whatever_order_a_flag_stands_as_long_as_one_of_its_reasons(fresh: Fresh) {
    let mut runner = TestRunner::deterministic();
    for case in 0..200 {
        let identifier = format!("reader-{case}");
        let order = sightings().new_tree(&mut runner).expect("a case").current();
        for (at, one) in order.iter().enumerate() {
            if record(&fresh.database, &identifier, vec![one.clone()]).await.is_none() {
                continue;
            }
            let flag = flag(&fresh, &identifier).await;
            let told = format!("{:?} of {order:#?} made {flag:#?}", at + 1);
            assert_eq!(flag.life.state.is_active(), !standing(&flag).is_empty(), "{told}");
            assert_eq!(flag.closed_at.is_some(), !flag.life.state.is_active(), "{told}");
            let last_end = flag.reasons.iter().filter_map(|reason| reason.cleared_at).max();
            assert!(flag.closed_at <= last_end || flag.closed_at.is_none(), "whoever reopens it has a reason: {told}");
        }
    }
    check_totals(&fresh.database).await;
}

on_every_database![
    a_flag_does_not_open_again_by_a_reason_that_ended_after_it_was_seen,
    what_was_seen_before_a_sign_in_that_is_known_opens_no_flag,
    what_a_later_sign_in_does_not_end_is_no_less_true_for_coming_late,
    late_evidence_is_added_to_a_flag_that_stands_as_over,
    a_flag_that_is_taken_up_again_has_a_reason_even_when_it_ended_before_the_flag_was_closed,
    what_an_operator_closed_stays_closed_since_then_whatever_comes_late,
    an_operator_behind_whose_clock_a_reason_ended_takes_up_what_they_closed,
    in_whatever_order_a_flag_stands_as_long_as_one_of_its_reasons,
];
