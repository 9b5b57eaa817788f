//! Flags: what is seen becomes one flag for an account, with all its evidence; it lives by the rules, and the totals are
//! always what counting would give.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::domain::{Confidence, Fact, FlagState, GuessFacts, Reason, Rejection, Repeat, Severity, Timestamp};
use crate::store::suite::harness::{Fresh, account, at, integration, on_every_database};
use crate::store::{
    Database, FlagFilter, FlagId, FlagOrder, FlagRecord, FlagStore, Gathered, Recorded, Seen, SourceKind, Total,
};

const DAY: i64 = 24 * 3_600_000;

pub(crate) fn refused(rejection: Rejection) -> Fact {
    Fact::Refused(rejection, GuessFacts::default())
}

pub(crate) fn seen(fact: Fact, moment: Timestamp) -> Seen {
    Seen {
        fact,
        integration: Some(integration("proxy")),
        source: Some(IpAddr::from([192, 0, 2, 1])),
        operation: Cow::Borrowed("authenticateUser"),
        first: moment,
        last: moment,
        count: 1,
    }
}

pub(crate) async fn record(database: &Database, identifier: &str, all: Vec<Seen>) -> Option<Recorded> {
    let gathered = [Gathered { account: account(identifier), seen: all }];
    database.flags().record(&gathered).await.expect("the store answers").remove(0)
}

pub(crate) async fn all(database: &Database) -> Vec<FlagRecord> {
    let table = database.flags();
    let page = table.page(&FlagFilter::default(), FlagOrder::Severity, None, 1_000).await.expect("listed");
    page.flags
}

/// A state, all flags in it, those of each reason, those of each severity.
type Counted = (FlagState, u64, Vec<(Reason, u64)>, Vec<(Severity, u64)>);

/// What the totals must be, counted from the flags.
fn counted(flags: &[FlagRecord]) -> Vec<Counted> {
    let count = |fits: &dyn Fn(&FlagRecord) -> bool| {
        u64::try_from(flags.iter().filter(|flag| fits(flag)).count()).expect("small")
    };
    let mut states = Vec::new();
    for state in FlagState::ALL {
        let all = count(&|flag| flag.state == state);
        let of_reason =
            |reason| (reason, count(&|flag: &FlagRecord| flag.state == state && flag.reasons.contains(&reason)));
        let of_severity =
            |severity| (severity, count(&|flag: &FlagRecord| flag.state == state && flag.severity == severity));
        let reasons = Reason::ALL.map(of_reason).into_iter().filter(|(_, count)| *count > 0).collect();
        let severities = Severity::ALL.map(of_severity).into_iter().filter(|(_, count)| *count > 0).collect();
        if all > 0 {
            states.push((state, all, reasons, severities));
        }
    }
    states
}

pub(crate) async fn check_totals(database: &Database) {
    let kept = database.flags().totals().await.expect("totals");
    let kept: Vec<_> = kept
        .into_iter()
        .map(|Total { state, all: count, mut reasons, mut severities, .. }| {
            reasons.sort();
            severities.sort();
            (state, count, reasons, severities)
        })
        .collect();
    assert_eq!(kept, counted(&all(database).await));
}

