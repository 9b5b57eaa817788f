//! The management listener: health for probes, metrics for scrapers. A poll costs nothing upstream.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::http::health::document;
use crate::http::listener::Handler;
use crate::http::readiness::Readiness;
use crate::http::unread::Unread;
use crate::telemetry::{Health, Metrics};

/// Serves health and metrics.
pub struct Management {
    readiness: Arc<Readiness>,
    metrics: Metrics,
    health: Health,
}

impl Management {
    /// Serves these.
    #[must_use]
    pub fn new(readiness: Arc<Readiness>, metrics: Metrics, health: Health) -> Self {
        Self { readiness, metrics, health }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        match self.metrics.encode() {
            Ok(text) => {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
                );
                response
            }
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
        }
    }

    fn latch(state: Result<(), &'static str>) -> Response<Full<Bytes>> {
        match state {
            Ok(()) => plain(StatusCode::OK, "ok\n"),
            Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        }
    }

    fn health(&self) -> Response<Full<Bytes>> {
        let (status, json) = document(&self.health);
        let mut response = Response::new(Full::new(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Handler for Management {
    async fn handle(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" => plain(StatusCode::OK, "ok\n"),
            "/readyz" => Self::latch(self.readiness.is_ready()),
            "/startupz" => Self::latch(self.readiness.has_started()),
            "/healthz" => self.health(),
            "/metrics" => self.metrics(),
            _ => plain(StatusCode::NOT_FOUND, "nothing is served here\n"),
        }
    }

    fn unread(&self, _: SocketAddr, why: Unread) -> Response<Bytes> {
        match why {
            Unread::Malformed => text(StatusCode::BAD_REQUEST, "the request is malformed\n"),
            Unread::Slow => text(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time\n"),
            Unread::TooLarge => {
                text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too large\n")
            }
        }
    }
}

fn plain(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    text(status, words).map(Full::new)
}

fn text(status: StatusCode, words: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(words.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
