//! What brings a flag back, or one of its reasons, and what does not: late evidence, recurrence, the list.

use crate::domain::{Fact, FlagState, GuessFacts, Move, Reason, Rejection, Repeat, Severity};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, integration, on_every_database};
use crate::store::{Action, FlagDetail, FlagId, Import, ListedAccount, ReasonRecord, Recorded, Seen};

const DAY: i64 = 24 * 3_600_000;

/// What is seen of "reader" through the proxy.
async fn sees(fresh: &Fresh, fact: Fact, moment: i64) -> Option<Recorded> {
    record(&fresh.database, "reader", vec![seen(fact, at(moment))]).await
}

async fn does(fresh: &Fresh, id: &FlagId, to_do: Move, moment: i64) {
    let note = Some("it is known".to_owned());
    let action = Action { to_do, actor: "mia".to_owned(), assignee: None, note, at: at(moment) };
    fresh.database.flags().act(id, &action).await.expect("done");
}

async fn import(fresh: &Fresh, listed: &str, moment: i64) -> Import {
    let (list, of) = (ListedAccount { account: account(listed), others: Vec::new() }, account(listed));
    let (table, digest) = (fresh.database.flags(), moment.to_string());
    table.import(of.institution(), &[list], &digest, ("mia", at(moment)), &mut |_| ()).await.expect("imported")
}

async fn show(fresh: &Fresh, id: &FlagId) -> FlagDetail {
    fresh.database.flags().show(id).await.expect("shown").expect("there")
}

async fn events(fresh: &Fresh, id: &FlagId) -> Vec<String> {
    show(fresh, id).await.trail.into_iter().map(|row| row.event).collect()
}

/// The reasons that are not over.
fn standing(detail: &FlagDetail) -> Vec<Reason> {
    let is_standing = |reason: &&ReasonRecord| reason.cleared_at.is_none();
    detail.reasons.iter().filter(is_standing).map(|reason| reason.reason).collect()
}

/// One password that could never be one, on its third day and later.
fn weak(day: u32) -> Fact {
    let repeat = Repeat { since: at(DAY), refusals: 4 * day, days: day };
    Fact::Refused(Rejection::WrongPassword, GuessFacts { repeat: Some(repeat), could_be_set: false })
}

async fn what_was_seen_before_a_sign_in_and_comes_after_it_is_only_counted(fresh: Fresh) {
    let id = sees(&fresh, refused(Rejection::Locked), 10).await.expect("a flag").flag;
    sees(&fresh, Fact::Accepted, 100).await.expect("over");
    for (rejection, moment) in [(Rejection::Locked, 50), (Rejection::Locked, 100), (Rejection::Expired, 60)] {
        let late = sees(&fresh, refused(rejection), moment).await.expect("counted");
        assert_eq!(late.state, FlagState::Resolved, "{rejection:?} {moment}");
    }
    let detail = show(&fresh, &id).await;
    assert_eq!((standing(&detail), detail.flag.count, detail.flag.opened_at), (vec![], 4, at(10)));
    assert_eq!(events(&fresh, &id).await, ["open", "confirm"]);
    check_totals(&fresh.database).await;
    let again = sees(&fresh, refused(Rejection::Expired), 101).await.expect("news");
    assert_eq!((again.state, standing(&show(&fresh, &id).await)), (FlagState::Open, vec![Reason::Expired]));
    check_totals(&fresh.database).await;
}

async fn a_reason_that_is_over_stays_so_for_late_evidence_on_a_flag_that_stands(fresh: Fresh) {
    let id = sees(&fresh, refused(Rejection::Locked), 10).await.expect("a flag").flag;
    sees(&fresh, Fact::IntegrationRefused, 20).await.expect("a second reason");
    sees(&fresh, Fact::Accepted, 100).await.expect("one is over");
    sees(&fresh, refused(Rejection::Locked), 50).await.expect("counted");
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::IntegrationRefused]);
    sees(&fresh, refused(Rejection::Locked), 101).await.expect("back");
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::IntegrationRefused, Reason::Locked]);
    check_totals(&fresh.database).await;
}

