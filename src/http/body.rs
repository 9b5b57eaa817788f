//! Reading a request's body within its size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use zeroize::Zeroize;

use crate::gateway::Body;

/// Reads `incoming` to its end, at most `limit` bytes of it, within `time`.
///
/// A body that announces more than `limit` is never polled, so that a client that waits for `100 Continue` keeps it.
pub(crate) async fn read(incoming: Incoming, limit: usize, time: Duration) -> Body {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Body::TooLarge;
    }
    tokio::time::timeout(time, collect(incoming, limit)).await.unwrap_or(Body::Slow)
}

async fn collect(mut incoming: Incoming, limit: usize) -> Body {
    let mut first = Bytes::new();
    let mut all = Wiped(BytesMut::new());
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return Body::Broken };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.0.len() + data.len() > limit {
            return Body::TooLarge;
        }
        if first.is_empty() && all.0.is_empty() {
            first = data;
            if incoming.is_end_stream() {
                break;
            }
        } else {
            all.0.extend_from_slice(&first);
            first = Bytes::new();
            all.0.extend_from_slice(&data);
        }
    }
    if all.0.is_empty() { Body::Whole(first) } else { Body::Whole(std::mem::take(&mut all.0).freeze()) }
}

/// A buffer that may hold a password and is wiped when a body is given up half-way.
struct Wiped(BytesMut);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.as_mut().zeroize();
    }
}
