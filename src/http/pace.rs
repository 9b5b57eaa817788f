//! The pace of one connection: how long it may stand idle, how long a request's head may take, and whether a reply is
//! owed.
//!
//! hyper's own head time-out is also its idle time-out, and re-arms a timer for every request. Here a request costs
//! two stores: one timer a connection fires now and then and compares. Whenever it does, the connection is polled, and
//! with it a body that is being read, which watches its own deadline.
//!
//! hyper answers a head that it cannot read with a bare status, and has no hook for it. But then no reply is owed: what
//! it writes is swallowed here, and the listener says it better.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::http::settings::HttpLimits;

/// No deadline: a call is being answered under limits of its own.
const IN_CALL: u64 = u64::MAX;
/// Set in a stored deadline while nothing of a next head has arrived.
const IDLE: u64 = 1 << 63;
/// Set in the first deadline while nothing of the first head has arrived.
const SILENT: u64 = 1 << 62;
const MILLIS: u64 = !(IDLE | SILENT);

/// Deadlines of one connection, shared by its reader and its timer.
pub(crate) struct Pace {
    start: Instant,
    /// [`IN_CALL`], or milliseconds after `start`, with [`IDLE`] or [`SILENT`] set while no head has begun.
    deadline: AtomicU64,
    /// Whether a reply to a call may still stand in hyper's buffer: from the call's beginning until all is flushed.
    owed: AtomicBool,
    swallowed: AtomicBool,
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
        Self {
            start: Instant::now(),
            deadline: AtomicU64::new((head_ms & MILLIS) | SILENT),
            owed: AtomicBool::new(false),
            swallowed: AtomicBool::new(false),
            idle_ms,
            head_ms,
            tick_ms,
        }
    }

    /// A head is complete.
    pub(crate) fn call_begins(&self) {
        self.deadline.store(IN_CALL, Ordering::Relaxed);
        self.owed.store(true, Ordering::Relaxed);
    }

    /// A reply is on its way; the next request may come.
    pub(crate) fn call_ended(&self) {
        let idle_until = self.elapsed().saturating_add(self.idle_ms) & MILLIS;
        self.deadline.store(idle_until | IDLE, Ordering::Relaxed);
    }

    /// When the connection should be looked at next, or `None` when it is overdue now.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let now = self.elapsed();
        let due = match self.deadline.load(Ordering::Relaxed) {
            IN_CALL => u64::MAX,
            deadline => deadline & MILLIS,
        };
        (due > now).then(|| self.start + Duration::from_millis(due.min(now.saturating_add(self.tick_ms))))
    }

    /// Whether a head has begun to arrive.
    pub(crate) fn within_head(&self) -> bool {
        self.deadline.load(Ordering::Relaxed) & !MILLIS == 0
    }

    /// Whether a reply to a call may not be written as a whole.
    pub(crate) fn reply_owed(&self) -> bool {
        self.owed.load(Ordering::Relaxed)
    }

    /// Whether a reply was swallowed that no call had made.
    pub(crate) fn reply_swallowed(&self) -> bool {
        self.swallowed.load(Ordering::Relaxed)
    }

    fn bytes_arrived(&self) {
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline == IN_CALL {
            return;
        }
        if deadline & IDLE != 0 {
            let head_until = self.elapsed().saturating_add(self.head_ms) & MILLIS;
            self.deadline.store(head_until, Ordering::Relaxed);
        } else if deadline & SILENT != 0 {
            self.deadline.store(deadline & MILLIS, Ordering::Relaxed);
        }
    }

    /// hyper's buffer is empty. Within a call that was an interim reply.
    fn flushed(&self) {
        if self.owed.load(Ordering::Relaxed) && self.deadline.load(Ordering::Relaxed) != IN_CALL {
            self.owed.store(false, Ordering::Relaxed);
        }
    }

    /// Whether bytes about to be written are no call's reply, and so must not be.
    fn swallows(&self) -> bool {
        let swallows = !self.owed.load(Ordering::Relaxed);
        if swallows {
            self.swallowed.store(true, Ordering::Relaxed);
        }
        swallows
    }

    fn elapsed(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 1)
}

/// A stream that tells its pace when bytes arrive, and writes nothing but replies to calls.
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
        if self.pace.swallows() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pace.flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pace.reply_swallowed() {
            // The better reply is still to come.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.pace.swallows() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    #[tokio::test]
    async fn only_replies_to_calls_are_written() {
        let pace = pace();
        let (near, mut far) = tokio::io::duplex(64);
        let mut paced = Paced::new(near, &pace);
        pace.call_begins();
        for part in ["interim,", "reply"] {
            assert!(pace.reply_owed());
            paced.write_all(part.as_bytes()).await.expect("written");
            if part == "interim," {
                paced.flush().await.expect("flushed");
                pace.call_ended();
            }
        }
        paced.write_all(b" in two parts,").await.expect("written");
        paced.flush().await.expect("flushed");
        assert!(!pace.reply_owed() && !pace.reply_swallowed());

        paced.write_all(b"bare").await.expect("swallowed");
        paced.flush().await.expect("flushed");
        paced.shutdown().await.expect("left open");
        assert!(pace.reply_swallowed());
        paced.stream.write_all(b"better").await.expect("still open");
        drop(paced);
        let mut came = String::new();
        far.read_to_string(&mut came).await.expect("text");
        assert_eq!(came, "interim,reply in two parts,better");
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_came_is_within_no_head() {
        let pace = pace();
        assert!(!pace.within_head());
        pace.bytes_arrived();
        assert!(pace.within_head());
        pace.call_begins();
        assert!(!pace.within_head());
        pace.call_ended();
        assert!(!pace.within_head());
    }
}
