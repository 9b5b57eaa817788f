//! What a token endpoint says to a password, and what it means. Whatever cannot be read is no answer.

use serde_json::Value;

use crate::domain::{Credentials, NoAnswer, Rejection};
use crate::identity::http_client::HttpAnswer;
use crate::identity::oidc::settings::OidcFlavour;
use crate::identity::oidc::token::Tokens;
use crate::identity::port::IdentityError;

/// Characters of a foreign text that are kept.
const TEXT_MAX: usize = 120;
const NOT_SET_UP: &str = "Account is not fully set up";
const DISABLED: &str = "Account disabled";
/// Codes and texts that are known, so that they can be logged whatever the account is called.
const KNOWN: [&str; 15] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    NOT_SET_UP,
    DISABLED,
    "Invalid user credentials",
    "Invalid client or Invalid client credentials",
    "Client not allowed for direct access grants",
    "Invalid 'username' or 'password' in request.",
    "Missing 'username' in request.",
    "Missing parameter: username",
    "Unsupported grant_type",
];

/// An answer to a password.
pub(crate) enum Said {
    /// Yes, with these tokens.
    Issued(Tokens),
    /// No: why, and in which words.
    Refused(Rejection, String),
}

/// An error as RFC 6749, section 5.2, has it.
struct OAuthError {
    code: String,
    text: String,
}

/// What an answer means, by the words of this flavour: the status and the error code first, the text second.
/// `asked` is what the words must not repeat.
pub(crate) fn conclude(
    flavour: OidcFlavour,
    answer: &HttpAnswer,
    asked: Option<&Credentials>,
) -> Result<Said, IdentityError> {
    let status = answer.status.as_u16();
    let error = read_error(answer);
    let words = describe(answer, error.as_ref(), asked);
    match (status, error) {
        (429, _) => Err(IdentityError::sent(NoAnswer::Throttled(answer.retry_after()), words)),
        (500..=599, _) => Err(IdentityError::sent(NoAnswer::Unreachable, words)),
        (200, _) if is_json(answer) => match Tokens::read(&answer.body) {
            Some(tokens) => Ok(Said::Issued(tokens)),
            None => Err(IdentityError::sent(NoAnswer::Protocol, "HTTP 200 without a Bearer token")),
        },
        (400..=499, Some(error)) => match refusal(flavour, status, &error) {
            Some(rejection) => Ok(Said::Refused(rejection, words)),
            None => Err(IdentityError::sent(outage(&error.code), words)),
        },
        _ => Err(IdentityError::sent(NoAnswer::Protocol, words)),
    }
}

/// Why the password is refused, where this is what the flavour says by it.
fn refusal(flavour: OidcFlavour, status: u16, error: &OAuthError) -> Option<Rejection> {
    match (flavour, status, error.code.as_str()) {
        // 401 up to some version before 26.7, 400 since.
        (OidcFlavour::Keycloak, 400 | 401, "invalid_grant") => Some(match error.text.as_str() {
            NOT_SET_UP => Rejection::SetUpPending,
            DISABLED => Rejection::Disabled,
            _ => Rejection::WrongPassword,
        }),
        // Its library has the code for a missing field too, which is our own fault: the text tells them apart.
        (OidcFlavour::Canaille, 400, "invalid_request") if names_both_fields(&error.text) => {
            Some(Rejection::WrongPassword)
        }
        (OidcFlavour::Canaille | OidcFlavour::Generic, 400, "invalid_grant") => Some(Rejection::WrongPassword),
        _ => None,
    }
}

/// "Invalid 'username' or 'password' in request.", in whatever quotes.
fn names_both_fields(text: &str) -> bool {
    text.starts_with("Invalid") && text.contains("username") && text.contains("password")
}

/// What an error that is no refusal means.
fn outage(code: &str) -> NoAnswer {
    match code {
        "invalid_client" | "invalid_request" | "invalid_scope" | "unauthorized_client" | "unsupported_grant_type" => {
            NoAnswer::Misconfigured
        }
        "server_error" | "temporarily_unavailable" => NoAnswer::Unreachable,
        _ => NoAnswer::Protocol,
    }
}

fn is_json(answer: &HttpAnswer) -> bool {
    answer.media_type() == "application/json"
}

