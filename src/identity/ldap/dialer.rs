//! Making a connection: the address, TCP, TLS. Nothing of a password is sent here.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::domain::NoAnswer;
use crate::identity::adapter_error::AdapterError;
use crate::identity::connect_time::connect_by;
use crate::identity::ldap::connection::{Connection, Stream};
use crate::identity::ldap::settings::{LdapSettings, LdapUrl};
use crate::identity::port::IdentityError;

/// The addresses of a name that are tried: that of a domain leads to each of its controllers, of which one may be away.
const ADDRESSES_MAX: usize = 4;

/// Who makes connections to one directory.
pub(crate) struct Dialer {
    url: LdapUrl,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// A dialer for the address of `settings`; it trusts the system's certificates and those of `ca_file`.
    pub(crate) fn new(settings: &LdapSettings) -> Result<Self, AdapterError> {
        if settings.is_in_clear() {
            return Err(AdapterError::new(
                "passwords would cross the network in clear; write ldaps://, or starttls = true",
            ));
        }
        if !settings.url.is_tls && !settings.starttls {
            return Ok(Self { url: settings.url.clone(), tls: None });
        }
        let name = ServerName::try_from(settings.url.host.clone())
            .map_err(|_| AdapterError::new("url names no host that a certificate could name"))?;
        let connector = TlsConnector::from(Arc::new(client_config(settings.ca_file.as_deref())?));
        Ok(Self { url: settings.url.clone(), tls: Some((connector, name)) })
    }

    /// A connection on which nothing was asked yet.
    pub(crate) async fn dial(&self, deadline: Instant) -> Result<Connection, IdentityError> {
        let by = connect_by(deadline);
        // TLS has the rest.
        let tcp = by.saturating_duration_since(Instant::now()) * 3 / 4;
        timeout_at(by, self.connect(tcp)).await.unwrap_or_else(|_| Err(unreachable("no connection came about in time")))
    }

    async fn connect(&self, tcp: Duration) -> Result<Connection, IdentityError> {
        let stream =
            self.connect_tcp(tcp).await.map_err(|error| unreachable(format!("no connection: {}", error.kind())))?;
        let Some((connector, name)) = &self.tls else { return Ok(Connection::new(stream)) };
        let stream: Box<dyn Stream> =
            if self.url.is_tls { Box::new(stream) } else { begin_tls(Connection::new(stream)).await? };
        let stream = connector
            .connect(name.clone(), stream)
            .await
            .map_err(|error| unreachable(format!("no TLS: {}", tls_problem(&error))))?;
        Ok(Connection::new(stream))
    }

    async fn connect_tcp(&self, time: Duration) -> io::Result<TcpStream> {
        let found = lookup_host((self.url.host.as_str(), self.url.port)).await?;
        connect_any(&found.take(ADDRESSES_MAX).collect::<Vec<_>>(), time).await
    }
}

/// The first of these addresses that takes a connection; they share the time.
async fn connect_any(addresses: &[SocketAddr], time: Duration) -> io::Result<TcpStream> {
    let mut problem = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let share = time / u32::try_from(addresses.len()).unwrap_or(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are short and wait for their answers.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => problem = error,
            Err(_) => problem = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(problem)
}

/// A directory that refuses STARTTLS is never spoken to in clear instead.
async fn begin_tls(connection: Connection) -> Result<Box<dyn Stream>, IdentityError> {
    match connection.starttls().await {
        Ok((outcome, stream)) if outcome.code == 0 => Ok(stream),
        Ok((outcome, _)) => {
            let detail = format!("it refused STARTTLS with result {}; write ldaps:// if it speaks that", outcome.code);
            Err(IdentityError::unsent(NoAnswer::Misconfigured, detail))
        }
        Err(error) => Err(IdentityError::unsent(error.no_answer(), format!("STARTTLS: {error}"))),
    }
}

fn unreachable(detail: impl Into<String>) -> IdentityError {
    IdentityError::unsent(NoAnswer::Unreachable, detail)
}

/// What rustls says of a certificate or an alert, which names hosts at most.
fn tls_problem(error: &io::Error) -> String {
    error.get_ref().map_or_else(|| error.kind().to_string(), ToString::to_string)
}

fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, AdapterError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = ca_file.map_or_else(|| Ok(Vec::new()), read_certificates)?;
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))
        .map_err(|error| AdapterError::new(format!("no certificates to trust: {error}; name some with ca_file")))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AdapterError::new(format!("no TLS: {error}")))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, AdapterError> {
    let problem = |problem: &dyn std::fmt::Display| AdapterError::ca_file(file, problem);
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|error| problem(&error))?.collect();
    let certificates = read.map_err(|error| problem(&error))?;
    if certificates.is_empty() {
        return Err(problem(&"holds no certificate"));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| problem(&error))?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn an_address_that_is_away_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let there = listener.local_addr().expect("an address");
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a listener").local_addr().expect("an address");
        let stream = connect_any(&[gone, there], TIME).await.expect("the second");
        assert_eq!(stream.peer_addr().expect("an address"), there);
        let error = connect_any(&[gone, gone], TIME).await.expect_err("both are away");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect_any(&[], TIME).await.is_err());
    }
}
