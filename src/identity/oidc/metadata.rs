//! What a provider says of itself (OpenID Connect Discovery 1.0), as far as it is needed, and its public keys.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::NoAnswer;
use crate::identity::http_client::HttpAnswer;
use crate::identity::oidc::answer::plain;
use crate::identity::port::IdentityError;
use crate::identity::web_address::keeps_secrets;

/// Keys that are looked at.
const KEYS_MAX: usize = 32;

/// Where a provider is asked what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Option<Url>,
    /// Where issued tokens are given back; only where that can be done safely.
    pub(crate) revocation_endpoint: Option<Url>,
    /// The grants it says it takes; not every provider says.
    pub(crate) grant_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    jwks_uri: Option<String>,
    revocation_endpoint: Option<String>,
    grant_types_supported: Option<Vec<String>>,
}

/// Reads the metadata of `issuer`, which must call itself exactly that: what another says of its endpoints is not
/// believed (Discovery 1.0, section 4.3).
pub(crate) fn read_metadata(issuer: &str, answer: &HttpAnswer) -> Result<Metadata, IdentityError> {
    expect_ok(answer, "metadata")?;
    let document: Document = serde_json::from_slice(&answer.body)
        .map_err(|_| IdentityError::sent(NoAnswer::Protocol, "its metadata cannot be read"))?;
    if document.issuer != issuer {
        let detail = format!("it calls itself {}, not as the setting issuer says", plain(&document.issuer));
        return Err(IdentityError::sent(NoAnswer::Misconfigured, detail));
    }
    let endpoint = |text: &str, name: &str| {
        let url = Url::parse(text).ok().filter(keeps_secrets);
        url.ok_or_else(|| {
            let detail = format!("its {name} is not https, so nothing is sent there");
            IdentityError::sent(NoAnswer::Misconfigured, detail)
        })
    };
    Ok(Metadata {
        token_endpoint: endpoint(&document.token_endpoint, "token_endpoint")?,
        jwks_uri: document.jwks_uri.map(|text| endpoint(&text, "jwks_uri")).transpose()?,
        revocation_endpoint: document.revocation_endpoint.and_then(|text| endpoint(&text, "").ok()),
        grant_types: document.grant_types_supported,
    })
}

/// Reads public keys; those of kinds that nobody knows are left out.
pub(crate) fn read_keys(answer: &HttpAnswer) -> Result<JwkSet, IdentityError> {
    expect_ok(answer, "keys")?;
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let Some(Value::Array(keys)) = document.as_ref().and_then(|document| document.get("keys")) else {
        return Err(IdentityError::sent(NoAnswer::Protocol, "its keys cannot be read"));
    };
    let read = keys.iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    Ok(JwkSet { keys: read.collect() })
}

fn expect_ok(answer: &HttpAnswer, what: &str) -> Result<(), IdentityError> {
    let status = answer.status.as_u16();
    let why = match status {
        200 => return Ok(()),
        429 => NoAnswer::Throttled(answer.retry_after()),
        401 | 403 | 404 | 410 => NoAnswer::Misconfigured,
        500..=599 => NoAnswer::Unreachable,
        _ => NoAnswer::Protocol,
    };
    Err(IdentityError::sent(why, format!("HTTP {status} where its {what} should be")))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    const ISSUER: &str = "https://sso.example.org/realms/library";

    fn answer(status: u16, body: &str) -> HttpAnswer {
        let status = StatusCode::from_u16(status).expect("a status");
        HttpAnswer { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn read(issuer: &str, token_endpoint: &str) -> Result<Metadata, IdentityError> {
        let body = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{token_endpoint}","more":[1]}}"#);
        read_metadata(ISSUER, &answer(200, &body))
    }

    #[test]
    fn the_issuer_must_be_exactly_the_one_that_was_asked_for() {
        assert!(read(ISSUER, "https://sso.example.org/token").is_ok());
        for other in ["https://sso.example.org/realms/library/", "https://sso.example.org/realms/Library", "", "x"] {
            let error = read(other, "https://sso.example.org/token").expect_err(other);
            assert_eq!(error.no_answer, NoAnswer::Misconfigured, "{other}");
        }
    }

    #[test]
    fn no_password_is_sent_in_clear_whatever_the_metadata_say() {
        for endpoint in ["http://sso.example.org/token", "ftp://x", "token", ""] {
            let error = read(ISSUER, endpoint).expect_err(endpoint);
            assert_eq!(error.no_answer, NoAnswer::Misconfigured, "{endpoint}");
        }
        assert!(read(ISSUER, "http://127.0.0.1:8080/token").is_ok());
        let body = format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"https://a/t","revocation_endpoint":"http://a/r","jwks_uri":"https://a/k"}}"#
        );
        let read = read_metadata(ISSUER, &answer(200, &body)).expect("fine");
        assert_eq!((read.revocation_endpoint, read.jwks_uri.map(String::from)), (None, Some("https://a/k".to_owned())));
    }

    #[test]
    fn what_cannot_be_read_is_the_right_kind_of_outage() {
        for body in ["", "<html>", "[]", "{}", r#"{"issuer":1}"#] {
            assert_eq!(read_metadata(ISSUER, &answer(200, body)).expect_err(body).no_answer, NoAnswer::Protocol);
            assert_eq!(read_keys(&answer(200, body)).expect_err(body).no_answer, NoAnswer::Protocol);
        }
        for (status, why) in [
            (204, NoAnswer::Protocol),
            (302, NoAnswer::Protocol),
            (404, NoAnswer::Misconfigured),
            (429, NoAnswer::Throttled(None)),
            (503, NoAnswer::Unreachable),
        ] {
            assert_eq!(read_metadata(ISSUER, &answer(status, "")).expect_err("no metadata").no_answer, why);
        }
    }

    #[test]
    fn keys_of_unknown_kinds_are_left_out() {
        let body = r#"{"keys":[{"kty":"new","x":1},5,{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB","alg":"RS256"}]}"#;
        let keys = read_keys(&answer(200, body)).expect("keys");
        assert!(keys.find("a").is_some());
        assert!(keys.keys.len() <= 2, "{keys:?}");
    }
}
