//! What can go wrong between a gateway and a service that speaks HTTP.

use std::time::Duration;

use crate::support::fake::http::reply;

/// How a fake server misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It takes the request and says nothing.
    Blackhole,
    /// It answers as it should, and then closes the connection without having said so.
    CloseAfter,
    /// It takes the request and closes the connection.
    HangUp,
    /// It waits before it says anything.
    Slow(Duration),
    /// It begins an answer and never ends it.
    SlowBody,
    /// It resets the connection in the middle of its answer.
    Reset,
    /// These bytes stand in the place of its answer.
    Raw(String),
}

impl Fault {
    /// An answer of this status, media type and body.
    pub(crate) fn raw(status: &str, content_type: &str, body: &str) -> Self {
        Self::Raw(reply(status, content_type, body))
    }

    pub(crate) fn html() -> Self {
        Self::raw("400 Bad Request", "text/html", "<html><body><h1>Sign in to the library network</h1></body></html>")
    }

    pub(crate) fn lying_ok() -> Self {
        Self::raw("200 OK", "application/json", "{\"ok\":true}")
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    }

    pub(crate) fn huge_body() -> Self {
        Self::raw("400 Bad Request", "application/json", &format!("{{\"error\":\"{}\"}}", "x".repeat(70 * 1024)))
    }

    pub(crate) fn too_many(retry_after: Option<u32>) -> Self {
        let header = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        Self::Raw(format!("HTTP/1.1 429 Too Many Requests\r\n{header}Content-Length: 0\r\n\r\n"))
    }
}
