//! Reading a request's body within its size and time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use zeroize::Zeroize;

use crate::gateway::Body;

/// Reads `incoming` to its end, at most `limit` bytes of it, until `deadline`.
///
/// A body that announces more than `limit` is never polled, so that a client that waits for `100 Continue` keeps it.
/// No timer is set: the deadline is compared whenever the connection is polled, which its pace sees to.
pub(crate) async fn read(incoming: Incoming, limit: usize, deadline: Instant) -> Body {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Body::TooLarge;
    }
    let mut incoming = pin!(incoming);
    let mut gathered = Gathered { first: Bytes::new(), all: BytesMut::new() };
    poll_fn(|context| gathered.poll(incoming.as_mut(), limit, deadline, context)).await
}

/// What has arrived so far. Most bodies come in one piece, which is never copied; one that is given up half-way is
/// wiped, since it may hold a password.
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn poll(
        &mut self,
        mut incoming: Pin<&mut Incoming>,
        limit: usize,
        deadline: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Body> {
        loop {
            let data = match incoming.as_mut().poll_frame(context) {
                Poll::Pending if Instant::now() >= deadline => return Poll::Ready(Body::Slow),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(self.whole()),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Body::Broken),
                Poll::Ready(Some(Ok(frame))) => frame.into_data(),
            };
            // Trailers say nothing here.
            let Ok(data) = data else { continue };
            if self.first.len() + self.all.len() + data.len() > limit {
                return Poll::Ready(Body::TooLarge);
            }
            if self.first.is_empty() && self.all.is_empty() {
                self.first = data;
                if incoming.is_end_stream() {
                    return Poll::Ready(self.whole());
                }
            } else {
                self.all.extend_from_slice(&std::mem::take(&mut self.first));
                self.all.extend_from_slice(&data);
            }
        }
    }

    fn whole(&mut self) -> Body {
        let first = std::mem::take(&mut self.first);
        if self.all.is_empty() { Body::Whole(first) } else { Body::Whole(std::mem::take(&mut self.all).freeze()) }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.all.as_mut().zeroize();
    }
}