async fn what_was_seen_before_an_operator_closed_a_flag_does_not_open_it(fresh: Fresh) {
    for (to_do, state) in [(Move::Resolve, FlagState::Resolved), (Move::Dismiss, FlagState::Dismissed)] {
        let name = to_do.label();
        let sees = async |rejection, moment| {
            let seen = vec![seen(refused(rejection), at(moment))];
            record(&fresh.database, name, seen).await.expect("a flag")
        };
        let id = sees(Rejection::Locked, 10).await.flag;
        does(&fresh, &id, to_do, 100).await;
        for rejection in [Rejection::Locked, Rejection::Expired] {
            assert_eq!(sees(rejection, 99).await.state, state, "{name} {rejection:?}");
        }
        // Who closed it did not know this one: it is a reason like a new one when it is seen again.
        assert_eq!(sees(Rejection::Expired, 101).await.state, FlagState::Open, "{name}");
    }
    check_totals(&fresh.database).await;
}

async fn a_slip_of_the_hand_does_not_bring_back_who_was_listed_and_resolved(fresh: Fresh) {
    import(&fresh, "reader", DAY).await;
    let id = all(&fresh.database).await.remove(0).id;
    does(&fresh, &id, Move::Resolve, 2 * DAY).await;
    import(&fresh, "another", 3 * DAY).await;
    assert_eq!(sees(&fresh, refused(Rejection::WrongPassword), 4 * DAY).await, None);
    // A list lags behind, so one that still has them says nothing yet.
    assert_eq!(import(&fresh, "reader", 20 * DAY).await.closed, 1);
    assert_eq!(sees(&fresh, refused(Rejection::WrongPassword), 21 * DAY).await, None);
    // Neither on a flag that stands again for something else.
    sees(&fresh, refused(Rejection::Locked), 22 * DAY).await.expect("open");
    sees(&fresh, refused(Rejection::WrongPassword), 23 * DAY).await;
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::Locked]);
    import(&fresh, "reader", 33 * DAY).await;
    let detail = show(&fresh, &id).await;
    assert_eq!(
        (standing(&detail), detail.reasons[1].severity),
        (vec![Reason::Locked, Reason::Reported], Severity::Low)
    );
    sees(&fresh, refused(Rejection::WrongPassword), 34 * DAY).await.expect("raised");
    assert_eq!(show(&fresh, &id).await.reasons[1].severity, Severity::High);
    check_totals(&fresh.database).await;
}

async fn what_an_operator_resolved_and_takes_up_again_stands_as_before(fresh: Fresh) {
    import(&fresh, "reader", DAY).await;
    let id = all(&fresh.database).await.remove(0).id;
    does(&fresh, &id, Move::Resolve, 2 * DAY).await;
    assert_eq!(standing(&show(&fresh, &id).await), []);
    does(&fresh, &id, Move::Reopen, 3 * DAY).await;
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::Reported]);
    sees(&fresh, refused(Rejection::WrongPassword), 4 * DAY).await.expect("raised");
    assert_eq!(sees(&fresh, Fact::Accepted, 5 * DAY).await.expect("over").state, FlagState::Resolved);
    does(&fresh, &id, Move::Reopen, 6 * DAY).await;
    check_totals(&fresh.database).await;
    assert_eq!(sees(&fresh, Fact::Accepted, 7 * DAY).await.expect("over once more").state, FlagState::Resolved);
    assert_eq!(events(&fresh, &id).await, ["open", "resolve", "reopen", "confirm", "reopen", "confirm"]);
    check_totals(&fresh.database).await;
}

async fn a_dismissed_flag_whose_trouble_ended_opens_when_it_comes_back(fresh: Fresh) {
    let id = sees(&fresh, refused(Rejection::Locked), DAY).await.expect("a flag").flag;
    does(&fresh, &id, Move::Dismiss, 2 * DAY).await;
    let same = sees(&fresh, refused(Rejection::Locked), 3 * DAY).await.expect("counted");
    assert_eq!(same.state, FlagState::Dismissed, "for what it was dismissed for");
    let over = sees(&fresh, Fact::Accepted, 4 * DAY).await.expect("the reason is over");
    assert_eq!((over.reasons.len(), over.state), (0, FlagState::Dismissed));
    assert_eq!(sees(&fresh, Fact::Accepted, 5 * DAY).await, None, "once is enough");
    check_totals(&fresh.database).await;
    let again = sees(&fresh, refused(Rejection::Locked), 300 * DAY).await.expect("news");
    assert_eq!(again.state, FlagState::Open);
    assert_eq!(events(&fresh, &id).await, ["open", "dismiss", "clear", "recur"]);
    check_totals(&fresh.database).await;
}

