//! The imported list of accounts that the identity service does not hold, and the sign-ins of those who stand in it.

use std::sync::Arc;

use soapgate::app::SystemClock;
use soapgate::operator::{FlagView, ImportView, Reports, read_list};

use crate::answers::account;
use crate::config;
use crate::fake::{FakeAlma, User};
use crate::support::client::exchange;
use crate::support::gateway::{Operator, TestGateway};
use crate::support::signin::{Told, request, sign_in, told};
use crate::support::until::until;

const LIST: &[u8] = include_bytes!("../../fixtures/report/analytics.csv");

pub(crate) async fn import(operator: &Operator) -> ImportView {
    let institution = account("x").institution().clone();
    let list = read_list(&institution, "analytics.csv", LIST, &mut |_| ()).expect("a list");
    let reports = Reports::new(&operator.database, Arc::new(SystemClock));
    reports.import(&institution, list, &[], "mia", &mut |_, _| ()).await.expect("imported")
}

pub(crate) async fn flag(operator: &Operator, identifier: &str) -> Option<FlagView> {
    operator.all_flags().await.into_iter().find(|flag| flag.account == identifier)
}

/// Waits until an account's flag has this state, severity and these reasons.
pub(crate) async fn flag_becomes(operator: &Operator, identifier: &str, expected: (&str, &str, &[&str])) {
    until(&format!("{identifier} is {expected:?}"), async || {
        let flag = flag(operator, identifier).await.expect("a flag");
        (flag.state, flag.severity, &flag.reasons[..]) == expected
    })
    .await;
}

