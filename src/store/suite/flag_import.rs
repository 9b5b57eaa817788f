//! The imported list of accounts that the identity service does not hold: what it flags, whom it leads to, what it leaves
//! as it was.

use crate::domain::{Fact, FlagState, Institution, Move, Reason, Rejection, Severity};
use crate::store::suite::flags::{all, check_totals, record, refused, seen};
use crate::store::suite::harness::{Fresh, account, at, on_every_database};
use crate::store::{Acted, Action, FlagFilter, FlagOrder, Import, ListedAccount};

const DAY: i64 = 24 * 3_600_000;

fn listed(identifier: &str, others: &[&str]) -> ListedAccount {
    ListedAccount { account: account(identifier), others: others.iter().map(|other| account(other)).collect() }
}

async fn import(fresh: &Fresh, list: &[ListedAccount], digest: &str, moment: i64) -> Import {
    let institution = account("x").institution().clone();
    fresh.database.flags().import(&institution, list, digest, ("mia", at(moment)), &mut |_| ()).await.expect("imported")
}

async fn a_row_of_the_list_flags_by_itself_and_a_refusal_raises_it(fresh: Fresh) {
    let list = [listed("legacy", &["2001"]), listed("other", &["2002", "2003"]), listed("third", &["2003"])];
    let first = import(&fresh, &list, "digest", 5).await;
    assert_eq!(first, Import { listed: 3, new: 3, held: 0, opened: 3, ..Import::default() });
    let again = import(&fresh, &list, "digest", 6).await;
    assert_eq!(again, Import { listed: 3, repeated: true, ..Import::default() });
    let flags = all(&fresh.database).await;
    assert!(flags.iter().all(|flag| flag.severity == Severity::Low && flag.reasons == [Reason::Reported]));
    let wrong = || vec![seen(refused(Rejection::WrongPassword), at(7))];
    let raised = record(&fresh.database, "2001", wrong()).await.expect("found through the barcode");
    assert_eq!((raised.account, &raised.reasons[..]), (account("legacy"), &[Reason::Reported][..]));
    assert_eq!(record(&fresh.database, "2003", wrong()).await, None, "two rows name it");
    let first = all(&fresh.database).await.remove(0);
    assert_eq!((first.account, first.severity), (account("legacy"), Severity::High));
    check_totals(&fresh.database).await;
}

async fn whoever_was_let_in_is_held_by_the_service_whatever_a_list_says(fresh: Fresh) {
    import(&fresh, &[listed("legacy", &[])], "one", 5).await;
    let over = record(&fresh.database, "legacy", vec![seen(Fact::Accepted, at(6))]).await.expect("over");
    assert_eq!(over.state, FlagState::Resolved);
    let again = import(&fresh, &[listed("legacy", &[]), listed("new", &[])], "two", 7).await;
    assert_eq!((again.new, again.held, again.opened), (1, 1, 1));
    let wrong = vec![seen(refused(Rejection::WrongPassword), at(8))];
    assert_eq!(record(&fresh.database, "legacy", wrong).await, None, "a slip of the hand");
}

async fn a_barcode_that_was_let_in_holds_its_owner_unless_two_rows_name_it(fresh: Fresh) {
    for barcode in ["2001", "2009"] {
        record(&fresh.database, barcode, vec![seen(Fact::Accepted, at(4))]).await;
    }
    let list = [listed("legacy", &["2001"]), listed("one", &["2009"]), listed("other", &["2009"])];
    let done = import(&fresh, &list, "digest", 5).await;
    assert_eq!((done.listed, done.held, done.new, done.opened), (3, 1, 2, 2));
    let flagged: Vec<_> = all(&fresh.database).await.into_iter().map(|flag| flag.account).collect();
    assert!(!flagged.contains(&account("legacy")), "{flagged:?}");
}

async fn whoever_was_let_in_long_ago_is_not_held(fresh: Fresh) {
    for (identifier, day) in [("lately", 11), ("long-ago", 9)] {
        record(&fresh.database, identifier, vec![seen(Fact::Accepted, at(day * DAY))]).await;
    }
    let done = import(&fresh, &[listed("lately", &[]), listed("long-ago", &[])], "digest", 40 * DAY).await;
    assert_eq!((done.held, done.opened), (1, 1));
    assert_eq!(all(&fresh.database).await[0].account, account("long-ago"));
}

