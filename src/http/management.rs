//! The management listener: health for probes, metrics for scrapers. A poll costs nothing upstream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::http::listener::Handler;
use crate::http::unread::Unread;
use crate::telemetry::Metrics;

/// What keeps the server from being ready: each latch is set when its part is.
#[derive(Default)]
pub struct Readiness {
    started: AtomicBool,
    stopping: AtomicBool,
}

impl Readiness {
    /// Configuration, store and listeners are there.
    pub fn started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// The server is on its way down.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn state(&self) -> Result<(), &'static str> {
        if self.stopping.load(Ordering::Acquire) {
            Err("stopping")
        } else if self.started.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err("starting")
        }
    }
}

/// Serves health and metrics.
pub struct Management {
    readiness: Arc<Readiness>,
    metrics: Metrics,
}

impl Management {
    /// Serves this readiness and these metrics.
    #[must_use]
    pub fn new(readiness: Arc<Readiness>, metrics: Metrics) -> Self {
        Self { readiness, metrics }
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
            Err("starting") => plain(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        }
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
            "/readyz" => Self::latch(self.readiness.state()),
            "/startupz" => Self::latch(self.readiness.state().or_else(|why| match why {
                "starting" => Err(why),
                _ => Ok(()),
            })),
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
