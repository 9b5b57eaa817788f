//! What the adapter makes of a provider's answers, and how it proves its own name.

use soapgate::domain::{Answer, NoAnswer, Rejection};
use soapgate::identity::{OidcClient, OidcFlavour, OidcSettings, Sent, ServiceSecret};

use crate::provider::{FakeProvider, METADATA, TOKEN};
use crate::{PLANTED, TIME, account, ask, ask_within, check, service};

#[tokio::test]
async fn right_wrong_and_unknown() {
    let provider = FakeProvider::with_reader("p&<>\"'é€ +%=").await;
    let service = service(&provider.settings());
    let wrong = Ok(Answer::Rejected(Rejection::WrongPassword));
    assert_eq!(ask(&service, "reader", "p&<>\"'é€ +%=").await, Ok(Answer::Accepted));
    assert_eq!(ask(&service, "READER", "p&<>\"'é€ +%=").await, Ok(Answer::Accepted), "any case");
    assert_eq!(ask(&service, "reader", "p&<>\"'é€ +%= ").await, wrong, "a blank belongs to it");
    assert_eq!(ask(&service, "nobody", "guess").await, wrong);
    assert_eq!(provider.requests(TOKEN), 4, "each is asked once");
    assert_eq!(provider.requests(METADATA), 1, "and its metadata are read once");
}

#[tokio::test]
async fn every_identifier_arrives_as_the_one_it_is() {
    let provider = FakeProvider::start().await;
    let service = service(&provider.settings());
    let odd: Vec<String> = "!#$%&'()*+,-/:;<=>?@[\\]^_`{|}~\"é€日".chars().map(|c| format!("a{c}b")).collect();
    for identifier in &odd {
        let said = ask(&service, identifier, "x").await;
        assert_eq!(said, Ok(Answer::Rejected(Rejection::WrongPassword)), "{identifier}");
    }
    assert_eq!(provider.site(|provider| provider.sign_ins.clone()), odd);
}

#[tokio::test]
async fn the_gateway_proves_its_name_in_every_way() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    let secret = ServiceSecret::new("planted secret: +%&é".to_owned());
    let public = OidcSettings { client_id: "public".to_owned(), client: OidcClient::Public, ..provider.settings() };
    let proven = |client| OidcSettings { client, ..provider.settings() };
    for settings in [
        proven(OidcClient::SecretInHead(secret.clone())),
        proven(OidcClient::SecretInForm(secret)),
        proven(provider.client_key()),
        public,
    ] {
        assert_eq!(ask(&service(&settings), "reader", PLANTED).await, Ok(Answer::Accepted), "{settings:?}");
    }
    let other = FakeProvider::start().await;
    for client in [
        OidcClient::Public,
        OidcClient::SecretInHead(ServiceSecret::new("planted-other".to_owned())),
        OidcClient::SecretInForm(ServiceSecret::new("planted-other".to_owned())),
        other.client_key(),
    ] {
        let error = ask(&service(&proven(client)), "reader", PLANTED).await.expect_err("not ours");
        check(&error, NoAnswer::Misconfigured, Sent::Maybe, "a wrong proof is our own fault");
    }
}

#[tokio::test]
async fn a_checked_id_token_tells_by_which_name_the_provider_knows_the_person() {
    let provider = FakeProvider::start().await;
    provider.add("reader@example.org", PLANTED);
    provider.site(|provider| provider.claims = serde_json::json!({ "preferred_username": "Reader" }));
    for (flavour, name) in [
        (OidcFlavour::Keycloak, "reader"),
        (OidcFlavour::Canaille, "subject of reader@example.org"),
        (OidcFlavour::Generic, "subject of reader@example.org"),
    ] {
        let settings = OidcSettings { flavour, check_id_token: true, ..provider.settings() };
        let said = ask_within(&service(&settings), "reader@example.org", PLANTED, TIME).await.expect("an answer");
        assert_eq!((said.answer, said.person), (Answer::Accepted, Some(account(name))));
    }
    let unchecked = ask_within(&service(&provider.settings()), "reader@example.org", PLANTED, TIME).await;
    assert_eq!(unchecked.expect("an answer").person, None, "what nobody checked is not believed");
}