async fn an_identifier_with_a_row_of_its_own_leads_to_nobody_else(fresh: Fresh) {
    import(&fresh, &[listed("2001", &[]), listed("other", &["2001"])], "digest", 5).await;
    let raised = record(&fresh.database, "2001", vec![seen(refused(Rejection::WrongPassword), at(6))]).await;
    assert_eq!(raised.expect("raised").account, account("2001"));
}

async fn a_newer_list_says_which_identifiers_an_account_goes_by(fresh: Fresh) {
    import(&fresh, &[listed("legacy", &["2001"])], "one", 5).await;
    import(&fresh, &[listed("legacy", &["2002"]), listed("other", &["2001"])], "two", 6).await;
    import(&fresh, &[listed("other", &[])], "three", 7).await;
    for (barcode, owner) in [("2001", "other"), ("2002", "legacy")] {
        let raised = record(&fresh.database, barcode, vec![seen(refused(Rejection::WrongPassword), at(8))]).await;
        assert_eq!(raised.expect("raised").account, account(owner), "{barcode}");
    }
}

async fn a_flag_under_a_barcode_ends_with_its_owners_sign_in(fresh: Fresh) {
    let early = record(&fresh.database, "2001", vec![seen(refused(Rejection::Expired), at(4))]).await.expect("a flag");
    import(&fresh, &[listed("legacy", &["2001"])], "digest", 5).await;
    let over = record(&fresh.database, "legacy", vec![seen(Fact::Accepted, at(6))]).await.expect("over");
    assert_eq!((over.account, over.state), (account("legacy"), FlagState::Resolved));
    let flags = all(&fresh.database).await;
    assert!(flags.iter().any(|flag| flag.id == early.flag));
    assert!(flags.iter().all(|flag| flag.state == FlagState::Resolved), "{flags:?}");
    check_totals(&fresh.database).await;
}

async fn a_list_adds_to_flags_that_stand_and_brings_back_none_that_was_closed_lately(fresh: Fresh) {
    let standing = record(&fresh.database, "standing", vec![seen(refused(Rejection::Locked), at(1))]).await;
    let closed = record(&fresh.database, "closed", vec![seen(refused(Rejection::Locked), at(1))]).await;
    let resolve = Action { to_do: Move::Resolve, actor: "mia".to_owned(), assignee: None, note: None, at: at(2) };
    let closed = closed.expect("a flag").flag;
    let acted = fresh.database.flags().act(&closed, &resolve).await.expect("done");
    assert_eq!(acted, Acted::Done(FlagState::Resolved));
    let done = import(&fresh, &[listed("standing", &[]), listed("closed", &[]), listed("new", &[])], "one", 5).await;
    assert_eq!((done.new, done.opened, done.closed), (3, 1, 1));
    let again = import(&fresh, &[listed("standing", &[]), listed("closed", &[])], "two", 6).await;
    assert_eq!((again.listed, again.new, again.opened), (2, 0, 0));
    let detail = fresh.database.flags().show(&standing.expect("a flag").flag).await.expect("shown").expect("there");
    let trail: Vec<_> = detail.trail.iter().map(|row| (&*row.event, row.actor.as_deref())).collect();
    assert_eq!(trail, [("open", Some("gateway")), ("find", Some("mia"))]);
    let reasons: Vec<_> = detail.reasons.iter().map(|reason| (reason.reason, reason.severity)).collect();
    assert_eq!(reasons, [(Reason::Locked, Severity::High), (Reason::Reported, Severity::Low)]);
    let state = fresh.database.flags().show(&closed).await.expect("shown").expect("there").flag.state;
    assert_eq!(state, FlagState::Resolved);
    check_totals(&fresh.database).await;
}

