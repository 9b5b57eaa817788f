//! Requests as tests write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The integration of the demo data.
const INTEGRATION: (&str, &str) = ("AlmaSDK-demo-institutionCode-01DEMO_INST", "integration-demo");
const ALMA_PATH: &str = "/almaws/repository/UserAuthenticationWebServices";

/// A POST with a length, to be sent by `exchange`.
pub(crate) struct Post {
    path: String,
    fields: String,
    body: Vec<u8>,
}

impl Post {
    pub(crate) fn new(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), fields: String::new(), body: body.into() }
    }

    /// Adds one header field.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// The head with its empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let Self { path, fields, body } = self;
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: text/xml\r\n{fields}Content-Length: {length}\r\n\r\n"
        )
        .into_bytes()
    }

    /// The whole request.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// The value of an `Authorization` field.
pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A sign-in at Alma's own path, by the demo's integration.
pub(crate) fn alma(user: &str, password: &str) -> Post {
    Post::new(ALMA_PATH, alma_envelope(user, password)).with("Authorization", &basic(INTEGRATION.0, INTEGRATION.1))
}

/// Alma's message, values escaped.
pub(crate) fn alma_envelope(user: &str, password: &str) -> String {
    let (user, password) = (escaped(user), escaped(password));
    envelope(&format!(
        "<a:authenticateUser xmlns:a=\"http://alma.exlibris.com/\"><arg0>{user}</arg0><arg1>{password}</arg1>\
         </a:authenticateUser>"
    ))
}

/// The message of the `authenticate` contract, values escaped.
pub(crate) fn authenticate_envelope(user: &str, password: &str) -> String {
    let (user, password) = (escaped(user), escaped(password));
    envelope(&format!(
        "<n:authenticateUser xmlns:n=\"urn:soapgate:authenticate:1\"><n:userName>{user}</n:userName>\
         <n:password>{password}</n:password></n:authenticateUser>"
    ))
}

fn envelope(body: &str) -> String {
    format!("<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>{body}</S:Body></S:Envelope>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