fn read_error(answer: &HttpAnswer) -> Option<OAuthError> {
    if !is_json(answer) {
        return None;
    }
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(OAuthError { code: text("error")?, text: text("error_description").unwrap_or_default() })
}

/// The code of an error, for those who only need that.
pub(crate) fn error_code(answer: &HttpAnswer) -> Option<String> {
    read_error(answer).map(|error| error.code)
}

/// The status, the error code and the text: never the body, an identifier or a password.
pub(crate) fn words(answer: &HttpAnswer) -> String {
    describe(answer, read_error(answer).as_ref(), None)
}

fn describe(answer: &HttpAnswer, error: Option<&OAuthError>, asked: Option<&Credentials>) -> String {
    let mut words = format!("HTTP {}", answer.status.as_u16());
    match error {
        Some(error) => {
            words.extend([", error ", &tellable(&error.code, asked)]);
            if !error.text.is_empty() {
                words.extend([": ", &tellable(&error.text, asked)]);
            }
        }
        None if !answer.body.is_empty() => words.push_str(", not an error document"),
        None => {}
    }
    words
}

/// A code or text of the provider's that may be logged: a known one as it is, another only when nothing of the
/// question stands in it.
fn tellable(text: &str, asked: Option<&Credentials>) -> String {
    if let Some(known) = KNOWN.iter().find(|known| **known == text) {
        return (*known).to_owned();
    }
    let repeats = |secret: &str| {
        let (text, bare) = (text.to_lowercase(), plain(text).to_lowercase());
        let secret = secret.to_lowercase();
        let part = plain(&secret);
        text.contains(&secret) || (!part.is_empty() && bare.contains(&part))
    };
    let repeats_any =
        asked.is_some_and(|asked| repeats(asked.account().identifier()) || repeats(asked.password().expose()));
    if repeats_any { "a text that repeats the question".to_owned() } else { plain(text) }
}

