//! What a fake Alma answers.

use std::time::Duration;

use soapgate::identity::{AlmaSettings, PasswordEncoding, ServiceSecret};
use tokio_rustls::TlsAcceptor;

use crate::fake::User;
use crate::support::fake::fault::Fault;
use crate::support::fake::http::{FakeHttp, Request, Site};

const KEY: &str = "l8xx-planted-key";

/// A running fake; it ends with its value.
pub(crate) struct FakeAlma(FakeHttp<Alma>);

struct Alma {
    users: Vec<User>,
    /// Identifiers that sign-ins came with, as they arrived.
    presented: Vec<String>,
    now: Duration,
    remaining: u64,
    may_write: bool,
}

impl FakeAlma {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::start_with(Some(acceptor)).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let alma =
            Alma { users: Vec::new(), presented: Vec::new(), now: Duration::ZERO, remaining: 100_000, may_write: true };
        Self(FakeHttp::start(alma, tls).await)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.0.address())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.address().port()
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

    /// The configuration of a gateway in front of it; `more` are further sections.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "server = {{ listen = \"127.0.0.1:0\" }}\nconsole = {{ listen = \"127.0.0.1:0\" }}\n\
             management = {{ listen = \"127.0.0.1:0\" }}\n\
             [[identity]]\nname = \"alma\"\nkind = \"alma\"\nbase_url = \"{}\"\napi_key = \"{}\"\n{more}\n\
             [[institution]]\ncode = \"01DEMO_INST\"\nidentity = \"alma\"\n[[route]]\ncontract = \"alma\"\n",
            self.base_url(),
            self.settings().api_key.expose(),
        )
    }

    pub(crate) fn add(&self, user: User) {
        self.0.site(|alma| alma.users.push(user));
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.0.fault("", fault);
    }

    /// Refuses connections until [`open`](Self::open).
    pub(crate) fn close(&self) {
        self.0.close();
    }

    pub(crate) fn open(&self) {
        self.0.open();
    }

    pub(crate) fn forbid_writing(&self) {
        self.0.site(|alma| alma.may_write = false);
    }

    pub(crate) fn set_remaining(&self, calls: u64) {
        self.0.site(|alma| alma.remaining = calls);
    }

    /// Moves the fake's own clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.site(|alma| alma.now += by);
    }

    fn user<T>(&self, identifier: &str, look: impl FnOnce(&mut User, Duration) -> T) -> T {
        self.0.site(|alma| {
            let user = alma.users.iter_mut().find(|user| user.is_called(identifier)).expect("a user");
            look(user, alma.now)
        })
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
        self.0.requests("")
    }

    /// How many requests about an identifier have arrived, answered or not.
    pub(crate) fn requests_about(&self, identifier: &str) -> usize {
        self.0.requests(&format!("/{identifier}"))
    }

    pub(crate) fn presented(&self) -> Vec<String> {
        self.0.site(|alma| alma.presented.clone())
    }
}

impl Site for Alma {
    fn answer(&mut self, request: &Request) -> String {
        answer(self, request)
    }

    fn saw(&mut self, request: &Request) {
        self.presented.push(identifier(request));
    }
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

fn answer(state: &mut Alma, request: &Request) -> String {
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
    let found = identifier(request);
    let writes = request.method == "POST";
    let is_test = request.path == "/almaws/v1/users/operation/test";
    let query = match (writes, is_test) {
        (_, true) => "",
        (true, false) => "user_id_type=all_unique&op=auth",
        (false, false) => "user_id_type=all_unique&view=full&expand=none",
    };
    if request.query != query {
        return error("400 Bad Request", "INVALID_REQUEST");
    }
    if writes && !state.may_write {
        return error("403 Forbidden", "FORBIDDEN");
    }
    if is_test {
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
