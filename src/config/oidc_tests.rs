//! The keys of an `[[identity]]` of kind `oidc`: what is read, and every line that is said.

use crate::config::identity_tests::{check_identity, read};
use crate::config::tests::settings;
use crate::identity::{IdentityKind, OidcClient, OidcFlavour, OidcSettings};

const LEAST: &str = "issuer = \"https://sso.example.org/realms/x/\"\nclient_id = \"soapgate\"\nlock_after = 0";

fn oidc(keys: &str) -> OidcSettings {
    let IdentityKind::Oidc(oidc) = read("oidc", &format!("{LEAST}\n{keys}")).kind else { panic!("another kind") };
    oidc
}

#[test]
fn an_issuer_is_kept_as_it_stands_and_everything_else_has_a_default() {
    let identity = read("oidc", LEAST);
    assert_eq!((identity.lock_after, identity.guard.requests_per_second), (None, None));
    let expected = OidcSettings {
        issuer: "https://sso.example.org/realms/x/".to_owned(),
        client_id: "soapgate".to_owned(),
        client: OidcClient::Public,
        scope: "openid".to_owned(),
        flavour: OidcFlavour::Generic,
        check_id_token: false,
        admin: None,
        ca_file: None,
    };
    assert_eq!(oidc(""), expected);
}

#[test]
fn a_client_proves_its_name_in_one_of_four_ways() {
    assert!(
        matches!(oidc("client_secret = \"planted\"").client, OidcClient::SecretInHead(secret) if secret.expose() == "planted")
    );
    let post = "client_secret = \"planted\"\nclient_auth = \"client_secret_post\"";
    assert!(matches!(oidc(post).client, OidcClient::SecretInForm(_)));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key.pem");
    std::fs::write(&file, "planted\n").expect("written");
    let keys = format!("private_key_file = \"{}\"\nkey_id = \"one\"", file.display());
    let OidcClient::PrivateKey { key, key_id } = oidc(&keys).client else { panic!("another proof") };
    assert_eq!((key.expose(), key_id.as_deref()), ("planted", Some("one")));
    check_identity(
        "oidc",
        &format!("{LEAST}\nclient_secret = \"planted\"\n{keys}"),
        &["c:8: identity[0].private_key_file: stands beside a client secret; write one of them"],
    );
    check_identity(
        "oidc",
        &format!("{LEAST}\nclient_auth = \"client_secret_basic\"\nkey_id = \"one\""),
        &[
            "c:7: identity[0].client_auth: stands without client_secret; leave it out",
            "c:8: identity[0].key_id: stands without private_key; leave it out",
        ],
    );
}

#[test]
fn every_mistake_is_told_at_once_without_a_secret() {
    check_identity(
        "oidc",
        "",
        &[
            "c:1: identity[0].issuer: is missing; write an address such as \"https://sso.example.org/realms/library\"",
            "c:1: identity[0].client_id: is missing; write the gateway's name at the provider, such as \"soapgate\"",
            "c:1: identity[0].lock_after: is missing; write the number of failed sign-ins after which the service locks an account, or 0 if it never does",
        ],
    );
    check_identity(
        "oidc",
        "issuer = \"http://sso.example.org\"\nclient_id = \"\"\nclient_secret_file = \"none\"\nclient_auth = \"jwt\"\n\
         scope = \"email\"\nflavour = \"okta\"\ncheck_id_token = true\nlock_after = 5",
        &[
            "c:4: identity[0].issuer: is \"http://sso.example.org\", where passwords would cross the network in clear; write https://",
            "c:5: identity[0].client_id: is empty; write the gateway's name at the provider, such as \"soapgate\"",
            "c:6: identity[0].client_secret_file: names a file that cannot be read: No such file or directory (os error 2); write the path of a file that holds the secret",
            "c:7: identity[0].client_auth: is \"jwt\"; write \"client_secret_basic\" or \"client_secret_post\"",
            "c:8: identity[0].scope: is without \"openid\", which check_id_token = true needs; write \"openid\" too",
            "c:9: identity[0].flavour: is \"okta\"; write \"keycloak\" or \"canaille\" or \"generic\"",
            "c:11: identity[0].lock_after: is 5, but attempts.per_account = 10 lets 11 through; write per_account = 3 in [identity.attempts] or less",
        ],
    );
}

#[test]
fn an_admin_client_is_for_a_realm_of_keycloak_s() {
    let admin =
        "flavour = \"keycloak\"\nclient_secret = \"a\"\n[identity.admin]\nclient_id = \"b\"\nclient_secret = \"c\"";
    let read = oidc(admin).admin.expect("an admin");
    assert_eq!((read.client_id.as_str(), read.client_secret.expose()), ("b", "c"));
    check_identity(
        "oidc",
        &format!("{LEAST}\n[identity.admin]\nclient_id = \"b\""),
        &[
            "c:7: identity[0].admin: is served with flavour = \"keycloak\" only; write that, or leave admin out",
            "c:7: identity[0].admin.client_secret: is missing; write it, or client_secret_file with the path of a file that holds it",
        ],
    );
    check_identity(
        "oidc",
        "issuer = \"https://sso.example.org\"\nclient_id = \"a\"\nlock_after = 0\nflavour = \"keycloak\"\n\
         [identity.admin]\nclient_id = \"b\"\nclient_secret = \"c\"",
        &[
            "c:4: identity[0].issuer: names no realm, which admin needs; write an address such as \"https://sso.example.org/realms/library\"",
        ],
    );
}

#[test]
fn variables_hold_the_secrets_too() {
    let text = format!("[[identity]]\nname = \"sso\"\nkind = \"oidc\"\nflavour = \"keycloak\"\n{LEAST}\n");
    let environment = [
        ("SOAPGATE__IDENTITY__SSO__CLIENT_SECRET", "planted"),
        ("SOAPGATE__IDENTITY__SSO__ADMIN__CLIENT_ID", "admin"),
        ("SOAPGATE__IDENTITY__SSO__ADMIN__CLIENT_SECRET", "planted too"),
    ];
    let IdentityKind::Oidc(oidc) = settings(&text, &environment).identities.remove(0).kind else {
        panic!("another kind")
    };
    assert!(matches!(&oidc.client, OidcClient::SecretInHead(secret) if secret.expose() == "planted"));
    assert_eq!(oidc.admin.as_ref().map(|admin| admin.client_secret.expose()), Some("planted too"));
    assert!(!format!("{oidc:?}").contains("planted"));
}
