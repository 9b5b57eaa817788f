//! Heads that were refused before they became requests, and the reply to them as it stands on the wire.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It breaks HTTP's rules, or is of a version that is not spoken.
    Malformed,
    /// It did not come to its end in time.
    Slow,
    /// It is too large, or has too many fields.
    TooLarge,
}

/// The reply in bytes: what hyper refuses never comes to a service, so hyper cannot write it.
pub(crate) fn last_words(reply: &Response<Bytes>) -> Vec<u8> {
    let status = reply.status();
    let mut bytes = format!("HTTP/1.1 {} {}\r\n", status.as_str(), reason(status)).into_bytes();
    for (name, value) in reply.headers() {
        field(&mut bytes, name.as_str(), value.as_bytes());
    }
    field(&mut bytes, "connection", b"close");
    field(&mut bytes, "content-length", HeaderValue::from(reply.body().len()).as_bytes());
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()) {
        field(&mut bytes, "date", date.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(reply.body());
    bytes
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}
