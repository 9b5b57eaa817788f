//! The load: PHP's request, over and over, on a few connections that stay open.

use std::net::SocketAddr;

use anyhow::ensure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) const INTEGRATION: &str = "AlmaSDK-bench-institutionCode-01DEMO_INST";
pub(crate) const INTEGRATION_SECRET: &str = "integration-bench";
pub(crate) const USER: &str = "reader";
pub(crate) const PASSWORD: &str = "a&b<c reads a lot";
pub(crate) const PASSWORD_ESCAPED: &str = "a&amp;b&lt;c reads a lot";

const CONNECTIONS: usize = 4;
/// What stands in an acceptance and in nothing else.
const ACCEPTED: &[u8] = b"&lt;result&gt;true&lt;/result&gt;";
const REFUSED: &[u8] = b"&lt;result&gt;false&lt;/result&gt;";

/// The body as PHP's `SoapClient` writes it; the texts are escaped already.
pub(crate) fn body(user: &str, password: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope \
     xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:ns1=\"http://alma.exlibris.com/\">\
     <SOAP-ENV:Body><ns1:authenticateUser><arg0>{user}</arg0><arg1>{password}</arg1>\
     </ns1:authenticateUser></SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
    )
}

/// The value of the Authorization field.
pub(crate) fn authorization() -> String {
    format!("Basic {}", STANDARD.encode(format!("{INTEGRATION}:{INTEGRATION_SECRET}")))
}

/// The whole request as PHP writes it.
pub(crate) fn request(address: SocketAddr, body: &str) -> Vec<u8> {
    format!(
        "POST /almaws/repository/UserAuthenticationWebServices HTTP/1.1\r\nHost: {address}\r\nConnection: Keep-Alive\r\n\
         User-Agent: PHP-SOAP/8.2.29\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"authenticateUser\"\r\n\
         Content-Length: {}\r\nAuthorization: {}\r\n\r\n{body}",
        body.len(),
        authorization()
    )
    .into_bytes()
}

/// What the load presents, and so what it must be told.
#[derive(Clone, Copy)]
pub(crate) enum Guess {
    Right,
    /// The same wrong password every time, as a stuck integration does.
    Wrong,
}

/// Connections to one server that stay open, and what is sent on them.
pub(crate) struct Load(Vec<Connection>);

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    told: &'static [u8],
    buffer: Vec<u8>,
}

impl Load {
    pub(crate) async fn connect(address: SocketAddr, guess: Guess) -> anyhow::Result<Self> {
        let (password, told) = match guess {
            Guess::Right => (PASSWORD_ESCAPED, ACCEPTED),
            Guess::Wrong => ("a stale one of length", REFUSED),
        };
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let request = request(address, &body(USER, password));
            connections.push(Connection { stream, request, told, buffer: vec![0; 4_096] });
        }
        Ok(Self(connections))
    }

    /// Makes `calls` calls and sees that each is told what it must be.
    pub(crate) async fn run(&mut self, calls: usize) -> anyhow::Result<()> {
        let mut running = JoinSet::new();
        for connection in self.0.drain(..) {
            running.spawn(connection.converse(calls / CONNECTIONS));
        }
        while let Some(ended) = running.join_next().await {
            self.0.push(ended??);
        }
        Ok(())
    }
}

impl Connection {
    async fn converse(mut self, calls: usize) -> anyhow::Result<Self> {
        for _ in 0..calls {
            let length = exchange(&mut self.stream, &self.request, &mut self.buffer).await?;
            let reply = &self.buffer[..length];
            ensure!(
                reply.windows(self.told.len()).any(|part| part == self.told),
                "told otherwise: {}",
                String::from_utf8_lossy(reply)
            );
        }
        Ok(self)
    }
}

/// Sends one request and reads one reply into `buffer`; its length.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> anyhow::Result<usize> {
    stream.write_all(request).await?;
    let mut length = 0;
    // Every server's replies end with the envelope.
    while !buffer[..length].ends_with(b"</S:Envelope>") {
        let more = stream.read(&mut buffer[length..]).await?;
        ensure!(more > 0, "the server broke off after {:?}", String::from_utf8_lossy(&buffer[..length]));
        length += more;
    }
    Ok(length)
}
