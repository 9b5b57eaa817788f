//! Which sign-ins leave a flag, and which never do.

use std::borrow::Cow;

use soapgate::app::SystemClock;
use soapgate::domain::{AccountId, Clock, Fact, GuessFacts, Institution, Password, Rejection};
use soapgate::operator::{NewAccount, NextSignIn};
use soapgate::store::{FlagStore, Gathered, Seen};

use crate::support::client::exchange;
use crate::support::gateway::{Operator, TestGateway};
use crate::support::messages::{Post, alma, alma_envelope, authenticate_envelope, basic};
use crate::{CONFIG, until};

const ALMA: &str = "/almaws/repository/UserAuthenticationWebServices";
const DEMO: &str = "AlmaSDK-demo-institutionCode-01DEMO_INST";

fn config() -> String {
    // Nobody waits here for wrong secrets, and one account belongs to monitoring.
    let probe = "identity = \"accounts\"\nprobe_accounts = [\"locked\"]";
    format!("{}[slow_down]\nstep = \"0s\"\n", CONFIG.replacen("identity = \"accounts\"", probe, 1))
}

async fn call(gateway: &TestGateway, post: Post) {
    exchange(gateway.soap, &post.bytes()).await;
}

/// The flags by account, each with its reasons and the integrations that called, once the fence is among them: flags
/// are written in the order of their calls.
async fn flags_up_to(operator: &Operator, fence: &str) -> Vec<String> {
    let mut seen = Vec::new();
    until("the last flag", async || {
        let flags = operator.all_flags().await;
        seen = flags
            .iter()
            .map(|flag| format!("{} {} {}", flag.account, flag.reasons.join(","), flag.integrations.join(",")))
            .collect();
        seen.sort();
        flags.iter().any(|flag| flag.account == fence)
    })
    .await;
    seen
}

#[tokio::test]
async fn sign_ins_that_need_somebody_to_act_leave_a_flag() {
    let gateway = TestGateway::start(&CONFIG.replace("[console]", "[slow_down]\nstep = \"0s\"\n[console]")).await;
    call(&gateway, alma("mustchange", "temporary-pass-1")).await;
    call(&gateway, alma("expired", "expired-pass-1")).await;
    call(&gateway, alma("LOCKED", "locked-pass-1")).await;
    // However a caller spells it, an integration is the one that was registered.
    let spelled = DEMO.replace("demo", "DEMO");
    for name in [DEMO, &spelled] {
        call(&gateway, Post::new(ALMA, "").with("Authorization", &basic(name, "wrong"))).await;
    }
    call(&gateway, Post::new("/soap/authenticate", authenticate_envelope("legacy", "anything"))).await;
    let operator = gateway.beside().await;
    let expected = [
        format!("demo integration-refused {DEMO}"),
        format!("expired expired {DEMO}"),
        "legacy no-password ".to_owned(),
        format!("locked locked {DEMO}"),
        format!("mustchange must-change {DEMO}"),
    ];
    assert_eq!(flags_up_to(&operator, "legacy").await, expected);
}

/// A yes that is remembered says nothing new of an account.
#[tokio::test]
async fn only_the_identity_services_own_yes_resolves_a_flag() {
    let gateway = TestGateway::start(&config()).await;
    let yes = || alma("reader", "correct horse battery");
    call(&gateway, yes()).await;
    let operator = gateway.beside().await;
    let reader =
        AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), "reader").expect("an identifier");
    let now = SystemClock.now();
    let seen = Seen {
        fact: Fact::Refused(Rejection::NoPassword, GuessFacts::default()),
        integration: None,
        source: None,
        operation: Cow::Borrowed("authenticateUser"),
        first: now,
        last: now,
        count: 1,
    };
    let beside = [Gathered { account: reader.clone(), seen: vec![seen] }];
    operator.database.flags().record(&beside).await.expect("recorded");
    let state = async || {
        let flags = operator.all_flags().await;
        flags.iter().find(|flag| flag.account == "reader").expect("a flag").state
    };
    assert_eq!(state().await, "open");
    call(&gateway, yes()).await;
    call(&gateway, alma("legacy", "anything")).await;
    flags_up_to(&operator, "legacy").await;
    assert_eq!(state().await, "open", "it was answered from memory");
    // An operator's change of the account takes its verdicts out of memory.
    operator.accounts().unlock(&reader).await.expect("unlocked");
    until("the service's own yes", async || {
        call(&gateway, yes()).await;
        state().await == "resolved"
    })
    .await;
}

#[tokio::test]
async fn what_anybody_can_cause_leaves_none() {
    let gateway = TestGateway::start(&config()).await;
    for (user, password) in [
        ("reader", "wrong"),
        ("nobody", "wrong"),
        ("disabled", "disabled-pass-1"),
        ("disabled", "wrong"),
        ("mustchange", "wrong"),
        ("expired", "wrong"),
        ("reader", "correct horse battery"),
        ("reader", ""),
        // Monitoring's own account.
        ("locked", "locked-pass-1"),
        ("locked", "wrong"),
    ] {
        call(&gateway, alma(user, password)).await;
        call(&gateway, Post::new("/soap/authenticate", authenticate_envelope(user, password))).await;
    }
    for invented in ["AlmaSDK-invented-institutionCode-01DEMO_INST", "AlmaSDK-demo-institutionCode-09NOWHERE", "demo"] {
        let body = alma_envelope("mustchange", "temporary-pass-1");
        call(&gateway, Post::new(ALMA, body).with("Authorization", &basic(invented, "wrong"))).await;
    }
    call(&gateway, alma("legacy", "anything")).await;
    let operator = gateway.beside().await;
    assert_eq!(flags_up_to(&operator, "legacy").await, [format!("legacy no-password {DEMO}")]);
    assert_eq!(gateway.metric("soapgate_unknown_integrations_total", "").await, 3, "invented names move a metric");
}

