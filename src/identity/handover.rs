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
