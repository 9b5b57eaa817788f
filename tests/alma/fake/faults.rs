//! What can go wrong between a gateway and Alma.

use std::time::Duration;

/// How a fake Alma misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It takes the request and says nothing.
    Blackhole,
    /// It waits before it says anything.
    Slow(Duration),
    /// It begins an answer and never ends it.
    SlowBody,
    /// It resets the connection in the middle of its answer.
    Reset,
    /// These bytes stand in the place of its answer.
    Raw(String),
}

fn raw(status: &str, content_type: &str, body: &str) -> Fault {
    let length = body.len();
    Fault::Raw(format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"))
}

impl Fault {
    pub(crate) fn truncated_json() -> Self {
        raw(
            "400 Bad Request",
            "application/json",
            "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"4018",
        )
    }

    pub(crate) fn html() -> Self {
        raw("400 Bad Request", "text/html", "<html><body><h1>Sign in to the library network</h1></body></html>")
    }

    pub(crate) fn wrong_content_type() -> Self {
        raw("400 Bad Request", "application/json", "User authentication failed 401866")
    }

    pub(crate) fn lying_ok() -> Self {
        raw("200 OK", "application/json", "{\"ok\":true}")
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    }

    pub(crate) fn huge_body() -> Self {
        raw("400 Bad Request", "application/json", &format!("{{\"errorList\":\"{}\"}}", "x".repeat(70 * 1024)))
    }

    pub(crate) fn too_many(retry_after: Option<u32>) -> Self {
        let header = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        Self::Raw(format!("HTTP/1.1 429 Too Many Requests\r\n{header}Content-Length: 0\r\n\r\n"))
    }

    pub(crate) fn failing() -> Self {
        raw(
            "500 Internal Server Error",
            "application/json",
            "{\"errorsExist\":true,\"errorList\":{\"error\":[{\"errorCode\":\"GENERAL_ERROR\"}]}}",
        )
    }

    pub(crate) fn routing() -> Self {
        raw(
            "503 Service Unavailable",
            "application/xml",
            "<web_service_result><errorList><error><errorCode>ROUTING_ERROR</errorCode><errorMessage>here & there</errorMessage></error></errorList></web_service_result>",
        )
    }
}
