//! A real Keycloak with the realm of `fixtures/keycloak/realm.json`, which locks after three failed sign-ins. No test
//! sends a wrong password for an account of another.

use serde_json::Value;
use soapgate::domain::{Answer, NoAnswer, Rejection};
use soapgate::identity::{OidcAdmin, OidcClient, OidcFlavour, OidcSettings};

use crate::providers::{WRONG, YES, account, answered, ask, check, flags_are, gateway, look, secret, service};
use crate::support::signin::{Told, sign_in};
use crate::support::until::until;
use crate::told;

const SECRET: &str = "planted secret: +%&é";
const ADMIN_SECRET: &str = "planted-admin-secret";

fn settings() -> OidcSettings {
    OidcSettings {
        issuer: told("KEYCLOAK_ISSUER"),
        client_id: "soapgate".to_owned(),
        client: OidcClient::SecretInHead(secret(SECRET)),
        scope: "openid".to_owned(),
        flavour: OidcFlavour::Keycloak,
        check_id_token: true,
        admin: Some(OidcAdmin { client_id: "soapgate-admin".to_owned(), client_secret: secret(ADMIN_SECRET) }),
        ca_file: None,
    }
}

fn client(client_id: &str, client: OidcClient) -> OidcSettings {
    OidcSettings { client_id: client_id.to_owned(), client, ..settings() }
}

fn by_key() -> OidcSettings {
    let pem = std::fs::read_to_string(told("KEYCLOAK_KEY")).expect("a key");
    client("soapgate-key", OidcClient::PrivateKey { key: secret(&pem), key_id: Some("gateway".to_owned()) })
}

/// What administration says of the sessions of a user, by a token of its own.
async fn sessions(user: &str) -> usize {
    let (base, realm) =
        settings().issuer.rsplit_once("/realms/").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a realm");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let form = "grant_type=client_credentials";
    let token = http
        .post(format!("{base}/realms/{realm}/protocol/openid-connect/token"))
        .basic_auth("soapgate-admin", Some(ADMIN_SECRET))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .expect("an answer");
    let token: Value = serde_json::from_slice(&token.bytes().await.expect("a body")).expect("JSON");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    let read = async |path: &str| -> Value {
        let url = format!("{base}/admin/realms/{realm}{path}");
        let answer = http.get(url).bearer_auth(&token).send().await.expect("an answer");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    };
    let users = read(&format!("/users?exact=true&username={user}")).await;
    let id = users[0]["id"].as_str().expect("a user").to_owned();
    read(&format!("/users/{id}/sessions")).await.as_array().expect("a list").len()
}

#[tokio::test]
async fn each_account_is_told_as_what_it_is() {
    let service = service(&settings());
    for (user, password, said) in [
        ("reader", "correct horse battery", YES),
        ("READER", "correct horse battery", YES),
        ("reader@example.org", "correct horse battery", YES),
        ("zoë", "p&<>\"'é€ +%", YES),
        ("zoë", "p&<>\"'é€ +% ", WRONG),
        ("reader", "wrong", WRONG),
        ("nobody", "anything", WRONG),
        ("legacy", "anything", WRONG),
        ("guest", "anything", WRONG),
        ("mustchange", "temporary-pass-1", Ok(Answer::Rejected(Rejection::SetUpPending))),
        ("mustchange", "wrong", WRONG),
        ("unverified", "unverified-pass-1", Ok(Answer::Rejected(Rejection::SetUpPending))),
        ("disabled", "disabled-pass-1", Ok(Answer::Rejected(Rejection::Disabled))),
        ("disabled", "wrong", WRONG),
    ] {
        assert_eq!(ask(&service, user, password).await, said, "{user}");
    }
}

#[tokio::test]
async fn a_locked_account_is_refused_with_the_right_password_and_a_look_says_why() {
    let service = service(&settings());
    assert_eq!(ask(&service, "lockable", "lockable-pass-1").await, YES);
    for guess in ["one", "two", "three"] {
        assert_eq!(ask(&service, "lockable", guess).await, WRONG);
    }
    assert_eq!(ask(&service, "lockable", "lockable-pass-1").await, WRONG);
    let seen = look(&service, "lockable").await.expect("a user");
    assert_eq!(seen.rejection, Some(Rejection::Locked));
}

#[tokio::test]
async fn a_look_says_what_a_refusal_does_not() {
    let service = service(&settings());
    for (user, rejection, has_mail) in [
        ("mustchange", Some(Rejection::MustChange), true),
        ("unverified", Some(Rejection::SetUpPending), true),
        ("disabled", Some(Rejection::Disabled), false),
        ("legacy", Some(Rejection::NoPassword), false),
        ("reader", None, true),
    ] {
        let seen = look(&service, user).await.expect(user);
        assert_eq!((seen.rejection, seen.has_mail), (rejection, Some(has_mail)), "{user}");
        assert_eq!((seen.identifiers, seen.kept_elsewhere), (vec![account(user)], false), "{user}");
    }
    assert!(look(&service, "guest").await.expect("a user").kept_elsewhere);
    assert_eq!(look(&service, "zoe@example.org").await.expect("a user").identifiers, [account("zoë")]);
    assert_eq!(look(&service, "nobody").await, None);
}

