//! Reads the keys of an `[[identity]]` of kind `oidc`.

use crate::config::secrets::{read_secret, require_secret};
use crate::config::section::{Choice, Section};
use crate::config::upstream::{read_ca_file, read_web_address};
use crate::identity::{OidcAdmin, OidcClient, OidcFlavour, OidcSettings};

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_oidc(section: &Section<'_>) -> Option<OidcSettings> {
    let issuer = read_web_address(section, "issuer", "https://sso.example.org/realms/library");
    let client_id = section.required_text("client_id", "the gateway's name at the provider, such as \"soapgate\"");
    let client = read_client(section);
    let scope = section.text("scope", "scopes divided by blanks, such as \"openid\"");
    let flavours = [
        Choice::Means("keycloak", OidcFlavour::Keycloak),
        Choice::Means("canaille", OidcFlavour::Canaille),
        Choice::Means("generic", OidcFlavour::Generic),
    ];
    let flavour = section.choice("flavour", &flavours).unwrap_or(OidcFlavour::Generic);
    let check_id_token = section.switch("check_id_token", false);
    let scope = scope.unwrap_or_else(|| "openid".to_owned());
    if check_id_token && !scope.split(' ').any(|word| word == "openid") {
        section.complain("scope", "is without \"openid\", and check_id_token = true needs it");
    }
    let admin = read_admin(section, flavour);
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
    match (secret, key) {
        (Some(_), Some(_)) => {
            section.complain("private_key", "stands beside client_secret; write one of them");
            None
        }
        (None, Some(key)) => Some(OidcClient::PrivateKey { key, key_id }),
        (secret, None) => {
            if key_id.is_some() {
                section.complain("key_id", "stands without private_key; leave it out");
            }
            Some(secret.map_or(OidcClient::Public, OidcClient::Secret))
        }
    }
}

fn read_admin(section: &Section<'_>, flavour: OidcFlavour) -> Option<OidcAdmin> {
    let admin = section.section("admin");
    if !section.is_given("admin") {
        // Named all the same, so that they are known as keys.
        admin.text("client_id", "a name");
        admin.text("client_secret", "a secret");
        admin.text("client_secret_file", "the path of a file");
        return None;
    }
    if flavour != OidcFlavour::Keycloak {
        section.complain("admin", "is served with flavour = \"keycloak\" only; leave it out");
    }
    let client_id = admin.required_text("client_id", "the name of a client that may read users");
    let client_secret = require_secret(&admin, "client_secret");
    Some(OidcAdmin { client_id: client_id?, client_secret: client_secret? })
}
