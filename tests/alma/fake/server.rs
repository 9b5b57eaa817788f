//! The HTTP side of a fake Alma.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use soapgate::identity::{AlmaSettings, PasswordEncoding, ServiceSecret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::fake::{Fault, User};

const KEY: &str = "l8xx-planted-key";

/// A running fake; it ends with its value.
pub(crate) struct FakeAlma {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    users: Vec<User>,
    fault: Fault,
    requests: usize,
    /// Identifiers that sign-ins came with, as they arrived.
    presented: Vec<String>,
    now: Duration,
    remaining: u64,
    may_write: bool,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, Vec<u8>>,
}

impl FakeAlma {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::start_with(Some(acceptor)).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let state = State { remaining: 100_000, may_write: true, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let listening = tokio::spawn(listen(listener, Arc::clone(&state), tls));
        Self { address, state, listening }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn settings(&self) -> AlmaSettings {
        AlmaSettings {
            base_url: self.base_url(),
            api_key: ServiceSecret::new(KEY.to_owned()),
            user_id_type: "all_unique".to_owned(),
            second_look: true,
            password_encoding: PasswordEncoding::Utf8,
            ca_file: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    pub(crate) fn add(&self, user: User) {
        self.state().users.push(user);
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    pub(crate) fn forbid_writing(&self) {
        self.state().may_write = false;
    }

    pub(crate) fn set_remaining(&self, calls: u64) {
        self.state().remaining = calls;
    }

    /// Moves the fake's own clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.state().now += by;
    }

    fn user<T>(&self, identifier: &str, look: impl FnOnce(&mut User, Duration) -> T) -> T {
        let mut state = self.state();
        let now = state.now;
        look(state.users.iter_mut().find(|user| user.is_called(identifier)).expect("a user"), now)
    }

    pub(crate) fn set_password(&self, identifier: &str, password: &str) {
        self.user(identifier, |user, _| user.password = Some(password.to_owned()));
    }

    /// How often it was asked whether a user's password is right.
    pub(crate) fn sign_ins(&self, identifier: &str) -> usize {
        self.user(identifier, |user, _| user.sign_ins)
    }

    pub(crate) fn failures(&self, identifier: &str) -> usize {
        self.user(identifier, |user, _| user.failures)
    }

    pub(crate) fn is_locked(&self, identifier: &str) -> bool {
        self.user(identifier, |user, now| user.is_locked(now))
    }

    pub(crate) fn requests(&self) -> usize {
        self.state().requests
    }

    pub(crate) fn presented(&self) -> Vec<String> {
        self.state().presented.clone()
    }
}

impl Drop for FakeAlma {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, state: Arc<Mutex<State>>, tls: Option<TlsAcceptor>) {
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

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    state: &Mutex<State>,
    reset: impl Fn(&S),
) -> std::io::Result<()> {
    let mut unread = Vec::new();
    while let Some(request) = read(&mut stream, &mut unread).await? {
        let fault = {
            let mut state = state.lock().expect("not poisoned");
            state.requests += 1;
            state.fault.clone()
        };
        match fault {
            Fault::None => {}
            Fault::Slow(wait) => tokio::time::sleep(wait).await,
            Fault::Blackhole => {
                note(state, &request);
                std::future::pending::<()>().await;
            }
            Fault::SlowBody => {
                stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Ty").await?;
                std::future::pending::<()>().await;
            }
            Fault::Reset => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"error").await?;
                stream.flush().await?;
                reset(&stream);
                return Ok(());
            }
            Fault::Raw(bytes) => {
                note(state, &request);
                stream.write_all(bytes.as_bytes()).await?;
                continue;
            }
        }
        let answer = answer(&mut state.lock().expect("not poisoned"), &request);
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Notes an identifier that a sign-in came with although no answer is given.
fn note(state: &Mutex<State>, request: &Request) {
    let identifier = identifier(request);
    state.lock().expect("not poisoned").presented.push(identifier);
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, unread: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
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
    Ok(Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
    }))
}

/// The one segment after `users/`, with its percent signs decoded.
fn identifier(request: &Request) -> String {
    let segment = request.path.rsplit('/').next().unwrap_or_default().as_bytes();
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        let hex =
            segment.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (segment[at], hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                at += 3;
            }
            (byte, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn answer(state: &mut State, request: &Request) -> String {
    state.remaining = state.remaining.saturating_sub(1);
    let left = state.remaining;
    let head = |status: &str| format!("HTTP/1.1 {status}\r\nX-Exl-Api-Remaining: {left}\r\n");
    let error = |status: &str, code: &str| {
        let body = serde_json::json!({
            "errorsExist": true,
            "errorList": { "error": [{
                "errorCode": code, "errorMessage": "as documented", "trackingId": "E01-1312124118-MORQS-AWAE1344225209",
            }] },
            "result": null,
        });
        let body = body.to_string();
        let length = body.len();
        format!(
            "{}Content-Type: application/json;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}",
            head(status)
        )
    };
    let key = format!("apikey {KEY}");
    if request.headers.get("authorization").map(Vec::as_slice) != Some(key.as_bytes()) {
        return error("400 Bad Request", "UNAUTHORIZED");
    }
    if request.query.contains("password=") || request.query.contains("apikey=") {
        return error("400 Bad Request", "INVALID_REQUEST");
    }
    let found = identifier(request);
    let writes = request.method == "POST";
    if writes && !state.may_write {
        return error("403 Forbidden", "FORBIDDEN");
    }
    if request.path == "/almaws/v1/users/operation/test" {
        return format!("{}Content-Length: 0\r\n\r\n", head("200 OK"));
    }
    if !request.path.starts_with("/almaws/v1/users/") || request.path.matches('/').count() != 4 {
        return error("400 Bad Request", "INVALID_REQUEST");
    }
    let now = state.now;
    if writes {
        state.presented.push(found.clone());
    }
    let Some(user) = state.users.iter_mut().find(|user| user.is_called(&found)) else {
        return error("400 Bad Request", "401861");
    };
    if !writes {
        let body = user.record();
        let length = body.len();
        return format!("{}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}", head("200 OK"));
    }
    let password = request.headers.get("exl-user-pw").map(Vec::as_slice).unwrap_or_default();
    if user.sign_in(password, now) {
        format!("{}\r\n", head("204 No Content"))
    } else {
        error("400 Bad Request", "401866")
    }
}
