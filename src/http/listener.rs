//! The accept loop: connection cap, pace, graceful drain.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use crate::http::pace::{Pace, Paced};
use crate::http::settings::{HttpLimits, SharedLimits};
use crate::http::unread::{Unread, last_words};

/// Connections that the kernel may hold before they are accepted.
const BACKLOG: i32 = 1_024;

/// How long a connection that is over is read from, so that its last reply arrives.
const LINGER: Duration = Duration::from_secs(5);
const SCRAP_BYTES: usize = 16 * 1024;

/// The header fields that hyper takes unless it is told otherwise.
const HYPER_HEADER_FIELDS: usize = 100;

/// What answers the requests of a listener.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request from `peer`.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Answers a head from `peer` that could not be read; such a request never comes to [`Handler::handle`]. The
    /// connection closes behind it.
    fn unread(&self, peer: SocketAddr, why: Unread) -> Response<Bytes>;
}

/// Opens a listening socket. Port 0 takes a free one.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves `listener` until `stop` is cancelled, then returns once every connection has ended. The caller bounds how
/// long it waits.
pub async fn serve<H: Handler>(listener: TcpListener, handler: Arc<H>, limits: SharedLimits, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(limits.load().connections));
    let open = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&connections).acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (handler, limits, stop) = (Arc::clone(&handler), limits.load_full(), stop.clone());
                open.spawn(async move {
                    connection(stream, peer, &*handler, &limits, &stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, mostly: waiting lets running connections end.
                tracing::warn!(error = %error, "connection.not_accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn connection<H: Handler>(
    mut stream: TcpStream,
    peer: SocketAddr,
    handler: &H,
    limits: &HttpLimits,
    stop: &CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "connection.nodelay");
    }
    match requests(&mut stream, peer, handler, limits, stop).await {
        Ended::Early => Box::pin(linger(stream, Vec::new())).await,
        Ended::Idle | Ended::Overdue => {}
        Ended::Unread(why, turn) => {
            let reply = handler.unread(peer, why);
            let last = match turn {
                Turn::Ours => last_words(&reply),
                Turn::Taken => Vec::new(),
            };
            Box::pin(linger(stream, last)).await;
        }
    }
}

/// How the requests of a connection came to their end.
enum Ended {
    /// By our own word, while the client may still be sending.
    Early,
    /// Between two requests.
    Idle,
    /// The client took too long.
    Overdue,
    /// With a head that could not be read.
    Unread(Unread, Turn),
}

/// Whether a last reply of our own can follow what was written.
enum Turn {
    /// Every reply before it is complete, and hyper's was swallowed.
    Ours,
    /// Part of another reply may stand there.
    Taken,
}

impl Turn {
    fn ours(ours: bool) -> Self {
        if ours { Self::Ours } else { Self::Taken }
    }
}

async fn requests<H: Handler>(
    stream: &mut TcpStream,
    peer: SocketAddr,
    handler: &H,
    limits: &HttpLimits,
    stop: &CancellationToken,
) -> Ended {
    let pace = Pace::new(limits);
    let closing = AtomicBool::new(false);
    // Boxed at once: hyper moves a service's future several times.
    let service = service_fn(|request| {
        Box::pin(async {
            pace.call_begins();
            let response = handler.handle(request, peer).await;
            pace.call_ended();
            closing.store(response.headers().contains_key(header::CONNECTION), Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        })
    });
    let mut http = http1::Builder::new();
    if limits.header_fields != HYPER_HEADER_FIELDS {
        // Said or not, it holds; but once it is said, hyper clears that much memory for every request.
        http.max_headers(limits.header_fields);
    }
    let serving = http
        // Some clients say that they send no more, and then wait for their reply.
        .half_close(true)
        .max_buf_size(limits.head_bytes)
        .max_header_size(limits.head_bytes)
        .serve_connection(TokioIo::new(Paced::new(stream, &pace)), service);
    let mut serving = std::pin::pin!(serving);
    let mut look = std::pin::pin!(tokio::time::sleep_until(pace.next_look().unwrap_or_else(Instant::now)));
    let mut stopped = std::pin::pin!(stop.cancelled());
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => {
                if let Err(error) = &ended {
                    tracing::debug!(error = %error, "connection.ended");
                    if error.is_parse() {
                        let why = if error.is_parse_too_large() { Unread::TooLarge } else { Unread::Malformed };
                        // To HTTP/2's greeting hyper itself says nothing.
                        let silent = error.is_parse_version_h2() && !pace.reply_owed();
                        return Ended::Unread(why, Turn::ours(silent || pace.reply_swallowed()));
                    }
                }
                return if ended.is_err() || closing.load(Ordering::Relaxed) { Ended::Early } else { Ended::Idle };
            }
            () = look.as_mut() => {
                if let Some(next) = pace.next_look() {
                    look.as_mut().reset(next);
                    continue;
                }
                if pace.within_head() {
                    return Ended::Unread(Unread::Slow, Turn::ours(!pace.reply_owed()));
                }
                return Ended::Overdue;
            }
            () = stopped.as_mut(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Writes what is left to say, then reads what is still on its way and throws it away: closing with something unread
/// resets the connection, and a reset takes the reply from a client that sends everything before it reads, as most
/// toolkits do.
async fn linger(mut stream: TcpStream, last: Vec<u8>) {
    let reading = async {
        let mut scrap = Zeroizing::new(vec![0; SCRAP_BYTES]);
        stream.write_all(&last).await?;
        stream.shutdown().await?;
        while stream.read(&mut scrap).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whether the client closed, was reset or went on sending: nothing is owed to it any more.
    let _ = tokio::time::timeout(LINGER, reading).await;
}