#[tokio::test]
async fn an_integration_that_a_service_accepted_before_can_be_flagged() {
    let config = CONFIG.replace("\"alma\"", "\"alma\"\nintegration_check = \"identity\"");
    let gateway = TestGateway::start(&format!("{config}[slow_down]\nstep = \"0s\"\n")).await;
    let by = |user: &str, password: &str| {
        let name = format!("AlmaSDK-{user}-institutionCode-01DEMO_INST");
        let body = alma_envelope("reader", "correct horse battery");
        Post::new(ALMA, body).with("Authorization", &basic(&name, password))
    };
    call(&gateway, by("reader", "wrong")).await;
    call(&gateway, by("reader", "correct horse battery")).await;
    call(&gateway, by("zoë", "wrong")).await;
    call(&gateway, by("reader", "wrong again")).await;
    let operator = gateway.beside().await;
    let expected = ["reader integration-refused AlmaSDK-reader-institutionCode-01DEMO_INST"];
    assert_eq!(flags_up_to(&operator, "reader").await, expected);
    let flags = operator.all_flags().await;
    assert_eq!(flags[0].count, 1, "only the refusal after it was accepted");
}

#[tokio::test]
async fn who_is_let_in_as_an_integration_after_somebody_was_forgotten_is_known_again() {
    let config = CONFIG.replace("\"alma\"", "\"alma\"\nintegration_check = \"identity\"");
    let gateway = TestGateway::start(&config).await;
    let sign_in = async || {
        let name = "AlmaSDK-reader-institutionCode-01DEMO_INST";
        let body = alma_envelope("nobody", "x");
        call(&gateway, Post::new(ALMA, body).with("Authorization", &basic(name, "correct horse battery"))).await;
    };
    let operator = gateway.beside().await;
    let known = async || operator.database.integrations().accepted_before().await.expect("read").len();
    sign_in().await;
    until("it is known", async || known().await == 1).await;
    let account = AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), "reader").expect("one");
    operator.database.erasure().forget(&account, "mia", SystemClock.now()).await.expect("forgotten");
    assert_eq!(known().await, 0, "it is named nowhere");
    let password = Password::new("correct horse battery".to_owned());
    let again = NewAccount { account, password: Some(password), must_change: false, expires_at: None };
    operator.accounts().add(again).await.expect("added");
    until("it is known again", async || {
        sign_in().await;
        known().await == 1
    })
    .await;
}

/// Its own account is an account like any other there.
#[tokio::test]
async fn what_a_service_says_of_an_integrations_own_account_flags_and_ends_as_for_any_account() {
    let config = CONFIG.replace("\"alma\"", "\"alma\"\nintegration_check = \"identity\"");
    let gateway = TestGateway::start(&format!("{config}[slow_down]\nstep = \"0s\"\n")).await;
    let name = "AlmaSDK-reader-institutionCode-01DEMO_INST";
    let password = "correct horse battery";
    let sign_in = || Post::new(ALMA, alma_envelope("nobody", "x")).with("Authorization", &basic(name, password));
    call(&gateway, sign_in()).await;
    let operator = gateway.beside().await;
    let reader =
        AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), "reader").expect("an identifier");
    let becomes = async |expected: &str| {
        let reached = async || {
            call(&gateway, sign_in()).await;
            let flags = operator.all_flags().await;
            flags.iter().any(|flag| format!("{} {}", flag.state, flag.reasons.join(",")) == expected)
        };
        until(expected, reached).await;
    };
    operator.accounts().lock(&reader).await.expect("locked");
    becomes("open integration-refused,locked").await;
    operator.accounts().unlock(&reader).await.expect("unlocked");
    let set = async |next| {
        let done = operator.accounts().set_password(&reader, Password::new(password.to_owned()), next).await;
        done.expect("a password is set");
    };
    set(NextSignIn::MustChange).await;
    becomes("open locked,must-change").await;
    set(NextSignIn::Free).await;
    becomes("resolved integration-refused,locked,must-change").await;
    assert_eq!(operator.all_flags().await[0].integrations, [name]);
}

#[tokio::test]
async fn one_refused_sign_in_of_an_integration_counts_once_for_all_that_is_told() {
    let config = CONFIG.replace("\"alma\"", "\"alma\"\nintegration_check = \"identity\"");
    let gateway = TestGateway::start(&format!("{config}[slow_down]\nstep = \"0s\"\n")).await;
    let sign_in = |password: &str| {
        let name = "AlmaSDK-reader-institutionCode-01DEMO_INST";
        Post::new(ALMA, alma_envelope("nobody", "x")).with("Authorization", &basic(name, password))
    };
    call(&gateway, sign_in("correct horse battery")).await;
    let operator = gateway.beside().await;
    let reader =
        AccountId::parse(&Institution::parse("01DEMO_INST").expect("a code"), "reader").expect("an identifier");
    operator.accounts().lock(&reader).await.expect("locked");
    call(&gateway, sign_in("wrong")).await;
    let told = async || operator.all_flags().await.first().map(|flag| (flag.reasons.join(","), flag.count));
    until("both are told", async || told().await.is_some_and(|(reasons, _)| reasons.contains("locked"))).await;
    assert_eq!(told().await, Some(("integration-refused,locked".to_owned(), 1)));
}
