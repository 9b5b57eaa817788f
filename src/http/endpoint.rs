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
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::NoAnswer;
use crate::gateway::{Body, Call, CallError, Endpoint, Gateway, LifecycleFields, Reply, UserAgent};
use crate::http::body;
use crate::http::head::{MediaType, acceptable, asks_for_wsdl, authorization, host_is_broken, wants_close};
use crate::http::listener::Handler;
use crate::http::room::{Permit, Room};
use crate::http::settings::SharedLimits;
use crate::http::unread::Unread;
use crate::soap::Version;

static INCIDENT: HeaderName = HeaderName::from_static("x-soapgate-incident");
static DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
static SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
static SUNSET: HeaderName = HeaderName::from_static("sunset");
/// Checked when this is compiled, and not for every reply.
static TYPE_11: HeaderValue = HeaderValue::from_static(Version::Soap11.media_type());
static TYPE_12: HeaderValue = HeaderValue::from_static(Version::Soap12.media_type());

/// What a request became before anything was waited for.
enum Begun {
    /// A call whose body is still to be read.
    Call(Box<Call>, Incoming, Permit),
    /// Its reply.
    Done(Response<Full<Bytes>>),
}

/// Serves the gateway's routes.
pub struct SoapEndpoint {
    room: Arc<Room>,
    limits: SharedLimits,
    /// Calls that go on without their connection.
    detached: TaskTracker,
}

impl SoapEndpoint {
    /// An endpoint for the gateway's routes, with room for `limits.calls` calls at once.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, limits: SharedLimits) -> Self {
        let room = Arc::new(Room::new(gateway, limits.load().calls));
        Self { room, limits, detached: TaskTracker::new() }
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
            Begun::Done(respond(self.room.gateway().refuse_request(version, peer.ip(), endpoint, error)))
        };
        if host_is_broken(&request) {
            return refuse(None, CallError::BadRequest);
        }
        let Some(place) = self.room.gateway().place(request.uri().path()) else {
            return refuse(None, CallError::NotFound);
        };
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        if reads && request.uri().query().is_some_and(asks_for_wsdl) {
            return Begun::Done(wsdl(place.endpoint()));
        }
        if let Err(error) = acceptable(&request, &media) {
            return refuse(Some(place.endpoint()), error);
        }
        let (head, incoming) = request.into_parts();
        let received = Instant::now();
        let call = Call {
            place,
            authorization: authorization(&head.headers),
            media_version: version,
            charset: media.charset,
            soap_action: head.headers.get(&SOAP_ACTION).map(|value| Box::from(value.as_bytes())),
            agent: head
                .headers
                .get(header::USER_AGENT)
                .map_or_else(UserAgent::default, |agent| UserAgent::read(agent.as_bytes())),
            body: Body::Broken,
            source: peer.ip(),
            received,
            deadline: received,
        };
        if let Some(permit) = self.room.enter() {
            return Begun::Call(Box::new(call), incoming, permit);
        }
        Begun::Done(respond(self.room.gateway().answer_without_trying(call, NoAnswer::Throttled(None))))
    }

    /// The reply to a call, and whether something of its body was left unread.
    async fn call(&self, mut call: Box<Call>, incoming: Incoming, permit: Permit) -> (Response<Full<Bytes>>, bool) {
        let (body_bytes, body_time, call_time) = {
            let limits = self.limits.load();
            (limits.body_bytes, limits.body_time, limits.call_time)
        };
        let (version, source, route) = (call.media_version, call.source, call.place.mark());
        call.body = body::read(incoming, body_bytes, call.received + body_time).await;
        let unread = !matches!(call.body, Body::Whole(_));
        call.received = Instant::now();
        call.deadline = call.received + call_time;
        let answering = Box::pin(async move { permit.gateway().answer(*call).await });
        let reply = self.run(answering).await.unwrap_or_else(|| {
            let gateway = self.room.gateway();
            let table = gateway.table();
            gateway.refuse_request(version, source, table.marked(route), CallError::Internal)
        });
        if let Some(moment) = reply.not_before {
            Box::pin(tokio::time::sleep_until(moment)).await;
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

    fn unread(&self, peer: SocketAddr, why: Unread) -> Response<Bytes> {
        let error = match why {
            Unread::Malformed => CallError::HeadMalformed,
            Unread::Slow => CallError::HeadSlow,
            Unread::TooLarge => CallError::HeadTooLarge,
        };
        written(self.room.gateway().refuse_head(peer.ip(), &error))
    }
}

fn wsdl(endpoint: &Endpoint) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(endpoint.wsdl()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    if let Some(lifecycle) = endpoint.lifecycle() {
        say_end(response.headers_mut(), lifecycle);
    }
    response
}

fn respond(reply: Reply) -> Response<Full<Bytes>> {
    written(reply).map(Full::new)
}

fn written(reply: Reply) -> Response<Bytes> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let media_type = match reply.version {
        Version::Soap11 => &TYPE_11,
        Version::Soap12 => &TYPE_12,
    };
    headers.insert(header::CONTENT_TYPE, media_type.clone());
    for (name, value) in reply.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(lifecycle) = &reply.lifecycle {
        say_end(headers, lifecycle);
    }
    if let Some(incident) = reply.incident
        && let Ok(value) = HeaderValue::from_str(incident.as_str())
    {
        headers.insert(INCIDENT.clone(), value);
    }
    response
}

/// Says since when the route is deprecated (RFC 9745) and when it ends (RFC 8594).
fn say_end(headers: &mut HeaderMap, lifecycle: &LifecycleFields) {
    for (name, text) in [(&DEPRECATION, &lifecycle.deprecation), (&SUNSET, &lifecycle.sunset)] {
        if let Some(value) = text.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(name.clone(), value);
        }
    }
}