async fn an_account_has_one_flag_that_gathers_everything(fresh: Fresh) {
    let kiosk = |moment| Seen { integration: Some(integration("kiosk")), ..seen(Fact::MustChange, moment) };
    let first = record(&fresh.database, "legacy", vec![kiosk(at(20)), kiosk(at(10))]).await.expect("a flag");
    assert_eq!((&first.reasons[..], first.state), (&[Reason::MustChange][..], FlagState::Open));
    let no_password = Seen { count: 3, ..seen(refused(Rejection::NoPassword), at(30)) };
    let second = record(&fresh.database, "LEGACY", vec![no_password]).await.expect("a flag");
    assert_eq!(second.flag, first.flag, "one account, one flag");
    let expected = FlagRecord {
        id: first.flag.clone(),
        account: account("legacy"),
        state: FlagState::Open,
        snoozed_until: None,
        reasons: vec![Reason::MustChange, Reason::NoPassword],
        severity: Severity::High,
        confidence: Confidence::High,
        first_seen: at(10),
        last_seen: at(30),
        opened_at: at(10),
        count: 5,
        integrations: vec![integration("kiosk").to_string(), integration("proxy").to_string()],
    };
    assert_eq!(all(&fresh.database).await, [expected]);
    let detail = fresh.database.flags().show(&first.flag).await.expect("shown").expect("there");
    let evidence: Vec<(Reason, u64)> = detail.reasons.iter().map(|reason| (reason.reason, reason.count)).collect();
    assert_eq!(evidence, [(Reason::MustChange, 2), (Reason::NoPassword, 3)]);
    let sources: Vec<(SourceKind, Option<&str>, u64)> =
        detail.sources.iter().map(|source| (source.kind, source.value.as_deref(), source.count)).collect();
    let (proxy, kiosk) = (integration("proxy").to_string(), integration("kiosk").to_string());
    assert_eq!(
        sources,
        [
            (SourceKind::Address, Some("192.0.2.1"), 5),
            (SourceKind::Integration, Some(proxy.as_str()), 3),
            (SourceKind::Integration, Some(kiosk.as_str()), 2),
            (SourceKind::Operation, Some("authenticateUser"), 5),
        ]
    );
    check_totals(&fresh.database).await;
}

async fn one_call_of_an_integration_counts_once_whatever_is_told_of_its_account(fresh: Fresh) {
    let own = |fact, moment| Seen { integration: Some(integration("proxy")), ..seen(fact, at(moment)) };
    let locked = refused(Rejection::Locked);
    for moment in [10, 20] {
        record(&fresh.database, "proxy", vec![own(Fact::IntegrationRefused, moment)]).await.expect("a flag");
        record(&fresh.database, "proxy", vec![own(locked, moment + 1)]).await.expect("a flag");
    }
    let both = [Fact::IntegrationRefused, locked].map(|fact| Seen { count: 3, ..own(fact, 30) });
    let flag = record(&fresh.database, "proxy", both.to_vec()).await.expect("a flag").flag;
    let detail = fresh.database.flags().show(&flag).await.expect("shown").expect("there");
    let evidence: Vec<(Reason, u64)> = detail.reasons.iter().map(|reason| (reason.reason, reason.count)).collect();
    assert_eq!((detail.flag.count, evidence), (5, vec![(Reason::IntegrationRefused, 5), (Reason::Locked, 5)]));
    assert!(detail.sources.iter().all(|source| source.count == 5), "{:?}", detail.sources);
    // What is told of the account may end before the calls do.
    let of_first = vec![Seen { count: 2, first: at(32), ..own(Fact::IntegrationRefused, 36) }, own(locked, 33)];
    record(&fresh.database, "proxy", of_first).await.expect("a flag");
    assert_eq!(all(&fresh.database).await[0].count, 7);
    // Nor does another caller's, which comes between, count them.
    record(&fresh.database, "proxy", vec![own(locked, 36)]).await.expect("a flag");
    let kiosk = Seen { integration: Some(integration("kiosk")), ..seen(locked, at(38)) };
    let between = vec![Seen { count: 2, first: at(36), ..own(Fact::IntegrationRefused, 39) }, own(locked, 37), kiosk];
    record(&fresh.database, "proxy", between).await.expect("a flag");
    assert_eq!(all(&fresh.database).await[0].count, 10);
    // Who presents it as anybody's is another caller, or the integration in the place of a reader.
    record(&fresh.database, "proxy", vec![Seen { integration: Some(integration("kiosk")), ..seen(locked, at(40)) }])
        .await;
    assert_eq!(all(&fresh.database).await[0].count, 11);
    record(&fresh.database, "kiosk", vec![Seen { integration: Some(integration("kiosk")), ..seen(locked, at(40)) }])
        .await;
    assert_eq!(all(&fresh.database).await.iter().map(|flag| flag.count).sum::<u64>(), 12);
}