async fn alma() -> FakeAlma {
    let alma = FakeAlma::start().await;
    alma.add(User::new(&["JDOE", "00020001", "K-77"], None));
    alma.add(User::new(&["zoë", "00020002"], None));
    alma.add(User::new(&["other", "30001"], Some("a right one")));
    alma
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_barcode_raises_the_flag_of_its_owner_and_a_sign_in_ends_it() {
    let alma = alma().await;
    let gateway = TestGateway::start(&config(&alma, "")).await;
    let operator = gateway.beside().await;
    let done = import(&operator).await;
    assert_eq!((done.listed, done.opened, done.repeated), (3, 3, false));
    flag_becomes(&operator, "jdoe", ("open", "low", &["reported"])).await;

    assert_eq!(sign_in(&gateway, "demo", "00020001", "the old one, long gone").await, Told::No);
    flag_becomes(&operator, "jdoe", ("open", "high", &["reported"])).await;
    let raised = flag(&operator, "jdoe").await.expect("a flag");
    assert_eq!(raised.integrations, ["AlmaSDK-demo-institutionCode-01DEMO_INST"]);
    assert_eq!(flag(&operator, "00020001").await, None, "a barcode has no flag of its own");

    alma.set_password("JDOE", "set at the desk");
    assert_eq!(sign_in(&gateway, "demo", "K-77", "set at the desk").await, Told::Yes);
    flag_becomes(&operator, "jdoe", ("resolved", "high", &["reported"])).await;
    flag_becomes(&operator, "zoë", ("open", "low", &["reported"])).await;

    // The same file once more, and one that differs in nothing but its bytes: whoever was let in is held by Alma.
    assert!(import(&operator).await.repeated);
    let (institution, again) = (account("x").institution().clone(), [LIST, b"\r\n"].concat());
    let list = read_list(&institution, "again.csv", &again[..], &mut |_| ()).expect("a list");
    let reports = Reports::new(&operator.database, Arc::new(SystemClock));
    let done = reports.import(&institution, list, &[], "mia", &mut |_, _| ()).await.expect("imported");
    assert_eq!((done.held, done.new, done.opened), (1, 0, 0));
    flag_becomes(&operator, "jdoe", ("resolved", "high", &["reported"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_alma_could_never_have_taken_supports_the_list_and_flags_nobody_else() {
    let alma = alma().await;
    let gateway = TestGateway::start(&config(&alma, "second_look = false")).await;
    let operator = gateway.beside().await;
    import(&operator).await;
    for (user, password) in
        [("other", "short"), ("30001", "password1"), ("00020001", "a fine one"), ("zoë", "is Zoë 12")]
    {
        assert_eq!(sign_in(&gateway, "demo", user, password).await, Told::No, "{user}");
    }
    // Flags are written in the order of their calls: the last one is the fence.
    flag_becomes(&operator, "zoë", ("open", "high", &["reported", "unacceptable-password"])).await;
    flag_becomes(&operator, "jdoe", ("open", "high", &["reported"])).await;
    assert_eq!(flag(&operator, "other").await, None);
    assert_eq!(flag(&operator, "30001").await, None);
    for ending in ["db", "db-wal"] {
        let bytes = std::fs::read(gateway.database_file().with_extension(ending)).expect("a file");
        for secret in ["is zoë 12", "password1", "a fine one"] {
            assert!(
                !bytes.to_ascii_lowercase().windows(secret.len()).any(|bytes| bytes == secret.as_bytes()),
                "{secret}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_whose_password_lives_elsewhere_is_raised_by_nobody() {
    let alma = FakeAlma::start().await;
    let mut elsewhere = User::new(&["JDOE", "00020001"], None);
    elsewhere.external = true;
    alma.add(elsewhere);
    alma.add(User::new(&["zoë"], None));
    let gateway = TestGateway::start(&config(&alma, "")).await;
    let operator = gateway.beside().await;
    import(&operator).await;
    for (user, requests) in [("00020001", 2), ("zoë", 4)] {
        assert_eq!(sign_in(&gateway, "demo", user, "a long enough one").await, Told::No);
        until("it was looked at again", async || alma.requests() >= requests).await;
    }
    flag_becomes(&operator, "zoë", ("open", "high", &["reported"])).await;
    flag_becomes(&operator, "jdoe", ("open", "low", &["reported"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_may_look_nobody_is_raised() {
    let mut all = Vec::new();
    for (what, left, strangers) in [("looks are exhausted", 100_000, 40), ("few calls are left", 60, 0)] {
        let alma = FakeAlma::start().await;
        let mut elsewhere = User::new(&["JDOE", "00020001"], None);
        elsewhere.external = true;
        alma.add(elsewhere);
        alma.add(User::new(&["zoë"], Some("a right one")));
        alma.set_remaining(left);
        let more = "requests_per_second = 1000\nintegration_share = 100";
        let gateway = TestGateway::start(&config(&alma, more)).await;
        let operator = gateway.beside().await;
        import(&operator).await;
        let calls = (0..strangers).map(|n| request("demo", &format!("stranger{n}"), "a long enough one"));
        let calls: Vec<_> = calls
            .map(|call| {
                let address = gateway.soap;
                tokio::spawn(async move { told(&exchange(address, &call).await) })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), Told::No, "{what}");
        }
        // The same one, another, a short one, and one that cannot be sent.
        for password in ["a long enough one", "another one", "short", "with a blank "] {
            assert_eq!(sign_in(&gateway, "demo", "JDOE", password).await, Told::No, "{what}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(sign_in(&gateway, "demo", "zoë", "a right one").await, Told::Yes, "{what}");
        flag_becomes(&operator, "zoë", ("resolved", "low", &["reported"])).await;
        let flag = flag(&operator, "jdoe").await.expect("a flag");
        all.push((what, flag.severity, flag.count, flag.reasons));
    }
    let unchanged = |what| (what, "low", 1, vec!["reported"]);
    assert_eq!(all, [unchanged("looks are exhausted"), unchanged("few calls are left")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_cannot_be_sent_raises_nobody_whose_password_lives_elsewhere() {
    let alma = FakeAlma::start().await;
    let mut elsewhere = User::new(&["JDOE"], None);
    elsewhere.external = true;
    alma.add(elsewhere);
    alma.add(User::new(&["zoë"], None));
    let gateway = TestGateway::start(&config(&alma, "")).await;
    until("the canary has landed", async || alma.requests() == 1).await;
    let operator = gateway.beside().await;
    import(&operator).await;
    for (user, requests) in [("JDOE", 2), ("zoë", 3)] {
        assert_eq!(sign_in(&gateway, "demo", user, "with a blank ").await, Told::No);
        until("it was looked at", async || alma.requests() >= requests).await;
    }
    assert_eq!(alma.sign_ins("JDOE") + alma.sign_ins("zoë"), 0);
    flag_becomes(&operator, "zoë", ("open", "high", &["reported", "unacceptable-password"])).await;
    flag_becomes(&operator, "jdoe", ("open", "low", &["reported"])).await;
}
