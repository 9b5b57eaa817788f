//! `/healthz`: every part as it stands.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Serialize;

use crate::domain::Timestamp;
use crate::telemetry::{ComponentView, Health, Status};

#[derive(Serialize)]
struct Document<'a> {
    status: &'static str,
    components: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    kind: &'static str,
    status: &'static str,
    since: String,
    last_success: Option<String>,
    error: Option<&'a str>,
}

/// The document, and its status: 200 unless a part has failed.
pub(crate) fn document(health: &Health) -> (StatusCode, Bytes) {
    let (worst, views) = health.view();
    let document = Document { status: worst.label(), components: views.iter().map(part).collect() };
    let status = match worst {
        Status::Ok | Status::Degraded => StatusCode::OK,
        Status::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    match serde_json::to_vec(&document) {
        Ok(json) => (status, Bytes::from(json)),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}

fn part(view: &ComponentView) -> Part<'_> {
    Part {
        name: &view.name,
        kind: view.kind,
        status: view.status.label(),
        since: spell(view.since),
        last_success: view.last_success.map(spell),
        error: view.error.as_deref(),
    }
}

/// RFC 3339 in UTC.
fn spell(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis()).map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_fixed_shape() {
        let health = Health::default();
        let at = Timestamp::from_millis;
        health.component("identity", "alma", at(0)).fails(Status::Degraded, "HTTP 503", at(1_500));
        let (status, json) = document(&health);
        assert_eq!(status, StatusCode::OK);
        let expected = r#"{"status":"degraded","components":[{"name":"alma","kind":"identity","status":"degraded","since":"1970-01-01T00:00:01.5Z","last_success":null,"error":"HTTP 503"}]}"#;
        assert_eq!(std::str::from_utf8(&json), Ok(expected));
        health.component("canary", "alma", at(0)).fails(Status::Failed, "let in", at(2));
        assert_eq!(document(&health).0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
