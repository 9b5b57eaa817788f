//! One connection to a directory: one operation after the other, each answered before the next, nothing read without
//! an end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::domain::NoAnswer;
use crate::identity::ldap::ber::{Wiped, whole_length};
use crate::identity::ldap::message::{self, Entry, Message, Outcome, Response, Search};

/// The longest message that is read: an entry with the few attributes that are asked for is some hundred bytes long, a
/// root entry some thousand.
const MESSAGE_MAX: usize = 64 * 1024;
/// The most messages that answer one search: what was asked for, and where else could be searched.
const MESSAGES_MAX: usize = 64;

/// What carries bytes: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why an operation has no end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    /// The directory closed the connection, or said that it does.
    Closed,
    /// The connection failed.
    Lost(std::io::ErrorKind),
    /// What came is no answer.
    Strange(&'static str),
}

impl WireError {
    pub(crate) fn no_answer(&self) -> NoAnswer {
        match self {
            Self::Closed | Self::Lost(_) => NoAnswer::Unreachable,
            Self::Strange(_) => NoAnswer::Protocol,
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it closed the connection"),
            Self::Lost(kind) => write!(f, "the connection failed: {kind}"),
            Self::Strange(what) => f.write_str(what),
        }
    }
}

impl From<std::io::Error> for WireError {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(error.kind())
    }
}

/// A connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    last_id: u32,
}

/// What a search found.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) outcome: Outcome,
}

