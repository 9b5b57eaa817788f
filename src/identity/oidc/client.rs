//! The gateway as a client of the provider: how it proves its name in each request, and how a form is written.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::domain::{NoAnswer, Timestamp};
use crate::identity::ServiceSecret;
use crate::identity::adapter_error::AdapterError;
use crate::identity::http_client::HttpClient;
use crate::identity::oidc::settings::OidcClient;
use crate::identity::port::IdentityError;

/// What says that an assertion is a signed token (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good for: it is used at once, and clocks differ.
const ASSERTION_SECONDS: i64 = 60;
/// The kinds of keys that are taken, each with the algorithm that it signs by.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// A name at the provider, with its proof.
pub(crate) struct Client {
    id: String,
    proof: Proof,
}

enum Proof {
    Assertion(Box<Signer>),
    Form(ServiceSecret),
    Head(HeaderValue),
    None,
}

struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Client {
    /// # Errors
    /// When the private key cannot be used.
    pub(crate) fn new(id: &str, client: &OidcClient) -> Result<Self, AdapterError> {
        let proof = match client {
            OidcClient::PrivateKey { key, key_id } => Proof::Assertion(Box::new(Signer::new(key, key_id.as_deref())?)),
            OidcClient::Public => Proof::None,
            OidcClient::SecretInForm(secret) => Proof::Form(secret.clone()),
            OidcClient::SecretInHead(secret) => Proof::Head(basic(id, secret)?),
        };
        Ok(Self { id: id.to_owned(), proof })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the provider can tell us from somebody who knows the name.
    pub(crate) fn has_proof(&self) -> bool {
        !matches!(self.proof, Proof::None)
    }

    /// A form for `endpoint`, with the proof. `audience` is whom an assertion is meant for: the token endpoint, which
    /// every provider takes.
    pub(crate) fn post(
        &self,
        http: &HttpClient,
        endpoint: &Url,
        fields: &[(&str, &str)],
        audience: &Url,
        now: Timestamp,
    ) -> Result<RequestBuilder, IdentityError> {
        let request = http
            .request(Method::POST, endpoint.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let named = ("client_id", self.id.as_str());
        Ok(match &self.proof {
            Proof::Assertion(signer) => {
                let assertion = signer.assertion(&self.id, audience, now)?;
                let proof =
                    [named, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
                request.body(form(&[fields, proof.as_slice()].concat()))
            }
            Proof::Form(secret) => {
                request.body(form(&[fields, [named, ("client_secret", secret.expose())].as_slice()].concat()))
            }
            Proof::Head(value) => request.header(AUTHORIZATION, value.clone()).body(form(fields)),
            Proof::None => request.body(form(&[fields, [named].as_slice()].concat())),
        })
    }
}

/// `client_secret_basic`: both parts are written as in a form before they are joined (RFC 6749, section 2.3.1).
fn basic(id: &str, secret: &ServiceSecret) -> Result<HeaderValue, AdapterError> {
    let encode = |text: &str| Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    let (id, secret) = (encode(id), encode(secret.expose()));
    let pair = Zeroizing::new([id.as_str(), ":", secret.as_str()].concat());
    let text = Zeroizing::new(["Basic ", Zeroizing::new(STANDARD.encode(pair.as_bytes())).as_str()].concat());
    let mut value = HeaderValue::from_str(&text).map_err(|_| AdapterError::new("client_secret cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body of a form, wiped when it was sent.
fn form(fields: &[(&str, &str)]) -> Bytes {
    // Room enough that it never moves: a byte becomes three at most.
    let room = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut text = Zeroizing::new(String::with_capacity(room));
    form_urlencoded::Serializer::new(&mut *text).extend_pairs(fields);
    Bytes::from_owner(text)
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// A key says itself what it signs by.
    fn new(pem: &ServiceSecret, key_id: Option<&str>) -> Result<Self, AdapterError> {
        let bytes = pem.expose().as_bytes();
        for algorithm in ALGORITHMS {
            let key = match algorithm {
                Algorithm::RS256 => EncodingKey::from_rsa_pem(bytes),
                Algorithm::EdDSA => EncodingKey::from_ed_pem(bytes),
                _ => EncodingKey::from_ec_pem(bytes),
            };
            let header = Header { kid: key_id.map(str::to_owned), ..Header::new(algorithm) };
            if let Ok(key) = key
                && encode(&header, &"", &key).is_ok()
            {
                return Ok(Self { key, header });
            }
        }
        Err(AdapterError::new(
            "private_key is no key that can sign; write a private key in PEM: RSA, P-256 or P-384 in PKCS#8, or Ed25519",
        ))
    }

    fn assertion(&self, id: &str, audience: &Url, now: Timestamp) -> Result<Zeroizing<String>, IdentityError> {
        let broken = |detail: String| IdentityError::unsent(NoAnswer::Misconfigured, detail);
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| broken(format!("the system gives no random bytes: {error}")))?;
        let now = now.as_millis() / 1_000;
        let assertion = Assertion {
            iss: id,
            sub: id,
            aud: audience.as_str(),
            jti: &URL_SAFE_NO_PAD.encode(random),
            iat: now,
            exp: now + ASSERTION_SECONDS,
        };
        let signed = encode(&self.header, &assertion, &self.key);
        signed.map(Zeroizing::new).map_err(|error| broken(format!("the private key does not sign: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, TokenData, Validation, decode};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
    use serde_json::Value;

    use super::*;

    const NOW: i64 = 4_000_000_000;

    fn sent(client: &OidcClient, fields: &[(&str, &str)]) -> (Option<String>, Vec<(String, String)>) {
        let client = Client::new("soap gate", client).expect("a client");
        let http = HttpClient::new(None).expect("a client");
        let endpoint = Url::parse("https://sso.example.org/token").expect("an address");
        let now = Timestamp::from_millis(NOW * 1_000);
        let request = client.post(&http, &endpoint, fields, &endpoint, now).expect("a request").build().expect("built");
        assert!(!format!("{request:?}").contains("planted"), "{request:?}");
        assert_eq!(request.url().as_str(), "https://sso.example.org/token", "nothing stands in the address");
        let head = request.headers().get(AUTHORIZATION).map(|value| value.to_str().expect("ASCII").to_owned());
        let body = request.body().and_then(reqwest::Body::as_bytes).expect("a body");
        (head, form_urlencoded::parse(body).into_owned().collect())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_secret_in_the_head_is_written_as_in_a_form_first() {
        let secret = ServiceSecret::new("planted: +%é".to_owned());
        let (head, body) = sent(&OidcClient::SecretInHead(secret), &[("password", "p&=+ é%")]);
        let decoded = STANDARD.decode(head.expect("a head").strip_prefix("Basic ").expect("Basic")).expect("base64");
        assert_eq!(String::from_utf8(decoded).expect("UTF-8"), "soap+gate:planted%3A+%2B%25%C3%A9");
        assert_eq!(body, [pair("password", "p&=+ é%")]);
    }

    #[test]
    fn a_secret_in_the_form_or_none_comes_with_the_name() {
        let secret = ServiceSecret::new("planted".to_owned());
        let (head, body) = sent(&OidcClient::SecretInForm(secret), &[]);
        assert_eq!(head, None);
        assert_eq!(body, [pair("client_id", "soap gate"), pair("client_secret", "planted")]);
        assert_eq!(sent(&OidcClient::Public, &[]), (None, vec![pair("client_id", "soap gate")]));
    }

    #[test]
    fn an_assertion_is_signed_by_whatever_key_and_never_the_same() {
        let keys = [
            (KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048), Algorithm::RS256),
            (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256), Algorithm::ES256),
            (KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384), Algorithm::ES384),
            (KeyPair::generate_for(&PKCS_ED25519), Algorithm::EdDSA),
        ];
        for (pair, algorithm) in keys {
            let pair = pair.expect("a key");
            let key = ServiceSecret::new(pair.serialize_pem());
            let client = OidcClient::PrivateKey { key, key_id: Some("first".to_owned()) };
            let (_, body) = sent(&client, &[("a", "b")]);
            let field = |name: &str| &body.iter().find(|(field, _)| field == name).expect(name).1;
            assert_eq!((field("client_id").as_str(), field("a").as_str()), ("soap gate", "b"));
            assert_eq!(field("client_assertion_type"), ASSERTION_TYPE);
            let public = pair.public_key_pem();
            let public = match algorithm {
                Algorithm::RS256 => DecodingKey::from_rsa_pem(public.as_bytes()),
                Algorithm::EdDSA => DecodingKey::from_ed_pem(public.as_bytes()),
                _ => DecodingKey::from_ec_pem(public.as_bytes()),
            };
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&["https://sso.example.org/token"]);
            let read: TokenData<Value> =
                decode(field("client_assertion"), &public.expect("a key"), &validation).expect("signed");
            assert_eq!(read.header.kid.as_deref(), Some("first"));
            assert_eq!((&read.claims["iss"], &read.claims["sub"]), (&"soap gate".into(), &"soap gate".into()));
            assert_eq!((&read.claims["iat"], &read.claims["exp"]), (&NOW.into(), &(NOW + 60).into()));
            let (_, again) = sent(&client, &[("a", "b")]);
            assert_ne!(again, body, "each has its own jti");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_without_being_shown() {
        let public = KeyPair::generate().expect("a key").public_key_pem();
        for text in ["planted", "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n", &public] {
            let key = ServiceSecret::new(text.to_owned());
            let error = Client::new("a", &OidcClient::PrivateKey { key, key_id: None }).err().expect("refused");
            assert!(error.to_string().starts_with("private_key is no key") && !error.to_string().contains("planted"));
        }
    }
}
