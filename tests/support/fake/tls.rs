//! Certificates of fake servers: good ones and bad ones.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What a fake server shows when it is asked who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Certificate {
    Good,
    Expired,
    OfAnotherHost,
}

/// A server's side of TLS, and the certificate (PEM) of who signed it.
pub(crate) fn certificate(kind: Certificate) -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).expect("a certificate");
    let name = match kind {
        Certificate::Good | Certificate::Expired => "localhost",
        Certificate::OfAnotherHost => "elsewhere.example.org",
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    if let Certificate::Expired = kind {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let issuer = Issuer::from_params(&authority, &authority_key);
    let signed = params.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a certificate and its key");
    (TlsAcceptor::from(Arc::new(config)), authority_certificate.pem())
}
