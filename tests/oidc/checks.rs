//! `check --online`: what works is said, what does not is said so that it can be mended, and nobody is touched.

use serde_json::json;
use soapgate::domain::NoAnswer;
use soapgate::identity::{IdentityService, OidcAdmin, OidcClient, OidcSettings, ServiceSecret};
use tokio::time::Instant;

use crate::provider::{FakeProvider, METADATA};
use crate::support::fake::fault::Fault;
use crate::{PLANTED, TIME, service};

async fn checked(settings: &OidcSettings) -> Result<String, (NoAnswer, String)> {
    let said = service(settings).check(Instant::now() + TIME).await;
    said.map_err(|error| (error.no_answer, error.detail))
}

fn with_admin(provider: &FakeProvider) -> OidcSettings {
    let admin = OidcAdmin {
        client_id: "soapgate-admin".to_owned(),
        client_secret: ServiceSecret::new("planted secret: +%&é".to_owned()),
    };
    OidcSettings { admin: Some(admin), check_id_token: true, ..provider.settings() }
}

#[tokio::test]
async fn what_works_is_said_and_nobody_is_touched() {
    let provider = FakeProvider::with_reader(PLANTED).await;
    provider.site(|provider| provider.directory.insert("reader", json!({ "id": "1", "username": "reader" })));
    let said = checked(&with_admin(&provider)).await.expect("it works");
    assert_eq!(
        said,
        "the issuer is the one, it publishes 1 keys, the client's proof is taken, the client may ask about passwords, \
         the admin client sees 1 users"
    );
    let public = OidcSettings { client_id: "public".to_owned(), client: OidcClient::Public, ..provider.settings() };
    assert!(checked(&public).await.expect("it works").contains("the client needs no proof"));
    assert!(provider.site(|provider| provider.sign_ins.is_empty()), "nobody's account was touched");
}

#[tokio::test]
async fn what_does_not_work_is_said() {
    let provider = FakeProvider::start().await;
    let other = OidcClient::SecretInHead(ServiceSecret::new("planted-other".to_owned()));
    let wrong = OidcSettings { client: other, ..provider.settings() };
    let (why, detail) = checked(&wrong).await.expect_err("a wrong secret");
    assert!(
        detail.starts_with("client_id or its secret or key is not taken: HTTP 401, error invalid_client"),
        "{detail}"
    );
    assert_eq!(why, NoAnswer::Misconfigured);
    let scope = OidcSettings { scope: "openid nope".to_owned(), ..provider.settings() };
    assert!(checked(&scope).await.expect_err("a wrong scope").1.starts_with("scope is not taken: HTTP 400"));
    provider.site(|provider| provider.may_view = false);
    let (why, detail) = checked(&with_admin(&provider)).await.expect_err("no right");
    assert!(detail.starts_with("the admin client may not read users"), "{detail}");
    assert_eq!(why, NoAnswer::Misconfigured);
    provider.site(|provider| provider.metadata = json!({ "grant_types_supported": ["authorization_code"] }));
    let (_, detail) = checked(&provider.settings()).await.expect_err("no password grant");
    assert!(detail.starts_with("its metadata name no password grant"), "{detail}");
    provider.fault(METADATA, Fault::raw("404 Not Found", "text/html", "<html></html>"));
    let (why, detail) = checked(&provider.settings()).await.expect_err("no metadata");
    assert_eq!((why, detail.as_str()), (NoAnswer::Misconfigured, "HTTP 404 where its metadata should be"));
}
