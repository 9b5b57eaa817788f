//! A client that sends request bytes exactly as they are and reads replies exactly, one at a time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take before a test gives it up: far above every limit that a test sets.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes that came after the last reply.
    ahead: Vec<u8>,
}

/// One reply, byte for byte.
pub(crate) struct Reply {
    /// Interim replies, each with its empty line.
    pub(crate) interim: Vec<u8>,
    /// Status line and header fields, each with its line end, without the empty line.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await.expect("in time").expect("a connection");
        stream.set_nodelay(true).expect("small pieces leave at once");
        Self { stream, ahead: Vec::new() }
    }

    /// Sends bytes; false when the server does not take them any more.
    pub(crate) async fn offer(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("in time").is_ok()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        assert!(self.offer(bytes).await, "the server does not read");
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish_sending(&mut self) {
        // A server that has closed already has nothing left to be told.
        let _ = self.stream.shutdown().await;
    }

    /// The next reply to a request that may have a body in its reply; `None` when the connection ends instead.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        self.reply_to("POST").await
    }

    /// The next reply to a request of this method.
    pub(crate) async fn reply_to(&mut self, method: &str) -> Option<Reply> {
        let mut interim = Vec::new();
        loop {
            let head = self.head().await?;
            let status: u16 = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
            if status < 200 {
                interim.extend_from_slice(head.as_bytes());
                interim.extend_from_slice(b"\r\n");
                continue;
            }
            let mut reply = Reply { interim, head, body: Vec::new() };
            assert_eq!(reply.header("transfer-encoding"), None, "every reply says its length");
            let length = reply.header("content-length").map(|length| length.parse().expect("a number"));
            if method != "HEAD" {
                reply.body = match length {
                    Some(length) => self.take(length).await.expect("the whole body"),
                    None => self.rest().await,
                };
            }
            return Some(reply);
        }
    }

    /// The head of the next interim or final reply, without its empty line.
    pub(crate) async fn interim(&mut self) -> String {
        self.head().await.expect("a reply")
    }

    /// Whether something to read comes within this time: bytes, or the end.
    pub(crate) async fn readable_within(&mut self, time: Duration) -> bool {
        !self.ahead.is_empty() || timeout(time, self.stream.readable()).await.is_ok()
    }

    /// Whether the connection ends within this time.
    pub(crate) async fn ended_within(&mut self, time: Duration) -> bool {
        let read = timeout(time, self.stream.read_buf(&mut self.ahead)).await;
        read.is_ok_and(|read| read.unwrap_or(0) == 0)
    }

    /// Everything until the server closes the connection, whichever way it does.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.ahead)
    }

    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.ahead.drain(..end + 4).take(end + 2).collect();
                return Some(String::from_utf8(head).expect("a head in ASCII"));
            }
            if !self.more().await {
                assert!(self.ahead.is_empty(), "the connection ended within a head");
                return None;
            }
        }
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.ahead.drain(..length).collect())
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await.expect("in time");
        // A reset is an end as well: the server closed with something of ours unread.
        read.is_ok_and(|count| count > 0)
    }
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status")
    }

    /// The value of a header field that stands there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands there once");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }
}

/// Sends one request on a connection of its own and reads its reply.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    connection.reply().await.expect("a reply")
}
