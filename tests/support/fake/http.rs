//! The HTTP side of a fake server: it reads whole requests, counts them, and answers as its site or a fault says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::fake::fault::Fault;

/// A request as it arrived; names of headers in lower case.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HashMap<String, Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

/// What a fake server is about.
pub(crate) trait Site: Send + 'static {
    /// The bytes of an answer.
    fn answer(&mut self, request: &Request) -> String;

    /// Sees a request that a fault answers, or nobody.
    fn saw(&mut self, _request: &Request) {}
}

/// The bytes of an answer with a body.
pub(crate) fn reply(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A running server; it ends with its value.
pub(crate) struct FakeHttp<S> {
    address: SocketAddr,
    state: Arc<Mutex<State<S>>>,
    listening: Mutex<JoinHandle<()>>,
    tls: Option<TlsAcceptor>,
    /// Keeps the port while nobody listens there.
    _port: TcpSocket,
}

struct State<S> {
    site: S,
    /// The end of a path, and what goes wrong there.
    faults: Vec<(&'static str, Fault)>,
    /// The paths of all requests.
    seen: Vec<String>,
}

impl<S: Site> FakeHttp<S> {
    #[expect(clippy::unused_async, reason = "sockets are made within a runtime: whoever waits for this has one")]
    pub(crate) async fn start(site: S, tls: Option<TlsAcceptor>) -> Self {
        let port = shared_port(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = port.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { site, faults: Vec::new(), seen: Vec::new() }));
        let listener = shared_port(address).listen(1_024).expect("a listener");
        let listening = Mutex::new(tokio::spawn(listen(listener, Arc::clone(&state), tls.clone())));
        Self { address, state, listening, tls, _port: port }
    }

    /// Refuses connections from now on, and closes each that is kept as soon as something is asked there.
    pub(crate) fn close(&self) {
        self.fault("", Fault::HangUp);
        self.listening().abort();
    }

    /// Listens again.
    pub(crate) fn open(&self) {
        self.fault("", Fault::None);
        let listener = shared_port(self.address).listen(1_024).expect("a listener");
        *self.listening() = tokio::spawn(listen(listener, Arc::clone(&self.state), self.tls.clone()));
    }

    fn listening(&self) -> MutexGuard<'_, JoinHandle<()>> {
        self.listening.lock().expect("not poisoned")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().expect("not poisoned")
    }

    /// Looks at the site, or changes it.
    pub(crate) fn site<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.state().site)
    }

    /// What goes wrong from now on with requests whose path ends so; an empty end means all of them.
    pub(crate) fn fault(&self, path_end: &'static str, fault: Fault) {
        let faults = &mut self.state().faults;
        faults.retain(|(end, _)| *end != path_end);
        faults.push((path_end, fault));
    }

    /// How many requests came for paths that end so.
    pub(crate) fn requests(&self, path_end: &str) -> usize {
        self.state().seen.iter().filter(|path| path.ends_with(path_end)).count()
    }
}

impl<S> Drop for FakeHttp<S> {
    fn drop(&mut self) {
        if let Ok(listening) = self.listening.lock() {
            listening.abort();
        }
    }
}

/// A socket with an address that it may share with the one that listens there.
fn shared_port(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("shared");
    socket.bind(address).expect("an address");
    socket
}

async fn listen<S: Site>(listener: TcpListener, state: Arc<Mutex<State<S>>>, tls: Option<TlsAcceptor>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => drop(serve(stream, &state, |stream| drop(stream.set_zero_linger())).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(serve(stream, &state, |_| ()).await);
                    }
                }
            }
        });
    }
}

async fn serve<S: Site, T: AsyncRead + AsyncWrite + Unpin>(
    mut stream: T,
    state: &Mutex<State<S>>,
    reset: impl Fn(&T),
) -> std::io::Result<()> {
    let mut unread = Vec::new();
    while let Some(request) = read(&mut stream, &mut unread).await? {
        let fault = {
            let mut state = state.lock().expect("not poisoned");
            state.seen.push(request.path.clone());
            let fault = state.faults.iter().find(|(end, _)| request.path.ends_with(end));
            let fault = fault.map_or(Fault::None, |(_, fault)| fault.clone());
            if matches!(fault, Fault::Blackhole | Fault::HangUp | Fault::Raw(_)) {
                state.site.saw(&request);
            }
            fault
        };
        let is_last = matches!(fault, Fault::CloseAfter);
        match fault {
            Fault::None | Fault::CloseAfter => {}
            Fault::HangUp => return Ok(()),
            Fault::Slow(wait) => tokio::time::sleep(wait).await,
            Fault::Blackhole => std::future::pending::<()>().await,
            Fault::SlowBody => {
                let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"acc";
                stream.write_all(begun.as_bytes()).await?;
                std::future::pending::<()>().await;
            }
            Fault::Reset => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"error").await?;
                stream.flush().await?;
                reset(&stream);
                return Ok(());
            }
            Fault::Raw(bytes) => {
                stream.write_all(bytes.as_bytes()).await?;
                continue;
            }
        }
        let answer = state.lock().expect("not poisoned").site.answer(&request);
        stream.write_all(answer.as_bytes()).await?;
        if is_last {
            break;
        }
    }
    Ok(())
}

async fn read<T: AsyncRead + Unpin>(stream: &mut T, unread: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    let end = loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = unread.drain(..end + 4).collect();
    let mut lines = head[..end].split(|byte| *byte == b'\n');
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        // HTTP takes the blanks around a value for layout (RFC 9110, section 5.5).
        Some((String::from_utf8_lossy(&line[..colon]).to_lowercase(), line[colon + 1..].trim_ascii().to_vec()))
    });
    let headers: HashMap<String, Vec<u8>> = headers.collect();
    let length = headers.get("content-length").map_or(0, |length| {
        std::str::from_utf8(length).ok().and_then(|length| length.parse::<usize>().ok()).expect("a length")
    });
    while unread.len() < length {
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
    let body = unread.drain(..length).collect();
    Ok(Some(Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers, body }))
}
