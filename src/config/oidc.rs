//! Reads the keys of an `[[identity]]` of kind `oidc`.

use crate::config::secrets::{read_secret, require_secret};
use crate::config::section::{Choice, Section};
use crate::config::upstream::{read_ca_file, read_exact_address};
use crate::identity::{OidcAdmin, OidcClient, OidcFlavour, OidcSettings};

const FLAVOURS: [Choice<OidcFlavour>; 3] = [
    Choice::Means("keycloak", OidcFlavour::Keycloak),
    Choice::Means("canaille", OidcFlavour::Canaille),
    Choice::Means("generic", OidcFlavour::Generic),
];

/// Where a client's secret stands in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretPlace {
    Form,
    Head,
}

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_oidc(section: &Section<'_>) -> Option<OidcSettings> {
    // Not one character may differ from what the provider writes.
    let issuer = read_exact_address(section, "issuer", "https://sso.example.org/realms/library");
    let client_id = section.required_text("client_id", "the gateway's name at the provider, such as \"soapgate\"");
    let client = read_client(section);
    let flavour = section.choice("flavour", &FLAVOURS).unwrap_or(OidcFlavour::Generic);
    let scope = section.text("scope", "scopes divided by blanks, such as \"openid\"");
    let scope = scope.unwrap_or_else(|| "openid".to_owned());
    let check_id_token = section.switch("check_id_token", false);
    if check_id_token && !scope.split(' ').any(|word| word == "openid") {
        section.complain("scope", "is without \"openid\", which check_id_token = true needs; write \"openid\" too");
    }
    let admin = read_admin(section, flavour, issuer.as_deref());
    let ca_file = read_ca_file(section);
    Some(OidcSettings {
        issuer: issuer?,
        client_id: client_id?,
        client: client?,
        scope,
        flavour,
        check_id_token,
        admin,
        ca_file,
    })
}

fn read_client(section: &Section<'_>) -> Option<OidcClient> {
    let secret = read_secret(section, "client_secret");
    let key = read_secret(section, "private_key");
    let key_id = section.text("key_id", "the key's id at the provider");
    let places = [
        Choice::Means("client_secret_basic", SecretPlace::Head),
        Choice::Means("client_secret_post", SecretPlace::Form),
    ];
    let place = section.choice("client_auth", &places);
    if place.is_some() && secret.is_none() && !is_broken(section, "client_secret") {
        section.complain("client_auth", "stands without client_secret; leave it out");
    }
    if key_id.is_some() && key.is_none() && !is_broken(section, "private_key") {
        section.complain("key_id", "stands without private_key; leave it out");
    }
    match (secret, key) {
        (Some(_), Some(_)) => {
            let key = if section.is_given("private_key") { "private_key" } else { "private_key_file" };
            section.complain(key, "stands beside a client secret; write one of them");
            None
        }
        (None, Some(key)) => Some(OidcClient::PrivateKey { key, key_id }),
        (Some(secret), None) if place == Some(SecretPlace::Form) => Some(OidcClient::SecretInForm(secret)),
        (Some(secret), None) => Some(OidcClient::SecretInHead(secret)),
        (None, None) => Some(OidcClient::Public),
    }
}

fn is_broken(section: &Section<'_>, secret: &str) -> bool {
    section.is_broken(secret) || section.is_broken(&format!("{secret}_file"))
}

fn read_admin(section: &Section<'_>, flavour: OidcFlavour, issuer: Option<&str>) -> Option<OidcAdmin> {
    let admin = section.section("admin");
    let keys = ["client_id", "client_secret", "client_secret_file"];
    // Variables may set them without a table in the file. Asked for all the same, so that they are known as keys.
    if !section.is_given("admin") && !keys.iter().any(|key| admin.text(key, "a text").is_some()) {
        return None;
    }
    if flavour != OidcFlavour::Keycloak && !section.is_broken("flavour") {
        section.complain("admin", "is served with flavour = \"keycloak\" only; write that, or leave admin out");
    } else if issuer.is_some_and(|issuer| !issuer.contains("/realms/")) {
        let text =
            "names no realm, which admin needs; write an address such as \"https://sso.example.org/realms/library\"";
        section.complain("issuer", text);
    }
    let client_id = admin.required_text("client_id", "the name of a client with a service account that may read users");
    let client_secret = require_secret(&admin, "client_secret");
    Some(OidcAdmin { client_id: client_id?, client_secret: client_secret? })
}
