//! What Alma's "authenticate user" says, and what it means. Whatever cannot be read is no answer.

use std::time::Duration;

use serde_json::Value;
use yaserde::YaDeserialize;

use crate::domain::{Answer, NoAnswer, Rejection};
use crate::identity::http_client::HttpAnswer;
use crate::identity::port::IdentityError;

/// Alma's calls a day begin anew at midnight UTC.
const DAY_SECONDS: u64 = 24 * 3_600;
/// But a spent day is asked about hourly: calls may be added, and clocks differ.
const SPENT_SECONDS: u64 = 3_600;
/// An error document has a few elements; yaserde is slow on deep ones, so none with more is shown to it.
const ELEMENTS_MAX: usize = 200;
/// Codes that are looked at.
const CODES_MAX: usize = 16;

/// One error of an error document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AlmaError {
    pub(crate) code: String,
    pub(crate) tracking_id: String,
}

/// What an answer to "authenticate user" means. `now` is in seconds since the Unix epoch.
pub(crate) fn conclude(answer: &HttpAnswer, now: u64) -> Result<Answer, IdentityError> {
    let status = answer.status.as_u16();
    if status == 204 {
        return if answer.body.is_empty() { Ok(Answer::Accepted) } else { Err(strange(answer, &[])) };
    }
    let errors = read_errors(answer);
    let has = |codes: &[&str]| errors.iter().any(|error| codes.contains(&error.code.as_str()));
    let no_answer = |why| Err(IdentityError::sent(why, describe(answer, &errors)));
    match status {
        400 if errors.len() == 1 && has(&["401866"]) => Ok(Answer::Rejected(Rejection::WrongPassword)),
        400 if errors.len() == 1 && has(&["401890", "401861"]) => Ok(Answer::Rejected(Rejection::UnknownAccount)),
        429 if has(&["DAILY_THRESHOLD"]) => {
            let rest = DAY_SECONDS - now % DAY_SECONDS;
            no_answer(NoAnswer::Throttled(Some(Duration::from_secs(rest.min(SPENT_SECONDS)))))
        }
        429 => no_answer(NoAnswer::Throttled(answer.retry_after())),
        400 if has(&["UNAUTHORIZED", "FORBIDDEN", "INVALID_REQUEST", "REQUEST_TOO_LARGE"]) => {
            no_answer(NoAnswer::Misconfigured)
        }
        401 | 403 => no_answer(NoAnswer::Misconfigured),
        500..=599 => no_answer(NoAnswer::Unreachable),
        _ => Err(strange(answer, &errors)),
    }
}

fn strange(answer: &HttpAnswer, errors: &[AlmaError]) -> IdentityError {
    IdentityError::sent(NoAnswer::Protocol, describe(answer, errors))
}

/// The status, and the codes and tracking ids that help the vendor's support: never the body.
pub(crate) fn describe(answer: &HttpAnswer, errors: &[AlmaError]) -> String {
    let mut text = format!("HTTP {}", answer.status.as_u16());
    for error in errors {
        text.extend([", code ", &plain(&error.code)]);
        if !error.tracking_id.is_empty() {
            text.extend([" tracking id ", &plain(&error.tracking_id)]);
        }
    }
    if errors.is_empty() && !answer.body.is_empty() {
        text.push_str(", not an error document");
    }
    text
}

/// Letters, digits and a few marks of a text that came from elsewhere, and not many of them.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(64).collect()
}

/// The errors of an error document in JSON or XML; none when it is neither, or is not called so: what a proxy says in
/// Alma's place may repeat Alma's words.
pub(crate) fn read_errors(answer: &HttpAnswer) -> Vec<AlmaError> {
    if !matches!(answer.media_type().as_str(), "application/json" | "application/xml" | "text/xml") {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(&answer.body) else { return Vec::new() };
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut errors = if text.starts_with('<') { read_xml(text) } else { read_json(text) };
    errors.truncate(CODES_MAX);
    errors
}

fn read_json(text: &str) -> Vec<AlmaError> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    // Sometimes there is one more level.
    let document = value.get("web_service_result").unwrap_or(&value);
    let found = document.pointer("/errorList/error");
    let errors: Vec<&Value> = match found {
        Some(Value::Array(errors)) => errors.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let text = |error: &Value, key: &str| match error.get(key) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    let read = |error: &&Value| AlmaError { code: text(error, "errorCode"), tracking_id: text(error, "trackingId") };
    errors.iter().map(read).filter(|error| !error.code.is_empty()).collect()
}

fn read_xml(text: &str) -> Vec<AlmaError> {
    if text.contains("<!") || text.matches('<').count() > ELEMENTS_MAX {
        return Vec::new();
    }
    // Malformed documents are known (a bare '&'); their status says enough.
    let Ok(result) = yaserde::de::from_str::<WebServiceResult>(text) else { return Vec::new() };
    let errors = result.error_list.map(|list| list.errors).unwrap_or_default();
    let read = |error: XmlError| AlmaError {
        code: error.code.trim().to_owned(),
        tracking_id: error.tracking_id.unwrap_or_default().trim().to_owned(),
    };
    errors.into_iter().map(read).filter(|error| !error.code.is_empty()).collect()
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "web_service_result", prefix = "e", default_namespace = "e",
    namespaces = { "e" = "http://com/exlibris/urm/general/xmlbeans" })]
struct WebServiceResult {
    #[yaserde(prefix = "e", rename = "errorList")]
    error_list: Option<ErrorList>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "errorList", prefix = "e", namespaces = { "e" = "http://com/exlibris/urm/general/xmlbeans" })]
