//! The tokens that a provider issues: looked at, given back, and thrown away.

use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A yes of the token endpoint (RFC 6749, section 5.1). Everything but the ID token is of no use here.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    access_token: Token,
    token_type: String,
    refresh_token: Option<Token>,
    id_token: Option<Token>,
    expires_in: Option<u64>,
}

/// A token, wiped when it is thrown away.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Token(Zeroizing<String>);

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Tokens {
    /// Reads a yes; `None` when it lacks what makes it one: an access token of type Bearer.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let tokens: Self = serde_json::from_slice(body).ok()?;
        let is_yes = tokens.token_type.eq_ignore_ascii_case("bearer") && !tokens.access_token.0.trim().is_empty();
        is_yes.then_some(tokens)
    }

    pub(crate) fn access_token(&self) -> &str {
        &self.access_token.0
    }

    pub(crate) fn id_token(&self) -> Option<&str> {
        self.id_token.as_ref().map(|token| token.0.as_str())
    }

    /// The token that keeps a session alive, and what it is called: with it the session ends.
    pub(crate) fn longest(&self) -> (&str, &'static str) {
        match &self.refresh_token {
            Some(token) => (&token.0, "refresh_token"),
            None => (&self.access_token.0, "access_token"),
        }
    }

    /// How long the access token may be used; a minute when it is not said.
    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.expires_in.unwrap_or(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_access_token_of_type_bearer_is_a_yes() {
        let yes = Tokens::read(br#"{"access_token":"a","token_type":"bEaReR","refresh_token":"r","more":null}"#);
        assert_eq!(yes.expect("a yes").longest(), ("r", "refresh_token"));
        let plain = Tokens::read(br#"{"access_token":"a","token_type":"Bearer","id_token":"i"}"#).expect("a yes");
        assert_eq!((plain.longest(), plain.id_token()), (("a", "access_token"), Some("i")));
        for no in [
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":" ","token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":["a"],"token_type":"Bearer"}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
            r#"{"token_type":"Bearer","id_token":"i"}"#,
            r#"[{"access_token":"a","token_type":"Bearer"}]"#,
            "",
            "true",
        ] {
            assert!(Tokens::read(no.as_bytes()).is_none(), "{no}");
        }
    }
}
