//! What HTTP itself asks of a request's head, and what is read from it.

use std::borrow::Cow;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Version as HttpVersion};

use crate::contract::Authorization;
use crate::gateway::{CallError, Presented};
use crate::soap::Version;

/// The media type of a request, taken apart.
pub(crate) struct MediaType {
    pub(crate) version: Version,
    pub(crate) taken: bool,
    pub(crate) charset: Option<Cow<'static, str>>,
}

impl MediaType {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            let absent = !headers.contains_key(header::CONTENT_TYPE);
            return Self { version: Version::Soap11, taken: absent, charset: None };
        };
        let mut parts = value.split(';');
        let essence = parts.next().unwrap_or_default().trim();
        let mut charsets = parts.filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("charset").then_some(value)
        });
        let charset = charsets.next();
        // Which of two would count is anybody's guess, and another guess at a proxy is a way around it.
        let once = charsets.next().is_none() && headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_none();
        let version = Version::of_media_type(essence);
        Self {
            version: version.unwrap_or(Version::Soap11),
            taken: once && (version.is_some() || essence.eq_ignore_ascii_case("application/xml")),
            // Nearly everybody says UTF-8: that costs no allocation.
            charset: charset.map(|charset| {
                if charset.eq_ignore_ascii_case("utf-8") {
                    Cow::Borrowed("utf-8")
                } else {
                    Cow::Owned(charset.to_owned())
                }
            }),
        }
    }
}

/// What HTTP itself asks of a POST.
pub(crate) fn acceptable<B>(request: &Request<B>, media: &MediaType) -> Result<(), CallError> {
    let headers = request.headers();
    if request.method() != Method::POST {
        return Err(CallError::MethodNotAllowed);
    }
    let identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if !media.taken || !headers.get_all(header::CONTENT_ENCODING).iter().all(identity) {
        return Err(CallError::MediaType);
    }
    // hyper takes every list that ends in "chunked" for chunks (RFC 9112, section 6.1 asks for 501).
    let chunked = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) if !headers.contains_key(header::CONTENT_LENGTH) => return Err(CallError::LengthRequired),
        (Some(only), None) if !chunked(only) => return Err(CallError::Coding),
        (Some(_), Some(_)) => return Err(CallError::Coding),
        (None, _) | (Some(_), None) => {}
    }
    // RFC 9110, section 10.1.1.
    let can_be_met = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue");
    if headers.get_all(header::EXPECT).iter().all(can_be_met) { Ok(()) } else { Err(CallError::Expectation) }
}

/// HTTP/1.1 requires exactly one Host field, and one that can be one (RFC 9112, section 3.2); hyper leaves that to us.
pub(crate) fn host_is_broken<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() == HttpVersion::HTTP_11,
        (Some(host), None) => !is_host(host.as_bytes()),
        (Some(_), Some(_)) => true,
    }
}

/// A name, an IPv4 address or an IPv6 address in brackets, perhaps a port; also nothing (RFC 9110, section 7.2).
fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let (sound, port) = if let Some(rest) = value.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        let sound = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
        (sound, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
    } else {
        let (name, port) = value.split_once(':').unwrap_or((value, ""));
        (name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&b)), Some(port))
    };
    sound && port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

pub(crate) fn asks_for_wsdl(query: &str) -> bool {
    query.split('&').any(|part| part.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("wsdl")))
}

pub(crate) fn wants_close(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

pub(crate) fn authorization(headers: &HeaderMap) -> Presented {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Presented::Once(Authorization::None),
        (Some(one), None) => Presented::Once(Authorization::read(one.as_bytes())),
        (Some(_), Some(_)) => Presented::Several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_perhaps_a_port() {
        for host in ["", "a", "soap.example.org", "127.0.0.1:8080", "[::1]", "[::1]:8080", "a:", "a_b", "%C3%A9"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["a b", "a/b", "a@b", "a:b", "a:1:2", "[::1", "::1", "[]", "[::1]x", "[g]", "a?b", "é", "a:8x", "<a>"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