async fn what_is_said_of_an_integration_and_of_its_account_is_one_flag_and_ends_each_by_itself(fresh: Fresh) {
    for fact in [Fact::IntegrationRefused, refused(Rejection::Locked)] {
        record(&fresh.database, "proxy", vec![seen(fact, at(10))]).await.expect("a flag");
    }
    let standing = async || {
        let flags = all(&fresh.database).await;
        (flags.len(), flags[0].reasons.clone(), flags[0].state)
    };
    record(&fresh.database, "proxy", vec![seen(Fact::IntegrationAccepted, at(20))]).await.expect("one is over");
    assert_eq!(standing().await, (1, vec![Reason::Locked], FlagState::Open));
    record(&fresh.database, "proxy", vec![seen(Fact::IntegrationRefused, at(30))]).await.expect("it is back");
    record(&fresh.database, "proxy", vec![seen(Fact::Accepted, at(40))]).await.expect("the other is over");
    assert_eq!(standing().await, (1, vec![Reason::IntegrationRefused], FlagState::Open));
    check_totals(&fresh.database).await;
}

async fn what_flags_nobody_leaves_nothing(fresh: Fresh) {
    for fact in [refused(Rejection::WrongPassword), refused(Rejection::UnknownAccount), refused(Rejection::Disabled)] {
        assert_eq!(record(&fresh.database, "reader", vec![seen(fact, at(1))]).await, None);
    }
    assert_eq!(record(&fresh.database, "reader", vec![seen(Fact::Accepted, at(2))]).await, None);
    assert_eq!(all(&fresh.database).await, []);
    assert_eq!(fresh.database.flags().totals().await.expect("totals"), []);
}

async fn a_sign_in_resolves_and_a_recurrence_opens_again(fresh: Fresh) {
    let locked = || vec![seen(refused(Rejection::Locked), at(10))];
    let opened = record(&fresh.database, "reader", locked()).await.expect("a flag");
    let over = record(&fresh.database, "reader", vec![seen(Fact::Accepted, at(20))]).await.expect("it changes");
    assert_eq!((over.flag.clone(), over.reasons.len(), over.state), (opened.flag.clone(), 0, FlagState::Resolved));
    check_totals(&fresh.database).await;
    let detail = fresh.database.flags().show(&opened.flag).await.expect("shown").expect("there");
    assert_eq!(detail.reasons[0].cleared_at, Some(at(20)), "the evidence is kept");
    assert_eq!(record(&fresh.database, "reader", vec![seen(Fact::Accepted, at(21))]).await, None);
    let again =
        record(&fresh.database, "reader", vec![seen(refused(Rejection::Locked), at(30))]).await.expect("a flag");
    assert_eq!((again.flag, again.state), (opened.flag.clone(), FlagState::Open));
    let detail = fresh.database.flags().show(&opened.flag).await.expect("shown").expect("there");
    let trail: Vec<(u64, &str, &str, &str)> =
        detail.trail.iter().map(|row| (row.seq, &*row.event, &*row.before, &*row.after)).collect();
    let expected = [(1, "open", "", "open"), (2, "confirm", "open", "resolved"), (3, "recur", "resolved", "open")];
    assert_eq!(trail, expected);
    check_totals(&fresh.database).await;
}

async fn an_owner_who_signs_in_elsewhere_does_not_end_what_an_old_system_has_stored(fresh: Fresh) {
    let accepted = |user: &str, moment| Seen { integration: Some(integration(user)), ..seen(Fact::Accepted, moment) };
    let again = |moment| {
        let (refusals, days) = if moment < at(4 * DAY) { (4, 2) } else { (5, 3) };
        let guess = GuessFacts { repeat: Some(Repeat { since: at(2 * DAY), refusals, days }), could_be_set: true };
        seen(Fact::Refused(Rejection::WrongPassword, guess), moment)
    };
    assert_eq!(record(&fresh.database, "reader", vec![accepted("proxy", at(DAY))]).await, None);
    for moment in [at(3 * DAY + 1), at(3 * DAY + 2)] {
        assert_eq!(record(&fresh.database, "reader", vec![again(moment)]).await, None);
    }
    let flag = record(&fresh.database, "reader", vec![again(at(4 * DAY))]).await.expect("stale by now");
    assert_eq!(flag.reasons, [Reason::StaleSecret]);
    assert_eq!(record(&fresh.database, "reader", vec![accepted("kiosk", at(4 * DAY + 1))]).await, None);
    let over = record(&fresh.database, "reader", vec![accepted("proxy", at(4 * DAY + 2))]).await.expect("over");
    assert_eq!(over.state, FlagState::Resolved);
}