async fn a_list_brings_back_what_was_closed_long_ago(fresh: Fresh) {
    let table = fresh.database.flags();
    let step = |to_do, day| Action {
        to_do,
        actor: "mia".to_owned(),
        assignee: None,
        note: Some("left".to_owned()),
        at: at(day * DAY),
    };
    let mut ids = Vec::new();
    for (name, to_do) in [("resolved", Move::Resolve), ("dismissed", Move::Dismiss)] {
        let flag = record(&fresh.database, name, vec![seen(refused(Rejection::Locked), at(DAY))]).await;
        ids.push(flag.expect("a flag").flag);
        table.act(&ids[ids.len() - 1], &step(to_do, 2)).await.expect("done");
    }
    let list = [listed("resolved", &[]), listed("dismissed", &[])];
    let early = import(&fresh, &list, "one", 32 * DAY).await;
    assert_eq!((early.reopened, early.closed), (0, 2), "a list lags behind");
    let late = import(&fresh, &list, "two", 33 * DAY).await;
    assert_eq!((late.reopened, late.closed), (2, 0), "a new reason even for what was dismissed");
    for (id, to_do) in ids.iter().zip([Move::Resolve, Move::Dismiss]) {
        table.act(id, &step(to_do, 34)).await.expect("done");
    }
    let later = import(&fresh, &list, "three", 70 * DAY).await;
    assert_eq!((later.reopened, later.closed), (1, 1), "who was dismissed as reported stays so");
    let flag = table.show(&ids[0]).await.expect("shown").expect("there");
    let events: Vec<&str> = flag.trail.iter().map(|row| row.event.as_str()).collect();
    assert_eq!(events, ["open", "resolve", "recur", "resolve", "recur"]);
    check_totals(&fresh.database).await;
}

async fn a_row_that_is_there_twice_is_one_row_and_another_institutions_is_none(fresh: Fresh) {
    let elsewhere = Institution::parse("02OTHER").expect("a code");
    let stranger = crate::domain::AccountId::parse(&elsewhere, "stranger").expect("an identifier");
    let list = [
        listed("legacy", &["2001", "legacy"]),
        listed("LEGACY", &["2002"]),
        ListedAccount { account: stranger, others: Vec::new() },
    ];
    let done = import(&fresh, &list, "digest", 5).await;
    assert_eq!(done, Import { listed: 1, new: 1, held: 0, opened: 1, ..Import::default() });
    for barcode in ["2001", "2002"] {
        let raised = record(&fresh.database, barcode, vec![seen(refused(Rejection::WrongPassword), at(6))]).await;
        assert_eq!(raised.expect("raised").account, account("legacy"), "{barcode}");
    }
}

/// More accounts than are written at once; the trail has no hole where pieces meet.
async fn a_long_list_is_written_piece_by_piece_in_one_write(fresh: Fresh) {
    let list: Vec<ListedAccount> =
        (0..1_234).map(|n| listed(&format!("p{n:05}"), &[&format!("a{n}"), &format!("b{n}")])).collect();
    let institution = account("x").institution().clone();
    let mut steps = Vec::new();
    let (table, mut note) = (fresh.database.flags(), |count| steps.push(count));
    let done = table.import(&institution, &list, "digest", ("mia", at(5)), &mut note).await.expect("imported");
    assert_eq!(done.opened, 1_234);
    assert_eq!(steps.iter().sum::<u64>(), 1_234);
    let page = fresh.database.flags().page(&FlagFilter::default(), FlagOrder::Account, None, 2_000).await.expect("all");
    assert_eq!(page.flags.len(), 1_234);
    let mut numbers = Vec::new();
    for flag in &page.flags {
        let detail = fresh.database.flags().show(&flag.id).await.expect("shown").expect("there");
        assert_eq!((detail.trail.len(), &*detail.trail[0].event), (1, "open"));
        assert_eq!(detail.trail[0].actor.as_deref(), Some("mia"));
        numbers.push(detail.trail[0].seq);
    }
    assert!(!numbers.is_sorted(), "their order tells nothing of names");
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=1_234).collect::<Vec<u64>>());
    let totals = fresh.database.flags().totals().await.expect("totals");
    assert_eq!((totals.len(), totals[0].all), (1, 1_234));
    let next = record(&fresh.database, "b1233", vec![seen(refused(Rejection::WrongPassword), at(6))]).await;
    assert_eq!(next.expect("raised").account, account("p01233"));
}

on_every_database![
    a_row_of_the_list_flags_by_itself_and_a_refusal_raises_it,
    whoever_was_let_in_is_held_by_the_service_whatever_a_list_says,
    a_barcode_that_was_let_in_holds_its_owner_unless_two_rows_name_it,
    whoever_was_let_in_long_ago_is_not_held,
    an_identifier_with_a_row_of_its_own_leads_to_nobody_else,
    a_newer_list_says_which_identifiers_an_account_goes_by,
    a_flag_under_a_barcode_ends_with_its_owners_sign_in,
    a_list_adds_to_flags_that_stand_and_brings_back_none_that_was_closed_lately,
    a_list_brings_back_what_was_closed_long_ago,
    a_row_that_is_there_twice_is_one_row_and_another_institutions_is_none,
    a_long_list_is_written_piece_by_piece_in_one_write,
];