#[tokio::test]
async fn the_gateway_proves_its_name_in_every_way() {
    for settings in [
        client("soapgate", OidcClient::SecretInHead(secret(SECRET))),
        client("soapgate", OidcClient::SecretInForm(secret(SECRET))),
        client("soapgate-public", OidcClient::Public),
        by_key(),
    ] {
        let said = ask(&service(&settings), "zoë", "p&<>\"'é€ +%").await;
        assert_eq!(said, YES, "{settings:?}");
        let found = check(&settings).await.expect("it works");
        assert!(found.contains("the client may ask about passwords, the admin client sees "), "{found}");
    }
}

#[tokio::test]
async fn a_set_up_that_is_wrong_is_no_answer_and_said() {
    let wrong_secret = client("soapgate", OidcClient::SecretInHead(secret("planted-other")));
    let wrong_name = client("soapgat", OidcClient::SecretInHead(secret(SECRET)));
    let no_grant = client("no-password-grant", OidcClient::SecretInHead(secret("planted-secret")));
    let wrong_scope = OidcSettings { scope: "openid nope".to_owned(), ..settings() };
    let wrong_realm = OidcSettings { issuer: settings().issuer.replace("library", "other"), ..settings() };
    let wrong_issuer = OidcSettings { issuer: format!("{}/", settings().issuer), ..settings() };
    for (settings, said) in [
        (wrong_secret, "client_id or its secret or key is not taken: HTTP 401, error unauthorized_client"),
        (wrong_name, "client_id or its secret or key is not taken: HTTP 401, error invalid_client"),
        (no_grant, "the client may not ask about passwords; allow it the password grant: HTTP 400, error unauthorized"),
        (wrong_scope, "scope is not taken: HTTP 400, error invalid_scope"),
        (wrong_realm, "HTTP 404 where its metadata should be"),
        (wrong_issuer, "it calls itself http://127.0.0.1:"),
    ] {
        let told = check(&settings).await.expect_err(said);
        assert!(told.starts_with(said) && !told.contains("planted"), "{told}");
        assert_eq!(ask(&service(&settings), "nobody", "anything").await, Err(NoAnswer::Misconfigured), "{told}");
    }
    let mut wrong_admin = settings();
    wrong_admin.admin = Some(OidcAdmin { client_id: "soapgate".to_owned(), client_secret: secret(SECRET) });
    let told = check(&wrong_admin).await.expect_err("no service account");
    assert!(told.starts_with("the admin client: HTTP 401, error unauthorized_client"), "{told}");
}

#[tokio::test]
async fn a_checked_id_token_tells_the_user_name_of_whoever_signs_in_by_mail() {
    let said = answered(&service(&settings()), "zoe@example.org", "p&<>\"'é€ +%").await.expect("an answer");
    assert_eq!(said.person, Some(account("zoë")));
}

#[tokio::test]
async fn a_sign_in_leaves_no_session_behind() {
    for settings in [settings(), by_key()] {
        let service = service(&settings);
        for _ in 0..3 {
            assert_eq!(ask(&service, "tidy", "tidy-pass-1").await, YES);
        }
        until("no session is left", async || sessions("tidy").await == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_through_the_gateway_flag_who_needs_somebody_to_act() {
    let keys = format!(
        "flavour = \"keycloak\"\nlock_after = 4\nissuer = \"{}\"\nclient_id = \"soapgate\"\nclient_secret = \"{SECRET}\"\n\
         [identity.admin]\nclient_id = \"soapgate-admin\"\nclient_secret = \"{ADMIN_SECRET}\"\n\
         [identity.attempts]\nper_account = 2",
        told("KEYCLOAK_ISSUER")
    );
    let gateway = gateway(&keys).await;
    for (user, password, told) in [
        ("caller", "caller-pass-1", Told::Yes),
        ("caller", "wrong", Told::No),
        ("caller-guest", "anything", Told::No),
        ("caller-disabled", "caller-pass-2", Told::No),
        ("nobody", "anything", Told::No),
        ("caller-legacy", "anything", Told::No),
        ("caller-mustchange", "wrong", Told::No),
        ("caller-unverified", "caller-pass-3", Told::No),
    ] {
        assert_eq!(sign_in(&gateway, "demo", user, password).await, told, "{user}");
    }
    let operator = gateway.beside().await;
    let flagged = ["caller-legacy no-password", "caller-mustchange must-change", "caller-unverified must-change"];
    flags_are(&operator, &flagged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sequence_of_guesses_through_the_gateway_locks_an_account() {
    let keys = format!(
        "flavour = \"keycloak\"\nlock_after = 3\nissuer = \"{}\"\nclient_id = \"soapgate\"\nclient_secret = \"{SECRET}\"\n\
         [identity.attempts]\nper_account = 1",
        told("KEYCLOAK_ISSUER")
    );
    let gateway = gateway(&keys).await;
    for guess in 0..20 {
        assert_eq!(sign_in(&gateway, "demo", "guessed", &format!("guess {guess}")).await, Told::No);
    }
    let direct = service(&settings());
    assert_eq!(look(&direct, "guessed").await.expect("a user").rejection, None, "not locked");
    assert_eq!(ask(&direct, "guessed", "guessed-pass-1").await, YES);
}