/// Letters, digits, blanks and a few marks of a text that came from elsewhere, and not many of them.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || " _-.:/".contains(*c)).take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;
    use crate::domain::{AccountId, Answer, Institution, Password};
    use crate::identity::Sent;
    use crate::identity::fixture::{flag_of, in_words, table_rows};

    const TABLE: &str = include_str!("README.md");
    const FLAVOURS: [(&str, OidcFlavour); 3] =
        [("keycloak", OidcFlavour::Keycloak), ("canaille", OidcFlavour::Canaille), ("generic", OidcFlavour::Generic)];

    fn answer(status: u16, content_type: &str, body: &str) -> HttpAnswer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).expect("a value"));
        let status = StatusCode::from_u16(status).expect("a status");
        HttpAnswer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn error(status: u16, code: &str, text: &str) -> HttpAnswer {
        let body = serde_json::json!({ "error": code, "error_description": text }).to_string();
        answer(status, "application/json;charset=UTF-8", &body)
    }

    fn credentials() -> Credentials {
        let institution = Institution::parse("01X").expect("a code");
        let account = AccountId::parse(&institution, "planted.name@example.org").expect("an identifier");
        Credentials::new(account, Password::new("Planted& Pass".to_owned())).expect("acceptable")
    }

    fn said(flavour: OidcFlavour, answer: &HttpAnswer) -> Result<Answer, IdentityError> {
        conclude(flavour, answer, Some(&credentials())).map(|said| match said {
            Said::Issued(_) => Answer::Accepted,
            Said::Refused(rejection, _) => Answer::Rejected(rejection),
        })
    }

    /// The answer that a cell of the table stands for.
    fn of_cell(says: &str) -> HttpAnswer {
        let (status, rest) = says.split_once(' ').unwrap_or((says, ""));
        let status: u16 = status.parse().expect("a status");
        match rest {
            "" | "nothing" => answer(status, "text/plain", ""),
            "HTML" => answer(status, "text/html", "<html><body>Welcome</body></html>"),
            "Bearer" => answer(status, "application/json", r#"{"access_token":"a","token_type":"Bearer"}"#),
            "Bearer as HTML" => answer(status, "text/html", r#"{"access_token":"a","token_type":"Bearer"}"#),
            "no token" => answer(status, "application/json", r#"{"ok":true}"#),
            "DPoP" => answer(status, "application/json", r#"{"access_token":"a","token_type":"DPoP"}"#),
            error_document => {
                let (_, document) = error_document.split_once('`').expect("a code in backticks");
                let (code, text) = document.split_once('`').expect("a code in backticks");
                error(status, code, text.trim())
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_what_the_code_says() {
        let mut seen = 0;
        for row in table_rows(TABLE) {
            let [flavour, situation, says, verdict, flag] = row[..] else { continue };
            if flavour == "flavour" {
                continue;
            }
            for (name, kind) in FLAVOURS {
                if flavour != "all" && !flavour.split(", ").any(|one| one == name) {
                    continue;
                }
                seen += 1;
                let said = said(kind, &of_cell(says));
                assert_eq!(in_words(&said), verdict, "{name}: {situation}");
                assert_eq!(flag_of(said.map_err(|error| error.no_answer)), flag, "{name}: {situation}");
            }
        }
        assert!(seen >= 60, "{seen}");
    }

    #[test]
    fn what_cannot_be_read_is_no_answer_and_never_a_refusal() {
        let grant = r#"{"error":"invalid_grant"}"#;
        for (_, flavour) in FLAVOURS {
            for (status, body) in [
                (400, ""),
                (400, "invalid_grant"),
                (400, r#"{"error":"invalid_gr"#),
                (400, r#"{"error":["invalid_grant"]}"#),
                (400, "[]"),
                (400, "null"),
                (302, grant),
                (204, grant),
                (403, grant),
                (404, grant),
            ] {
                let error = said(flavour, &answer(status, "application/json", body)).expect_err(body);
                assert_eq!((error.no_answer, error.sent), (NoAnswer::Protocol, Sent::Maybe), "{status} {body}");
            }
            for content_type in ["text/html", "text/plain", "", "application/jsonp"] {
                assert!(said(flavour, &answer(400, content_type, grant)).is_err(), "{content_type}");
            }
        }
        assert!(said(OidcFlavour::Generic, &answer(401, "application/json", grant)).is_err());
    }

    #[test]
    fn an_unknown_text_is_a_refusal_only_when_status_and_code_say_so() {
        let wrong = Ok(Answer::Rejected(Rejection::WrongPassword));
        let unknown = "17003: A text of a later version";
        assert_eq!(said(OidcFlavour::Keycloak, &error(400, "invalid_grant", unknown)), wrong);
        assert_eq!(said(OidcFlavour::Generic, &error(400, "invalid_grant", unknown)), wrong);
        let own = said(OidcFlavour::Canaille, &error(400, "invalid_request", unknown)).expect_err("no answer");
        assert_eq!(own.no_answer, NoAnswer::Misconfigured);
    }

    #[test]
    fn the_log_learns_codes_and_texts_and_nothing_of_the_question() {
        let words = |text: &str| {
            let said = conclude(OidcFlavour::Generic, &error(400, "invalid_client", text), Some(&credentials()));
            said.err().expect("no answer").detail
        };
        assert_eq!(
            words("Invalid client or Invalid client credentials"),
            "HTTP 400, error invalid_client: Invalid client or Invalid client credentials"
        );
        assert_eq!(words("a\n<b> text"), "HTTP 400, error invalid_client: ab text");
        for text in [
            "PLANTED.NAME@EXAMPLE.ORG is unknown",
            "no planted.name<@>example.org",
            "the password planted& pass is wrong",
            "the password planted&amp; pass is wrong, or Planted Pass",
        ] {
            assert!(!words(text).to_lowercase().contains("planted"), "{}", words(text));
        }
        assert!(words(&"x".repeat(10_000)).len() < 200);
        let told = conclude(OidcFlavour::Generic, &error(400, "no planted.name@example.org", ""), Some(&credentials()));
        assert!(!told.err().expect("no answer").detail.contains("planted"));
    }

    #[test]
    fn throttling_says_for_how_long() {
        let mut throttled = answer(429, "text/plain", "");
        assert_eq!(said(OidcFlavour::Generic, &throttled).expect_err("429").no_answer, NoAnswer::Throttled(None));
        throttled.headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let wait = NoAnswer::Throttled(Some(Duration::from_secs(7)));
        assert_eq!(said(OidcFlavour::Generic, &throttled).expect_err("429").no_answer, wait);
    }
}
