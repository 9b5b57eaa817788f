//! Checking an ID token (OpenID Connect Core 1.0, section 3.1.3.7): who signed it, who issued it, for whom, until when.

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

/// Keys without an id that are tried.
const TRIED_MAX: usize = 8;

/// What a checked ID token says of whom it is about.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    /// Who it is, to this provider.
    pub(crate) sub: String,
    /// The name that the person goes by there.
    pub(crate) preferred_username: Option<String>,
    iss: String,
    aud: Value,
    azp: Option<String>,
}

/// Why an ID token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Signed by nobody, or by whoever knows a shared secret.
    Algorithm,
    /// Meant for somebody else.
    Audience,
    /// Its time is over.
    Expired,
    /// Issued by somebody else.
    Issuer,
    /// It is no token, or lacks what it must say.
    Malformed,
    /// Not signed by the provider's key.
    Signature,
    /// The provider's keys that are known do not hold the one that signed it.
    UnknownKey,
}

impl Flaw {
    /// What is wrong, as a lower-case fragment.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Algorithm => "its ID token is not signed by a key of its own",
            Self::Audience => "its ID token is meant for somebody else",
            Self::Expired => "its ID token has expired; do the clocks differ?",
            Self::Issuer => "its ID token was issued by somebody else",
            Self::Malformed => "its ID token is none",
            Self::Signature => "its ID token is signed by somebody else",
            Self::UnknownKey => "its ID token is signed by a key that it does not publish",
        }
    }
}

/// Checks `token` with the provider's `keys`.
pub(crate) fn check(token: &str, keys: &JwkSet, issuer: &str, client_id: &str) -> Result<Claims, Flaw> {
    let header = decode_header(token).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => Flaw::Algorithm,
        _ => Flaw::Malformed,
    })?;
    if header.alg.family() == AlgorithmFamily::Hmac {
        return Err(Flaw::Algorithm);
    }
    let mut flaw = Flaw::UnknownKey;
    for key in keys.keys.iter().filter(|key| may_sign(key, &header)).take(TRIED_MAX) {
        match check_with(token, key, header.alg, issuer, client_id) {
            // Without an id it may be another key that signed.
            Err(Flaw::Signature) => flaw = Flaw::Signature,
            said => return said,
        }
    }
    Err(flaw)
}

fn may_sign(key: &Jwk, header: &Header) -> bool {
    let common = &key.common;
    let is_meant = match (&header.kid, &common.key_id) {
        (Some(wanted), own) => own.as_ref() == Some(wanted),
        (None, _) => true,
    };
    let signs = !matches!(common.public_key_use, Some(PublicKeyUse::Encryption));
    let algorithm = common.key_algorithm.is_none_or(|own| Algorithm::try_from(own).is_ok_and(|own| own == header.alg));
    is_meant && signs && algorithm
}

fn check_with(token: &str, key: &Jwk, algorithm: Algorithm, issuer: &str, client_id: &str) -> Result<Claims, Flaw> {
    let key = DecodingKey::from_jwk(key).map_err(|_| Flaw::UnknownKey)?;
    if key.family() != algorithm.family() {
        return Err(Flaw::Signature);
    }
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    let claims = decode::<Claims>(token, &key, &validation).map_err(|error| flaw(&error))?.claims;
    // A list of issuers would do for the library, and several audiences without a word on whose token it is.
    if claims.iss != issuer {
        return Err(Flaw::Issuer);
    }
    let is_shared = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
    match &claims.azp {
        Some(party) if party != client_id => Err(Flaw::Audience),
        None if is_shared => Err(Flaw::Audience),
        Some(_) | None => Ok(claims),
    }
}

