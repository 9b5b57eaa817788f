//! Second looks by Keycloak's administration: what they find, and how little they cost.

use std::sync::Arc;

use serde_json::json;
use soapgate::app::SystemClock;
use soapgate::domain::{NoAnswer, Rejection};
use soapgate::identity::{
    GuardSettings, Guarded, IdentityService, OidcAdmin, OidcService, OidcSettings, SecondLook, ServiceSecret,
};
use soapgate::telemetry::Health;
use tokio::time::Instant;

use crate::provider::FakeProvider;
use crate::{TIME, account, service};

async fn with_directory() -> (FakeProvider, OidcService) {
    let provider = FakeProvider::start().await;
    provider.site(|provider| {
        for (name, mail, actions) in [
            ("reader", "reader@example.org", json!([])),
            ("mustchange", "must@example.org", json!(["UPDATE_PASSWORD"])),
            ("swapped@example.org", "other@example.org", json!([])),
            ("other", "swapped@example.org", json!([])),
        ] {
            let user = json!({
                "id": name, "username": name, "email": mail, "enabled": true, "requiredActions": actions
            });
            provider.directory.insert(name, user);
        }
    });
    let admin = OidcAdmin {
        client_id: "soapgate-admin".to_owned(),
        client_secret: ServiceSecret::new("planted secret: +%&é".to_owned()),
    };
    let service = service(&OidcSettings { admin: Some(admin), ..provider.settings() });
    (provider, service)
}

async fn look(service: &OidcService, user: &str) -> Option<SecondLook> {
    service.look_again(&account(user), Instant::now() + TIME).await.expect("an answer")
}

#[tokio::test]
async fn a_user_is_found_by_name_and_by_mail() {
    let (_provider, service) = with_directory().await;
    let seen = look(&service, "mustchange").await.expect("a user");
    assert_eq!((seen.rejection, seen.has_mail), (Some(Rejection::MustChange), Some(true)));
    let seen = look(&service, "reader@example.org").await.expect("a user");
    assert_eq!((seen.identifiers, seen.rejection), (vec![account("reader")], None));
    assert_eq!(look(&service, "nobody").await, None);
    assert_eq!(look(&service, "nobody@example.org").await, None);
    assert_eq!(look(&service, "swapped@example.org").await, None, "one's name is another's address");
}

#[tokio::test]
async fn looks_are_remembered_and_few() {
    let (provider, service) = with_directory().await;
    let guard = GuardSettings::default();
    let service = Guarded::new(Arc::new(service), &guard, TIME, Arc::new(SystemClock), &Health::default());
    let look = async |user: &str| service.look_again(&account(user), Instant::now() + TIME).await;
    assert!(look("reader").await.is_ok() && look("nobody").await == Ok(None));
    let asked = provider.requests("");
    for _ in 0..10 {
        assert!(look("reader").await.is_ok() && look("nobody").await == Ok(None));
    }
    assert_eq!(provider.requests(""), asked, "they are remembered");
    let mut in_doubt = 0;
    for n in 0..100 {
        in_doubt += usize::from(look(&format!("nobody{n}")).await.is_err());
    }
    assert!(in_doubt > 70, "who may not be looked at is not nobody: {in_doubt}");
    assert!(provider.requests("/users") < 30, "and taken slowly");
    assert_eq!(provider.site(|provider| provider.admin_tokens), 1, "one token serves them all");
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_renewed_and_a_missing_right_is_said() {
    let (provider, service) = with_directory().await;
    look(&service, "reader").await;
    provider.site(|provider| provider.admin_token_is_good = false);
    assert!(look(&service, "mustchange").await.is_some());
    assert_eq!(provider.site(|provider| provider.admin_tokens), 2);
    provider.site(|provider| provider.may_view = false);
    let error = service.look_again(&account("other"), Instant::now() + TIME).await.expect_err("no right");
    assert_eq!(error.no_answer, NoAnswer::Misconfigured);
    assert!(!format!("{error:?}").contains("planted"), "{error:?}");
}

#[tokio::test]
async fn nobody_is_looked_at_without_an_admin_client() {
    let provider = FakeProvider::start().await;
    assert_eq!(look(&service(&provider.settings()), "reader").await, None);
    assert_eq!(provider.requests(""), 0);
}
