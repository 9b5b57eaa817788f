//! Whether a request was handed over to a connection: before that no byte of it was sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use reqwest::{Body, Request};

/// Tells of one request.
pub(crate) struct Handover(Arc<AtomicBool>);

impl Handover {
    /// Watches `request`, which stays what it is.
    pub(crate) fn of(request: &mut Request) -> Self {
        let begun = Arc::new(AtomicBool::new(false));
        let body = request.body_mut().take().unwrap_or_default();
        *request.body_mut() = Some(Body::wrap(Watched { body, begun: Arc::clone(&begun) }));
        Self(begun)
    }

    /// Whether some of the request may have been written.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether nothing was written of a request that was given up, nor ever will be. A connection that has it already may
    /// be about to begin: only when the request is gone does nobody write it any more.
    pub(crate) fn never_began(mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some_and(|begun| !*begun.get_mut())
    }
}

/// A body that notices when it is asked for. A connection asks first of all whether there is one, as the head that it
/// writes before says so; nobody else does.
struct Watched {
    body: Body,
    begun: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.begun.store(true, Ordering::SeqCst);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.begun.store(true, Ordering::SeqCst);
        hyper::body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        hyper::body::Body::size_hint(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;

    use super::*;

    fn request() -> (Request, Handover) {
        let mut request = Request::new(reqwest::Method::GET, "http://127.0.0.1/".parse().expect("a URL"));
        let handover = Handover::of(&mut request);
        (request, handover)
    }

    #[test]
    fn nothing_was_sent_of_a_request_that_is_gone_before_it_was_begun() {
        let (request, handover) = request();
        drop(request);
        assert!(!handover.has_begun() && handover.never_began());
    }

    #[test]
    fn a_request_that_a_connection_has_may_be_sent_yet() {
        let (request, handover) = request();
        assert!(!handover.has_begun() && !handover.never_began());
        drop(request);
    }

    #[test]
    fn a_request_that_was_begun_was_sent_for_all_anybody_knows() {
        let (request, handover) = request();
        assert!(request.body().expect("a body").is_end_stream());
        drop(request);
        assert!(handover.has_begun() && !handover.never_began());
    }
}