async fn an_invented_name_leaves_no_row(fresh: Fresh) {
    let guess = GuessFacts { repeat: Some(Repeat { since: at(1), refusals: 2, days: 1 }), could_be_set: false };
    for n in 0..20 {
        let fact = Fact::Refused(Rejection::WrongPassword, guess);
        record(&fresh.database, &format!("invented-{n}"), vec![seen(fact, at(2))]).await;
    }
    let rows = sqlx::query("SELECT * FROM habit").fetch_all(fresh.database.pool()).await.expect("rows");
    assert_eq!(rows.len(), 0);
}

async fn two_nodes_that_see_one_account_at_once_make_one_flag_with_both_sources(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second node");
    let mut nodes = Vec::new();
    for (user, database) in [("proxy", fresh.database.clone()), ("kiosk", other.clone())] {
        nodes.push(tokio::spawn(async move {
            for n in 0..25 {
                let fact = refused(Rejection::NoPassword);
                let one = Seen { integration: Some(integration(user)), ..seen(fact, at(n)) };
                record(&database, "legacy", vec![one]).await.expect("a flag");
            }
        }));
    }
    for node in nodes {
        node.await.expect("no panic");
    }
    let flags = all(&fresh.database).await;
    assert_eq!((flags.len(), flags[0].count, flags[0].integrations.len()), (1, 50, 2));
    check_totals(&fresh.database).await;
    other.close().await;
}

async fn a_flag_keeps_so_many_sources_and_counts_the_rest_together(fresh: Fresh) {
    let mut id: Option<FlagId> = None;
    for n in 0..100_u8 {
        let one = Seen { source: Some(IpAddr::from([10, 0, 0, n])), ..seen(refused(Rejection::Expired), at(1)) };
        id = record(&fresh.database, "legacy", vec![one]).await.map(|flag| flag.flag);
    }
    let detail = fresh.database.flags().show(&id.expect("a flag")).await.expect("shown").expect("there");
    let addresses: Vec<_> = detail.sources.iter().filter(|source| source.kind == SourceKind::Address).collect();
    assert_eq!(addresses.len(), 33);
    assert_eq!(addresses.iter().map(|source| source.count).sum::<u64>(), 100);
    assert_eq!(addresses.iter().filter(|source| source.value.is_none()).map(|source| source.count).sum::<u64>(), 68);
}

async fn a_batch_is_written_whole_and_in_the_order_of_its_accounts(fresh: Fresh) {
    let batch: Vec<Gathered> = ["a", "b", "a"]
        .into_iter()
        .map(|identifier| Gathered {
            account: account(identifier),
            seen: vec![seen(refused(Rejection::Expired), at(1))],
        })
        .collect();
    let recorded = fresh.database.flags().record(&batch).await.expect("the store answers");
    let accounts: Vec<_> = recorded.into_iter().map(|one| one.expect("a flag").account).collect();
    assert_eq!(accounts, [account("a"), account("b"), account("a")]);
    assert_eq!(all(&fresh.database).await.len(), 2);
    check_totals(&fresh.database).await;
}

async fn nothing_recorded_is_nothing_listed(fresh: Fresh) {
    assert_eq!(fresh.database.flags().record(&[]).await.expect("recorded"), []);
    assert_eq!(all(&fresh.database).await, []);
}

on_every_database![
    an_account_has_one_flag_that_gathers_everything,
    one_call_of_an_integration_counts_once_whatever_is_told_of_its_account,
    what_is_said_of_an_integration_and_of_its_account_is_one_flag_and_ends_each_by_itself,
    what_flags_nobody_leaves_nothing,
    a_sign_in_resolves_and_a_recurrence_opens_again,
    an_owner_who_signs_in_elsewhere_does_not_end_what_an_old_system_has_stored,
    an_invented_name_leaves_no_row,
    two_nodes_that_see_one_account_at_once_make_one_flag_with_both_sources,
    a_flag_keeps_so_many_sources_and_counts_the_rest_together,
    a_batch_is_written_whole_and_in_the_order_of_its_accounts,
    nothing_recorded_is_nothing_listed,
];