struct ErrorList {
    #[yaserde(prefix = "e", rename = "error")]
    errors: Vec<XmlError>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "error", prefix = "e", namespaces = { "e" = "http://com/exlibris/urm/general/xmlbeans" })]
struct XmlError {
    #[yaserde(prefix = "e", rename = "errorCode")]
    code: String,
    #[yaserde(prefix = "e", rename = "trackingId")]
    tracking_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::*;
    use crate::identity::Sent;
    use crate::identity::fixture::{flag_of, in_words, table_rows};

    const TABLE: &str = include_str!("README.md");
    const NOW: u64 = 22 * 3_600;

    fn said(status: u16, body: &str) -> Result<Answer, IdentityError> {
        let is_xml = body.trim_start_matches('\u{feff}').starts_with('<');
        said_as(if is_xml { "application/xml" } else { "application/json;charset=UTF-8" }, status, body)
    }

    fn said_as(media_type: &'static str, status: u16, body: &str) -> Result<Answer, IdentityError> {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = Bytes::copy_from_slice(body.as_bytes());
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        conclude(&HttpAnswer { status, headers, body }, NOW)
    }

    fn document(code: &str) -> String {
        format!(
            r#"{{"errorsExist":true,"errorList":{{"error":[{{"errorCode":"{code}","errorMessage":"planted","trackingId":"E01-1"}}]}},"result":null}}"#
        )
    }

    #[test]
    fn every_row_of_the_table_is_what_the_code_says() {
        let rows = table_rows(TABLE);
        assert!(rows.len() >= 15, "{}", rows.len());
        for row in rows {
            let [situation, says, verdict, flag] = row[..] else { panic!("{row:?}") };
            if says == "nobody is asked" {
                continue;
            }
            let (status, rest) = says.split_once(' ').unwrap_or((says, ""));
            let status: u16 = status.parse().expect("a status");
            let said = match rest {
                "" | "nothing" => said(status, ""),
                "HTML" => said_as("text/html", status, "<html><body>Welcome</body></html>"),
                code => said(status, &document(code.trim_matches('`'))),
            };
            assert_eq!(in_words(&said), verdict, "{situation}");
            assert_eq!(flag_of(said.map_err(|error| error.no_answer)), flag, "{situation}");
        }
    }

    #[test]
    fn error_documents_are_read_in_every_shape_that_was_seen() {
        let shapes = [
            document("401866"),
            r#"{"web_service_result":{"errorsExist":true,"errorList":{"error":{"errorCode":401866}}}}"#.to_owned(),
            "\u{feff}<?xml version=\"1.0\"?><web_service_result xmlns=\"http://com/exlibris/urm/general/xmlbeans\"><errorsExist>true</errorsExist><errorList><error><errorCode>401866</errorCode><errorMessage>x</errorMessage><trackingId>E01</trackingId></error></errorList></web_service_result>".to_owned(),
        ];
        for shape in shapes {
            assert_eq!(said(400, &shape), Ok(Answer::Rejected(Rejection::WrongPassword)), "{shape}");
        }
    }

    #[test]
    fn a_document_that_is_not_called_one_is_none() {
        for media_type in ["text/html", "text/html; charset=utf-8", "text/plain", "", "application/jsonp"] {
            let error = said_as(media_type, 400, &document("401866")).expect_err(media_type);
            assert_eq!((error.no_answer, error.sent), (NoAnswer::Protocol, Sent::Maybe), "{media_type}");
        }
        for media_type in ["application/json", "Application/JSON ;charset=UTF-8", "text/xml", "application/xml"] {
            let said = said_as(media_type, 400, &document("401866"));
            assert_eq!(said, Ok(Answer::Rejected(Rejection::WrongPassword)), "{media_type}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_answer_and_never_a_refusal() {
        let doubled = r#"{"errorList":{"error":[{"errorCode":"401866"},{"errorCode":"GENERAL_ERROR"}]}}"#;
        for body in ["", "401866", "{\"errorList\":", "<a>401866</a>", "<!DOCTYPE a><a/>", "[]", "null", doubled] {
            let error = said(400, body).expect_err(body);
            assert_eq!((error.no_answer, error.sent), (NoAnswer::Protocol, Sent::Maybe), "{body}");
        }
        let deep = "<a>".repeat(20_000);
        assert!(said(400, &deep).is_err());
        let bare = "<web_service_result><errorMessage>a & b</errorMessage></web_service_result>";
        assert_eq!(said(503, bare).expect_err("an outage").no_answer, NoAnswer::Unreachable);
        assert!(said(204, "surprise").is_err() && said(200, "").is_err());
    }

    #[test]
    fn the_log_learns_codes_and_tracking_ids_and_nothing_else_of_a_body() {
        let error = said(400, &document("60229")).expect_err("a linked account");
        assert_eq!(error.detail, "HTTP 400, code 60229 tracking id E01-1");
        let hostile = said(400, &document("x\\n<script>planted")).expect_err("strange");
        assert!(!hostile.detail.contains(['\n', '<']), "{}", hostile.detail);
    }

    #[test]
    fn a_spent_day_is_asked_about_hourly_and_at_midnight() {
        for (now, wait) in [(NOW, 3_600), (NOW + 3_600 + 600, 3_000)] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            let body = Bytes::from(document("DAILY_THRESHOLD"));
            let answer = HttpAnswer { status: StatusCode::TOO_MANY_REQUESTS, headers, body };
            let error = conclude(&answer, now).expect_err("throttled");
            assert_eq!(error.no_answer, NoAnswer::Throttled(Some(Duration::from_secs(wait))));
        }
    }
}
