//! A real Canaille with the accounts of `fixtures/canaille/accounts.json`. It fails when one client signs one person in
//! twice within a second (its tokens are the same then), so each test has people of its own.

use soapgate::domain::NoAnswer;
use soapgate::identity::{OidcClient, OidcFlavour, OidcSettings};

use crate::providers::{WRONG, YES, ask, check, flags_are, gateway, secret, service};
use crate::support::client::exchange;
use crate::support::messages::{Post, basic};
use crate::support::signin::{Told, sign_in};
use crate::told;

const SECRET: &str = "planted-secret";

fn settings() -> OidcSettings {
    OidcSettings {
        issuer: told("CANAILLE_ISSUER"),
        client_id: "soapgate".to_owned(),
        client: OidcClient::SecretInHead(secret(SECRET)),
        scope: "openid".to_owned(),
        flavour: OidcFlavour::Canaille,
        check_id_token: false,
        admin: None,
        ca_file: None,
    }
}

fn client(client_id: &str, client: OidcClient) -> OidcSettings {
    OidcSettings { client_id: client_id.to_owned(), client, ..settings() }
}

#[tokio::test]
async fn each_account_is_told_as_what_it_is() {
    let service = service(&settings());
    for (user, password, said) in [
        ("reader", "correct horse battery", YES),
        ("mailer@example.org", "mailer-pass-1", YES),
        ("zoë", "p&<>\"'é€ +%", YES),
        ("zoë", "p&<>\"'é€ +% ", WRONG),
        ("reader", "wrong", WRONG),
        ("nobody", "anything", WRONG),
        ("locked", "locked-pass-1", WRONG),
        ("locked", "wrong", WRONG),
        ("legacy", "anything", WRONG),
        // Identifiers are folded, and Canaille compares them as they stand.
        ("Capital", "capital-pass-1", WRONG),
    ] {
        assert_eq!(ask(&service, user, password).await, said, "{user}");
    }
}

#[tokio::test]
async fn an_account_that_was_guessed_at_is_refused_with_the_right_password() {
    let service = service(&settings());
    for guess in 0..8 {
        assert_eq!(ask(&service, "guessed", &format!("guess {guess}")).await, WRONG);
    }
    assert_eq!(ask(&service, "guessed", "guessed-pass-1").await, WRONG);
}

#[tokio::test]
async fn the_gateway_proves_its_name_in_every_way() {
    let pem = std::fs::read_to_string(told("CANAILLE_KEY")).expect("a key");
    let key = OidcClient::PrivateKey { key: secret(&pem), key_id: Some("gateway".to_owned()) };
    let odd = OidcClient::SecretInForm(secret("planted secret: +%&é"));
    for (settings, user, found) in [
        (client("soapgate-form", odd), "by-form", "the client's proof could not be tried"),
        (client("soapgate-key", key), "by-key", "the client's proof is taken"),
        (client("soapgate-public", OidcClient::Public), "by-name", "the client needs no proof"),
    ] {
        assert_eq!(ask(&service(&settings), user, &format!("{user}-pass-1")).await, YES, "{user}");
        let expected = format!("the issuer is the one, {found}, the client may ask about passwords");
        assert_eq!(check(&settings).await, Ok(expected));
    }
}

#[tokio::test]
async fn a_set_up_that_is_wrong_is_no_answer_and_said() {
    let wrong_secret = client("soapgate", OidcClient::SecretInHead(secret("planted-other")));
    let wrong_name = client("soapgat", OidcClient::SecretInHead(secret(SECRET)));
    let no_grant = client("no-password-grant", OidcClient::SecretInHead(secret(SECRET)));
    let wrong_issuer = OidcSettings { issuer: format!("{}/", settings().issuer), ..settings() };
    for (settings, said) in [
        (wrong_secret, "client_id or its secret or key is not taken: HTTP 401, error invalid_client"),
        (wrong_name, "client_id or its secret or key is not taken: HTTP 401, error invalid_client"),
        (no_grant, "the client may not ask about passwords; allow it the password grant: HTTP 400, error unauthorized"),
        (wrong_issuer, "it calls itself http://127.0.0.1:"),
    ] {
        let told = check(&settings).await.expect_err(said);
        assert!(told.starts_with(said) && !told.contains("planted"), "{told}");
        assert_eq!(ask(&service(&settings), "nobody", "anything").await, Err(NoAnswer::Misconfigured), "{told}");
    }
    let by_the_standard = OidcSettings { flavour: OidcFlavour::Generic, ..settings() };
    let said = ask(&service(&by_the_standard), "nobody", "anything").await;
    assert_eq!(said, Err(NoAnswer::Misconfigured), "its words are a refusal under its own flavour only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_through_the_gateway_are_told_and_flag_nobody() {
    let keys = format!(
        "flavour = \"canaille\"\nlock_after = 0\nissuer = \"{}\"\nclient_id = \"soapgate\"\nclient_secret = \"{SECRET}\"",
        told("CANAILLE_ISSUER")
    );
    let gateway = gateway(&keys).await;
    for (user, password, told) in [
        ("caller", "caller-pass-1", Told::Yes),
        ("caller", "wrong", Told::No),
        ("nobody", "anything", Told::No),
        ("locked", "locked-pass-1", Told::No),
    ] {
        assert_eq!(sign_in(&gateway, "demo", user, password).await, told, "{user}");
    }
    // The flag of an integration that is refused comes after all that there might be of these.
    let name = "AlmaSDK-demo-institutionCode-01DEMO_INST";
    let post = Post::new("/almaws/repository/UserAuthenticationWebServices", "");
    exchange(gateway.soap, &post.with("Authorization", &basic(name, "wrong")).bytes()).await;
    flags_are(&gateway.beside().await, &["demo integration-refused"]).await;
}
