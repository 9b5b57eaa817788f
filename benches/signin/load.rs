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

const CONNECTIONS: usize = 4;
/// What stands in an acceptance and in nothing else.
const ACCEPTED: &[u8] = b"&lt;result&gt;true&lt;/result&gt;";

/// The body as PHP's `SoapClient` writes it.
pub(crate) fn body() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope \
     xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:ns1=\"http://alma.exlibris.com/\">\
     <SOAP-ENV:Body><ns1:authenticateUser><arg0>reader</arg0><arg1>a&amp;b&lt;c reads a lot</arg1>\
     </ns1:authenticateUser></SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
        .to_owned()
}

/// The value of the Authorization field.
pub(crate) fn authorization() -> String {
    format!("Basic {}", STANDARD.encode(format!("{INTEGRATION}:{INTEGRATION_SECRET}")))
}

fn request(address: SocketAddr) -> Vec<u8> {
    let body = body();
    format!(
        "POST /almaws/repository/UserAuthenticationWebServices HTTP/1.1\r\nHost: {address}\r\nConnection: Keep-Alive\r\n\
         User-Agent: PHP-SOAP/8.2.29\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"authenticateUser\"\r\n\
         Content-Length: {}\r\nAuthorization: {}\r\n\r\n{body}",
        body.len(),
        authorization()
    )
    .into_bytes()
}

/// Makes `calls` calls and sees that each is accepted.
pub(crate) async fn run(address: SocketAddr, calls: usize) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(converse(address, calls / CONNECTIONS));
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(())
}

async fn converse(address: SocketAddr, calls: usize) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = request(address);
    let mut buffer = vec![0; 4_096];
    for _ in 0..calls {
        stream.write_all(&request).await?;
        let mut length = 0;
        // Both servers' replies end with the envelope.
        while !buffer[..length].ends_with(b"</S:Envelope>") {
            let more = stream.read(&mut buffer[length..]).await?;
            ensure!(more > 0, "the server broke off after {:?}", String::from_utf8_lossy(&buffer[..length]));
            length += more;
        }
        ensure!(
            buffer[..length].windows(ACCEPTED.len()).any(|part| part == ACCEPTED),
            "refused: {}",
            String::from_utf8_lossy(&buffer[..length])
        );
    }
    Ok(())
}
