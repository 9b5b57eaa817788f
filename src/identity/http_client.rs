//! The HTTP client of the adapters that speak HTTP: nothing is redirected, nothing is sent twice, nothing large is read.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use crate::domain::NoAnswer;
use crate::identity::adapter_error::AdapterError;
use crate::identity::connect_time::{CONNECT_MAX, connect_by};
use crate::identity::handover::Handover;
use crate::identity::port::IdentityError;

/// How long a connection may stand idle: less than the minute after which services and load balancers close them, so
/// that no question is written to one that is being closed.
const IDLE: Duration = Duration::from_secs(30);
/// The longest that a service is left alone because of `Retry-After`: the word may be a proxy's.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);
/// The longest body that is read.
const BODY_MAX: usize = 64 * 1024;

/// An answer, read whole.
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpAnswer {
    /// The media type of the body in lower case, without its parameters; empty where there is none.
    pub(crate) fn media_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// How long to stay away, as `Retry-After` says: seconds, or a date (RFC 9110, section 10.2.3). Ten minutes at most.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        let wait = date.duration_since(jiff::Timestamp::now());
        Some(Duration::try_from(wait).unwrap_or_default().min(RETRY_AFTER_MAX))
    }
}

/// Pooled connections with one set of rules.
pub(crate) struct HttpClient(Client);

impl HttpClient {
    /// A client that trusts the system's certificates and those in `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, AdapterError> {
        install_tls();
        let mut builder = Client::builder()
            .user_agent(concat!("soapgate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE);
        if let Some(file) = ca_file {
            let pem = std::fs::read(file).map_err(|error| AdapterError::ca_file(file, error))?;
            let bundle = Certificate::from_pem_bundle(&pem).map_err(|error| AdapterError::ca_file(file, error))?;
            if bundle.is_empty() {
                return Err(AdapterError::ca_file(file, "holds no certificate"));
            }
            builder = builder.tls_certs_merge(bundle);
        }
        builder.build().map(Self).map_err(|error| AdapterError::new(format!("no HTTP client: {}", causes(&error))))
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.0.request(method, url)
    }

    /// Sends once and reads the answer, within the deadline. hyper itself sends a second time only what it did not
    /// begin to write, because a kept connection turned out to be closed.
    pub(crate) async fn send(&self, request: RequestBuilder, deadline: Instant) -> Result<HttpAnswer, IdentityError> {
        let mut request = request.build().map_err(|error| unanswered(&error))?;
        let handover = Handover::of(&mut request);
        let mut exchange = Box::pin(async {
            let response = self.0.execute(request).await.map_err(|error| unanswered(&error))?;
            read(response).await
        });
        if let Ok(said) = timeout_at(connect_by(deadline), &mut exchange).await {
            return said;
        }
        if !handover.has_begun() {
            // Given up first: a connection that came about just now may have it.
            drop(exchange);
            let sent = if handover.never_began() { IdentityError::unsent } else { IdentityError::sent };
            return Err(sent(NoAnswer::Unreachable, "no connection came about in time"));
        }
        timeout_at(deadline, exchange)
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")))
    }
}

async fn read(mut response: Response) -> Result<HttpAnswer, IdentityError> {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_MAX => {
                let detail = format!("HTTP {} with more than {BODY_MAX} bytes", status.as_u16());
                return Err(IdentityError::sent(NoAnswer::Protocol, detail));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(HttpAnswer { status, headers, body: body.freeze() }),
            Err(error) => return Err(unanswered(&error)),
        }
    }
}

/// An error without its address, which may hold an identifier. Nothing was sent where no connection came about: that
/// includes its TLS, so a certificate that cannot be trusted costs no attempt.
fn unanswered(error: &reqwest::Error) -> IdentityError {
    let detail = causes(error);
    match (error.is_connect(), error.is_timeout()) {
        (true, _) => IdentityError::unsent(NoAnswer::Unreachable, detail),
        (false, true) => IdentityError::sent(NoAnswer::TimedOut, detail),
        (false, false) => IdentityError::sent(NoAnswer::Unreachable, detail),
    }
}

/// What an error says and what caused it, outermost last but one: the address stands in the outermost alone.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    if texts.is_empty() { "the request failed".to_owned() } else { texts.join(": ") }
}

/// Says once which cryptography rustls uses.
pub(crate) fn install_tls() {
    // Whoever was first said the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(retry_after: &str) -> HttpAnswer {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a value"));
        HttpAnswer { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Bytes::new() }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(answer("7").retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(answer("Wed, 21 Oct 2015 07:28:00 GMT").retry_after(), Some(Duration::ZERO));
        for far in ["Wed, 21 Oct 2099 07:28:00 GMT", "86400", "18446744073709551615"] {
            assert_eq!(answer(far).retry_after(), Some(RETRY_AFTER_MAX), "{far}");
        }
        assert_eq!(answer("soon").retry_after(), None);
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        for content in [None, Some("no certificate")] {
            if let Some(content) = content {
                std::fs::write(&file, content).expect("written");
            }
            let error = HttpClient::new(Some(&file)).err().expect("refused").to_string();
            assert!(error.starts_with("ca_file ") && error.contains("ca.pem"), "{error}");
        }
    }
}
