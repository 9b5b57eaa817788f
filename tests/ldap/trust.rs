//! TLS, from the first byte and by STARTTLS: who is trusted, and that nothing is said in clear instead.

use soapgate::domain::{Answer, NoAnswer};
use soapgate::identity::{LdapSettings, Sent};
use tempfile::TempDir;

use crate::fake::{Asked, FakeDirectory, Reaction};
use crate::faults::check;
use crate::support::fake::tls::{Certificate, certificate};
use crate::{PLANTED, ask, service};

/// Settings for `localhost` that trust whoever signed, and the folder in which that stands.
pub(crate) fn trusting(directory: &FakeDirectory, authority: &str) -> (LdapSettings, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority).expect("written");
    let mut settings = LdapSettings { ca_file: Some(file), ..directory.settings() };
    "localhost".clone_into(&mut settings.url.host);
    (settings, folder)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ldaps,
    StartTls,
}

async fn behind_tls(way: Way, kind: Certificate) -> (FakeDirectory, LdapSettings, TempDir) {
    let (acceptor, authority) = certificate(kind);
    let directory = match way {
        Way::Ldaps => FakeDirectory::start_tls(acceptor).await,
        Way::StartTls => FakeDirectory::start_starttls(acceptor).await,
    };
    let (mut settings, folder) = trusting(&directory, &authority);
    (settings.url.is_tls, settings.starttls) = (way == Way::Ldaps, way == Way::StartTls);
    (directory, settings, folder)
}

#[tokio::test]
async fn a_certificate_that_is_not_good_costs_no_attempt() {
    for way in [Way::Ldaps, Way::StartTls] {
        for kind in [Certificate::Expired, Certificate::OfAnotherHost] {
            let (directory, settings, _folder) = behind_tls(way, kind).await;
            let what = format!("{way:?} {kind:?}");
            let error = ask(&service(&settings), "reader", PLANTED).await.expect_err(&what);
            check(&error, NoAnswer::Unreachable, Sent::No, &what);
            let said = directory.asked();
            assert!(said.iter().all(|asked| *asked == Asked::StartTls), "{what}: {said:?}");
        }
        let (directory, settings, _folder) = behind_tls(way, Certificate::Good).await;
        let stranger = LdapSettings { ca_file: None, ..settings.clone() };
        let error = ask(&service(&stranger), "reader", PLANTED).await.expect_err("not trusted");
        check(&error, NoAnswer::Unreachable, Sent::No, "signed by a stranger");
        let said = ask(&service(&settings), "reader", PLANTED).await.expect("trusted");
        assert_eq!(said.answer, Answer::Accepted);
        let begins = directory.asked().iter().filter(|asked| **asked == Asked::StartTls).count();
        assert_eq!(begins > 0, way == Way::StartTls, "{way:?}");
    }
}

#[tokio::test]
async fn a_directory_without_starttls_is_not_spoken_to_in_clear() {
    let (acceptor, authority) = certificate(Certificate::Good);
    let directory = FakeDirectory::start_starttls(acceptor).await;
    let (mut settings, _folder) = trusting(&directory, &authority);
    settings.starttls = true;
    let in_clear =
        [&[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0][..], &[0x30, 12, 2, 1, 2, 0x61, 7, 10, 1, 0]].concat();
    let cases = [
        (Reaction::Result(2, "planted"), NoAnswer::Misconfigured),
        (Reaction::Result(52, "planted"), NoAnswer::Misconfigured),
        (Reaction::End, NoAnswer::Unreachable),
        (Reaction::Reset, NoAnswer::Unreachable),
        (Reaction::html(), NoAnswer::Protocol),
        (Reaction::nested(), NoAnswer::Protocol),
        (Reaction::huge(), NoAnswer::Protocol),
        (Reaction::Raw(in_clear), NoAnswer::Protocol),
    ];
    for (reaction, no_answer) in cases {
        let what = format!("{reaction:.60?}");
        directory.on_starttls(reaction);
        let error = ask(&service(&settings), "reader", PLANTED).await.expect_err(&what);
        check(&error, no_answer, Sent::No, &what);
    }
    let said = directory.asked();
    assert!(said.iter().all(|asked| *asked == Asked::StartTls), "{said:?}");
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let directory = FakeDirectory::start().await;
    let (mut settings, folder) = trusting(&directory, "no certificate");
    settings.starttls = true;
    let clock = std::sync::Arc::new(soapgate::app::SystemClock);
    for file in ["ca.pem", "missing.pem"] {
        settings.ca_file = Some(folder.path().join(file));
        let made = soapgate::identity::LdapService::new("directory", &settings, clock.clone());
        let error = made.err().expect("refused").to_string();
        assert!(error.starts_with("ca_file ") && error.contains(file), "{error}");
    }
}