fn flaw(error: &jsonwebtoken::errors::Error) -> Flaw {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => Flaw::Expired,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidSignature => Flaw::Signature,
        ErrorKind::InvalidAudience => Flaw::Audience,
        ErrorKind::InvalidIssuer => Flaw::Issuer,
        _ => Flaw::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, encode, get_current_timestamp};
    use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://sso.example.org/realms/library";
    const CLIENT: &str = "soapgate";

    struct Provider {
        key: EncodingKey,
        keys: JwkSet,
    }

    /// A provider with an RSA key of this id, as it publishes it.
    fn provider(id: Option<&str>) -> Provider {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("a key");
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a key");
        public.common.key_id = id.map(str::to_owned);
        Provider { key, keys: JwkSet { keys: vec![public] } }
    }

    impl Provider {
        fn sign(&self, id: Option<&str>, claims: &Value) -> String {
            let header = Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::RS256) };
            encode(&header, claims, &self.key).expect("signed")
        }
    }

    fn claims() -> Value {
        let now = get_current_timestamp();
        json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "f:1", "preferred_username": "reader", "iat": now, "exp": now + 300
        })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[key] = value;
        claims
    }

    #[test]
    fn a_token_of_the_provider_for_us_is_believed() {
        let provider = provider(Some("a"));
        for claims in [claims(), with("aud", json!([CLIENT])), with("azp", json!(CLIENT))] {
            let said = check(&provider.sign(Some("a"), &claims), &provider.keys, ISSUER, CLIENT).expect("believed");
            assert_eq!((said.sub.as_str(), said.preferred_username.as_deref()), ("f:1", Some("reader")));
        }
        let mut shared = with("aud", json!(["other", CLIENT]));
        assert_eq!(check(&provider.sign(Some("a"), &shared), &provider.keys, ISSUER, CLIENT), Err(Flaw::Audience));
        shared["azp"] = json!(CLIENT);
        assert!(check(&provider.sign(Some("a"), &shared), &provider.keys, ISSUER, CLIENT).is_ok());
    }

    #[test]
    fn a_token_that_says_anything_wrong_is_not() {
        let provider = provider(Some("a"));
        let now = get_current_timestamp();
        let cases = [
            (with("iss", json!("https://elsewhere.example.org")), Flaw::Issuer),
            (with("iss", json!([ISSUER, "https://elsewhere.example.org"])), Flaw::Malformed),
            (with("iss", Value::Null), Flaw::Malformed),
            (with("aud", json!("other")), Flaw::Audience),
            (with("aud", json!([])), Flaw::Audience),
            (with("aud", Value::Null), Flaw::Malformed),
            (with("azp", json!("other")), Flaw::Audience),
            (with("exp", json!(now - 300)), Flaw::Expired),
            (with("exp", Value::Null), Flaw::Malformed),
            (with("exp", json!("soon")), Flaw::Malformed),
            (with("nbf", json!(now + 300)), Flaw::Expired),
            (with("sub", Value::Null), Flaw::Malformed),
        ];
        for (claims, flaw) in cases {
            let token = provider.sign(Some("a"), &claims);
            assert_eq!(check(&token, &provider.keys, ISSUER, CLIENT), Err(flaw), "{claims}");
        }
    }

    #[test]
    fn a_token_that_somebody_else_signed_or_nobody_is_not() {
        let (own, other) = (provider(Some("a")), provider(Some("a")));
        let check = |token: &str| check(token, &own.keys, ISSUER, CLIENT);
        assert_eq!(check(&other.sign(Some("a"), &claims())), Err(Flaw::Signature));
        assert_eq!(check(&own.sign(Some("b"), &claims())), Err(Flaw::UnknownKey));
        let token = own.sign(Some("a"), &claims());
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let changed = signed.replace(signed.split_once('.').expect("two parts").1, "e30");
        assert_eq!(check(&format!("{changed}.{signature}")), Err(Flaw::Signature));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        for algorithm in ["none", "None", "NONE", "HS000"] {
            let unsigned = format!("{}.{}.", part(&json!({ "alg": algorithm, "kid": "a" })), part(&claims()));
            assert_eq!(check(&unsigned), Err(Flaw::Algorithm), "{algorithm}");
        }
        // The public key taken for a shared secret.
        let secret = EncodingKey::from_secret(b"anything that is public");
        let shared = encode(&Header::new(Algorithm::HS256), &claims(), &secret).expect("signed");
        assert_eq!(check(&shared), Err(Flaw::Algorithm));
        for text in ["", "a", "a.b", "a.b.c", "....", "e30.e30.e30"] {
            assert!(matches!(check(text), Err(Flaw::Malformed | Flaw::Algorithm)), "{text}");
        }
    }

    #[test]
    fn without_an_id_every_key_that_may_sign_is_tried() {
        let (one, mut two) = (provider(None), provider(None));
        let keys = JwkSet { keys: [two.keys.keys.clone(), one.keys.keys.clone()].concat() };
        let token = one.sign(None, &claims());
        assert!(check(&token, &keys, ISSUER, CLIENT).is_ok());
        assert_eq!(check(&token, &two.keys, ISSUER, CLIENT), Err(Flaw::Signature));
        two.keys.keys[0].common.public_key_use = Some(PublicKeyUse::Encryption);
        assert_eq!(check(&two.sign(None, &claims()), &two.keys, ISSUER, CLIENT), Err(Flaw::UnknownKey));
    }
}
