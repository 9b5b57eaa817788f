//! The SOAP endpoint: HTTP's own rules, then the gateway, then HTTP again.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::NoAnswer;
use crate::gateway::{Body, Call, CallError, Endpoint, Gateway, Reply};
use crate::http::body;
use crate::http::head::{MediaType, acceptable, asks_for_wsdl, authorization, host_is_broken, wants_close};
use crate::http::listener::Handler;
use crate::http::settings::SharedLimits;

static INCIDENT: HeaderName = HeaderName::from_static("x-soapgate-incident");

/// What a request became before anything was waited for.
enum Begun {
    /// A call whose body is still to be read.
    Call(Box<Call>, Incoming, OwnedSemaphorePermit),
    /// Its reply.
    Done(Response<Full<Bytes>>),
}

/// Serves the gateway's routes.
pub struct SoapEndpoint {
    gateway: Arc<Gateway>,
    limits: SharedLimits,
    permits: Arc<Semaphore>,
    /// Calls that go on without their connection.
    detached: TaskTracker,
}

impl SoapEndpoint {
    /// An endpoint for the gateway's routes, with room for `limits.calls` calls at once.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, limits: SharedLimits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.load().calls));
        Self { gateway, limits, permits, detached: TaskTracker::new() }
    }

    /// Waits until every call has ended, also those whose clients are gone.
    pub async fn finish(&self) {
        self.detached.close();
        self.detached.wait().await;
    }

    /// All that needs no waiting: HTTP's own rules, the WSDL, finding the route and a permit. Sync, so that the
    /// request's head is gone before anything waits.
    fn begin(&self, request: Request<Incoming>, peer: SocketAddr) -> Begun {
        let media = MediaType::read(request.headers());
        let version = media.version;
        let refuse = |endpoint: Option<&Endpoint>, error| {
            Begun::Done(respond(self.gateway.refuse_request(version, peer.ip(), endpoint, error)))
        };
        if host_is_broken(&request) {
            return refuse(None, CallError::BadRequest);
        }
        let table = self.gateway.table();
        let Some(endpoint) = table.find(request.uri().path()).map(Arc::clone) else {
            return refuse(None, CallError::NotFound);
        };
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        if reads && request.uri().query().is_some_and(asks_for_wsdl) {
            return Begun::Done(wsdl(&endpoint));
        }
        if let Err(error) = acceptable(&request, &media) {
            return refuse(Some(&endpoint), error);
        }
        let (head, incoming) = request.into_parts();
        let received = Instant::now();
        let call = Call {
            table,
            endpoint,
            authorization: authorization(&head.headers),
            media_version: version,
            charset: media.charset,
            soap_action: head.headers.get("soapaction").map(|value| Box::from(value.as_bytes())),
            body: Body::Broken,
            source: peer.ip(),
            received,
            deadline: received,
        };
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Begun::Call(Box::new(call), incoming, permit),
            Err(_) => Begun::Done(respond(self.gateway.answer_without_trying(&call, NoAnswer::Throttled(None)))),
        }
    }

    /// The reply to a call, and whether something of its body was left unread.
    async fn call(
        &self,
        mut call: Box<Call>,
        incoming: Incoming,
        permit: OwnedSemaphorePermit,
    ) -> (Response<Full<Bytes>>, bool) {
        let limits = self.limits.load_full();
        let (version, source, endpoint) = (call.media_version, call.source, Arc::clone(&call.endpoint));
        call.body = body::read(incoming, limits.body_bytes, call.received + limits.body_time).await;
        let unread = !matches!(call.body, Body::Whole(_));
        call.received = Instant::now();
        call.deadline = call.received + limits.call_time;
        let gateway = Arc::clone(&self.gateway);
        let answering = Box::pin(async move {
            let _held = permit;
            gateway.answer(*call).await
        });
        let reply = self.run(answering).await;
        let reply =
            reply.unwrap_or_else(|| self.gateway.refuse_request(version, source, Some(&endpoint), CallError::Internal));
        if let Some(moment) = reply.not_before {
            tokio::time::sleep_until(moment).await;
        }
        (respond(reply), unread)
    }

    /// Runs a call to its end, whatever becomes of its connection. A call that needs nobody, as most do once a yes is
    /// remembered, ends here and now; any other goes on as a task of its own. `None` when it panicked.
    async fn run(&self, mut answering: Pin<Box<dyn Future<Output = Reply> + Send>>) -> Option<Reply> {
        let first = std::future::poll_fn(|context| {
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
            Poll::Ready(polled)
        });
        match first.await {
            Ok(Poll::Ready(reply)) => Some(reply),
            Ok(Poll::Pending) => self.detached.spawn(answering).await.ok(),
            Err(_) => None,
        }
    }
}

impl Handler for SoapEndpoint {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let asked_to_close = wants_close(request.headers());
        let has_body = !request.body().is_end_stream();
        let (mut response, unread) = match self.begin(request, peer) {
            Begun::Call(call, incoming, permit) => self.call(call, incoming, permit).await,
            Begun::Done(response) => (response, has_body),
        };
        // What was not read of a body cannot be told from a next request, and Node's agent keeps a connection whose
        // reply does not say close (node 20, strong-soap).
        if asked_to_close || unread {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn unread(&self, peer: SocketAddr, why: &'static str) {
        self.gateway.note_unread(peer.ip(), why);
    }
}

fn wsdl(endpoint: &Endpoint) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(endpoint.wsdl()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.version.media_type()));
    for (name, value) in reply.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(incident) = reply.incident
        && let Ok(value) = HeaderValue::from_str(incident.as_str())
    {
        headers.insert(INCIDENT.clone(), value);
    }
    response
}