async fn who_was_dismissed_as_reported_comes_back_once_when_refused(fresh: Fresh) {
    import(&fresh, "reader", DAY).await;
    let id = all(&fresh.database).await.remove(0).id;
    does(&fresh, &id, Move::Dismiss, 2 * DAY).await;
    let raised = sees(&fresh, refused(Rejection::WrongPassword), 3 * DAY).await.expect("news");
    assert_eq!((raised.state, show(&fresh, &id).await.flag.severity), (FlagState::Open, Severity::High));
    does(&fresh, &id, Move::Dismiss, 4 * DAY).await;
    let same = sees(&fresh, refused(Rejection::WrongPassword), 5 * DAY).await.expect("counted");
    assert_eq!(same.state, FlagState::Dismissed);
    check_totals(&fresh.database).await;
}

async fn a_weak_password_that_is_stored_does_not_come_and_go_with_its_owners_sign_ins(fresh: Fresh) {
    let kiosk = |moment| Seen { integration: Some(integration("kiosk")), ..seen(Fact::Accepted, at(moment)) };
    let id = sees(&fresh, weak(3), 3 * DAY).await.expect("a flag").flag;
    for day in 4..12 {
        let moment = i64::from(day) * DAY;
        record(&fresh.database, "reader", vec![kiosk(moment - 5)]).await;
        sees(&fresh, weak(day), moment).await.expect("counted");
    }
    assert_eq!(events(&fresh, &id).await, ["open"]);
    assert_eq!(sees(&fresh, Fact::Accepted, 12 * DAY).await.expect("over").state, FlagState::Resolved);
    check_totals(&fresh.database).await;
}

async fn a_weak_password_that_the_list_supports_is_over_with_any_sign_in(fresh: Fresh) {
    import(&fresh, "reader", DAY).await;
    let flag = sees(&fresh, weak(1), 2 * DAY).await.expect("a flag");
    assert_eq!(flag.reasons, [Reason::Reported, Reason::UnacceptablePassword]);
    let kiosk = Seen { integration: Some(integration("kiosk")), ..seen(Fact::Accepted, at(3 * DAY)) };
    let over = record(&fresh.database, "reader", vec![kiosk]).await.expect("over");
    assert_eq!(over.state, FlagState::Resolved);
}

async fn a_newer_list_brings_a_reported_account_back_on_a_flag_that_stands(fresh: Fresh) {
    let id = sees(&fresh, Fact::IntegrationRefused, 1).await.expect("a flag").flag;
    import(&fresh, "reader", DAY).await;
    sees(&fresh, Fact::Accepted, 2 * DAY).await.expect("it is held");
    import(&fresh, "reader", 20 * DAY).await;
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::IntegrationRefused], "a list lags behind");
    import(&fresh, "reader", 60 * DAY).await;
    assert_eq!(standing(&show(&fresh, &id).await), [Reason::IntegrationRefused, Reason::Reported]);
    assert_eq!(events(&fresh, &id).await, ["open", "find", "clear", "find"]);
    import(&fresh, "reader", 61 * DAY).await;
    assert_eq!(events(&fresh, &id).await.len(), 4, "it stands already");
    check_totals(&fresh.database).await;
}

on_every_database![
    what_was_seen_before_a_sign_in_and_comes_after_it_is_only_counted,
    a_reason_that_is_over_stays_so_for_late_evidence_on_a_flag_that_stands,
    what_was_seen_before_an_operator_closed_a_flag_does_not_open_it,
    a_slip_of_the_hand_does_not_bring_back_who_was_listed_and_resolved,
    what_an_operator_resolved_and_takes_up_again_stands_as_before,
    a_dismissed_flag_whose_trouble_ended_opens_when_it_comes_back,
    who_was_dismissed_as_reported_comes_back_once_when_refused,
    a_weak_password_that_is_stored_does_not_come_and_go_with_its_owners_sign_ins,
    a_weak_password_that_the_list_supports_is_over_with_any_sign_in,
    a_newer_list_brings_a_reported_account_back_on_a_flag_that_stands,
];
