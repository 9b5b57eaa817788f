//! The pace of one connection: how long it may stand idle, and how long a request's head may take.
//!
//! hyper's own head time-out is also its idle time-out, and re-arms a timer for every request. Here a request costs
//! two stores: one timer a connection fires now and then and compares. Whenever it does, the connection is polled, and
//! with it a body that is being read, which watches its own deadline.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::http::settings::HttpLimits;

/// No deadline: a call is being answered under limits of its own.
const IN_CALL: u64 = u64::MAX;
/// Set in a stored deadline while nothing of a next head has arrived.
const IDLE: u64 = 1 << 63;

/// Deadlines of one connection, shared by its reader and its timer.
pub(crate) struct Pace {
    start: Instant,
    /// [`IN_CALL`], or milliseconds after `start`, with [`IDLE`] set between requests.
    deadline: AtomicU64,
    idle_ms: u64,
    head_ms: u64,
    tick_ms: u64,
}

/// How far apart looks are: a fraction of the shortest limit, so that none is overrun by much.
const TICKS_PER_LIMIT: u64 = 8;
const TICK_MS_MAX: u64 = 1_000;

impl Pace {
    /// The pace of a connection that was just accepted: its first head is awaited at once.
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        let (idle_ms, head_ms) = (millis(limits.idle_time), millis(limits.head_time));
        let shortest = idle_ms.min(head_ms).min(millis(limits.body_time));
        let tick_ms = (shortest / TICKS_PER_LIMIT).clamp(1, TICK_MS_MAX);
        Self { start: Instant::now(), deadline: AtomicU64::new(head_ms), idle_ms, head_ms, tick_ms }
    }

    /// A head is complete.
    pub(crate) fn call_begins(&self) {
        self.deadline.store(IN_CALL, Ordering::Relaxed);
    }

    /// A reply is on its way; the next request may come.
    pub(crate) fn call_ended(&self) {
        let idle_until = self.elapsed().saturating_add(self.idle_ms) & !IDLE;
        self.deadline.store(idle_until | IDLE, Ordering::Relaxed);
    }

    /// When the connection should be looked at next, or `None` when it is overdue now.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let now = self.elapsed();
        let due = match self.deadline.load(Ordering::Relaxed) {
            IN_CALL => u64::MAX,
            deadline => deadline & !IDLE,
        };
        (due > now).then(|| self.start + Duration::from_millis(due.min(now.saturating_add(self.tick_ms))))
    }

    /// Whether a head has begun to arrive, or is awaited on a new connection.
    pub(crate) fn within_head(&self) -> bool {
        self.deadline.load(Ordering::Relaxed) & IDLE == 0
    }

    fn bytes_arrived(&self) {
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline != IN_CALL && deadline & IDLE != 0 {
            let head_until = self.elapsed().saturating_add(self.head_ms) & !IDLE;
            self.deadline.store(head_until, Ordering::Relaxed);
        }
    }

    fn elapsed(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 1)
}

/// A stream that tells its pace when bytes arrive.
pub(crate) struct Paced<'a, S> {
    stream: S,
    pace: &'a Pace,
}

impl<'a, S> Paced<'a, S> {
    pub(crate) fn new(stream: S, pace: &'a Pace) -> Self {
        Self { stream, pace }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pace.bytes_arrived();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let limits = HttpLimits::default();
        assert_eq!((limits.idle_time, limits.head_time), (Duration::from_mins(1), Duration::from_secs(10)));
        Pace::new(&limits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_own_time_once_its_first_byte_is_there() {
        let pace = pace();
        pace.call_begins();
        pace.call_ended();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(pace.next_look().is_some(), "still within its idle time");
        pace.bytes_arrived();
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.bytes_arrived();
        assert!(pace.next_look().is_some(), "still within its head time");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.next_look().is_none(), "one byte at a time does not stretch the head's time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_no_deadline_of_the_connection() {
        let pace = pace();
        pace.call_begins();
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(pace.next_look().is_some());
        pace.call_ended();
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(pace.next_look().is_none());
    }
}