impl Connection {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new(), last_id: 0 }
    }

    /// Whether nothing came since the last answer: neither an end nor a notice that nobody asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let (mut byte, mut context) = ([0; 1], Context::from_waker(Waker::noop()));
        let mut buffer = ReadBuf::new(&mut byte);
        self.unread.is_empty() && Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer).is_pending()
    }

    /// Binds as `dn`, with a control when there is one.
    pub(crate) async fn bind(
        &mut self,
        dn: &str,
        password: &str,
        control: Option<&[u8]>,
    ) -> Result<Outcome, WireError> {
        let id = self.next_id();
        self.send(&message::bind(id, dn, password, control)).await?;
        match self.answer(id).await? {
            Response::Bind(outcome) => Ok(outcome),
            Response::Done(_) | Response::Entry(_) | Response::Extended(_) | Response::Reference => {
                Err(WireError::Strange("it answered a bind with something else"))
            }
        }
    }

    /// Searches. Continuation references are passed over: they are somebody else's to follow.
    pub(crate) async fn search(&mut self, asked: &Search<'_>) -> Result<Found, WireError> {
        let id = self.next_id();
        self.send(&message::search(id, asked)).await?;
        let mut entries = Vec::new();
        for _ in 0..MESSAGES_MAX {
            match self.answer(id).await? {
                Response::Done(outcome) => return Ok(Found { entries, outcome }),
                Response::Entry(entry) => entries.push(entry),
                Response::Reference => {}
                Response::Bind(_) | Response::Extended(_) => {
                    return Err(WireError::Strange("it answered a search with something else"));
                }
            }
        }
        Err(WireError::Strange("it answered a search with more than was asked for"))
    }

    /// Asks to go on in TLS, and gives the stream to do so. What was sent behind the answer, in clear, is refused: it
    /// would be taken for something that was said in TLS.
    pub(crate) async fn starttls(mut self) -> Result<(Outcome, Box<dyn Stream>), WireError> {
        let id = self.next_id();
        self.send(&message::starttls(id)).await?;
        let Response::Extended(outcome) = self.answer(id).await? else {
            return Err(WireError::Strange("it answered STARTTLS with something else"));
        };
        if !self.unread.is_empty() {
            return Err(WireError::Strange("it went on in clear after STARTTLS"));
        }
        Ok((outcome, self.stream))
    }

    /// Says that no more will be asked, without waiting.
    pub(crate) fn close(mut self) {
        let (id, mut context) = (self.next_id(), Context::from_waker(Waker::noop()));
        let end = message::unbind(id);
        // Politeness only: a connection that ends without it ends as well.
        let _ = Pin::new(&mut self.stream).poll_write(&mut context, &end);
        let _ = Pin::new(&mut self.stream).poll_flush(&mut context);
    }

    fn next_id(&mut self) -> u32 {
        self.last_id = if self.last_id >= i32::MAX.unsigned_abs() { 1 } else { self.last_id + 1 };
        self.last_id
    }

    async fn send(&mut self, request: &Wiped) -> Result<(), WireError> {
        self.stream.write_all(request).await?;
        Ok(self.stream.flush().await?)
    }

    async fn answer(&mut self, id: u32) -> Result<Response, WireError> {
        let Message { id: answered, response } = self.receive().await?;
        match response {
            // A notice of disconnection (RFC 4511, section 4.4.1).
            Response::Extended(_) if answered == 0 => Err(WireError::Closed),
            response if answered == id => Ok(response),
            _ => Err(WireError::Strange("it answered something that was not asked")),
        }
    }

    async fn receive(&mut self) -> Result<Message, WireError> {
        loop {
            let length = whole_length(&self.unread).map_err(|_| WireError::Strange("it does not speak LDAP"))?;
            if self.unread.first().is_some_and(|tag| *tag != message::MESSAGE) {
                return Err(WireError::Strange("it does not speak LDAP"));
            }
            match length {
                Some(length) if length > MESSAGE_MAX => {
                    return Err(WireError::Strange("it said more than is read at once"));
                }
                Some(length) if length <= self.unread.len() => {
                    let message = message::read(&self.unread[..length]);
                    self.unread.drain(..length);
                    return message.map_err(|_| WireError::Strange("it said something that cannot be understood"));
                }
                Some(_) | None => {}
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(WireError::Closed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::identity::ldap::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, element, number};

    fn outcome(id: u32, tag: u8, code: u32) -> Wiped {
        let empty = element(OCTETS, &[]);
        let operation = element(tag, &[&number(ENUMERATED, code), &empty, &empty]);
        element(SEQUENCE, &[&number(INTEGER, id), &operation])
    }

    /// A connection, and the directory's end of it, which has said `says` already.
    async fn told(says: &[u8]) -> (Connection, DuplexStream) {
        let (here, mut there) = duplex(1 << 20);
        there.write_all(says).await.expect("room");
        (Connection::new(here), there)
    }

    #[tokio::test]
    async fn what_is_no_answer_ends_the_conversation() {
        let strange = |what| Err(WireError::Strange(what));
        let long = [&[0x30, 0x84, 0, 1, 0, 1][..], &[0; 10]].concat();
        let cases: [(&[u8], Result<Outcome, WireError>); 8] = [
            (b"HTTP/1.1 400 Bad Request\r\n", strange("it does not speak LDAP")),
            (b"\x30\x80\x00\x00", strange("it does not speak LDAP")),
            (&long, strange("it said more than is read at once")),
            (&outcome(2, 0x61, 0), strange("it answered something that was not asked")),
            (&outcome(1, 0x65, 0), strange("it answered a bind with something else")),
            (&outcome(1, 0x6f, 0), strange("it said something that cannot be understood")),
            (&outcome(0, 0x78, 52), Err(WireError::Closed)),
            (&outcome(1, 0x61, 0), Ok(Outcome::default())),
        ];
        for (says, expected) in cases {
            let (mut connection, _there) = told(says).await;
            assert_eq!(connection.bind("cn=a", "planted", None).await, expected);
        }
        let (mut connection, mut there) = told(&outcome(1, 0x61, 0)[..9]).await;
        there.shutdown().await.expect("an end");
        assert_eq!(connection.bind("cn=a", "planted", None).await, Err(WireError::Closed), "half of an answer");
    }

    #[tokio::test]
    async fn nesting_as_deep_as_a_message_may_be_costs_nothing() {
        let mut nested = element(OCTETS, &[]);
        while nested.len() < 60_000 {
            nested = element(SEQUENCE, &[&nested]);
        }
        let (mut connection, _there) = told(&nested).await;
        let said = connection.bind("cn=a", "planted", None).await;
        assert_eq!(said, Err(WireError::Strange("it said something that cannot be understood")));
    }

    #[tokio::test]
    async fn a_search_without_an_end_has_one() {
        let reference = element(SEQUENCE, &[&number(INTEGER, 1), &element(0x73, &[&element(OCTETS, &[b"ldap://x"])])]);
        let asked =
            Search { base: "", scope: message::Scope::Subtree, filter: &[], attributes: &[], most: 2, seconds: 1 };
        let few = [reference.repeat(5), outcome(1, 0x65, 0).to_vec()].concat();
        let (mut connection, _there) = told(&few).await;
        assert!(connection.search(&asked).await.expect("an end").entries.is_empty());
        let (mut connection, _there) = told(&reference.repeat(100)).await;
        let error = connection.search(&asked).await.err().expect("too many");
        assert_eq!(error, WireError::Strange("it answered a search with more than was asked for"));
    }

    #[tokio::test]
    async fn a_connection_is_quiet_until_something_comes_or_it_ends() {
        let (mut connection, mut there) = told(&[]).await;
        assert!(connection.is_quiet() && connection.is_quiet());
        there.write_all(&outcome(0, 0x78, 52)).await.expect("room");
        assert!(!connection.is_quiet());
        let (mut connection, there) = told(&[]).await;
        drop(there);
        assert!(!connection.is_quiet());
    }

    #[tokio::test]
    async fn nothing_that_is_said_in_clear_counts_after_starttls() {
        let (connection, _there) = told(&[outcome(1, 0x78, 0).to_vec(), outcome(2, 0x61, 0).to_vec()].concat()).await;
        let error = connection.starttls().await.err().expect("refused");
        assert_eq!(error, WireError::Strange("it went on in clear after STARTTLS"));
    }

    #[tokio::test]
    async fn a_connection_ends_with_a_word() {
        let (connection, mut there) = told(&[]).await;
        connection.close();
        let mut said = Vec::new();
        there.read_to_end(&mut said).await.expect("an end");
        assert_eq!(said, *message::unbind(1));
    }
}
