//! Where the time of a cached sign-in goes: each pure step alone, in this process.

use std::hint::black_box;
use std::time::Instant;

use soapgate::contract::{ALMA_SERVICES, Authorization, read_alma};
use soapgate::domain::{AccountId, Institution, IntegrationName};
use soapgate::soap::{Document, Envelope, Limits, decode};
use soapgate::telemetry::account_tag;

const TIMES: u32 = 50_000;

/// Prints the table.
pub(crate) fn print() -> anyhow::Result<()> {
    let body = crate::load::body(crate::load::USER, crate::load::PASSWORD_ESCAPED);
    let authorization = crate::load::authorization();
    let institution = Institution::parse("01DEMO_INST")?;
    let account = AccountId::parse(&institution, crate::load::USER)?;
    let limits = Limits::default();
    println!("where the time goes, each step alone:");
    let row = |name: &str, nanos: f64| println!("  {name:<52} {nanos:>8.0} ns");
    row("Basic: decode", nanos(|| black_box(Authorization::read(black_box(authorization.as_bytes())))));
    row(
        "Basic: take the integration's name apart",
        nanos(|| IntegrationName::parse(black_box(crate::load::INTEGRATION))),
    );
    row("XML: decode the charset", nanos(|| decode(black_box(body.as_bytes()), Some("utf-8")).map(|text| text.len())));
    row("XML: read the document", nanos(|| Document::read(black_box(&body), &limits).is_ok()));
    row(
        "XML: document, envelope, operation, credentials",
        nanos(|| {
            let document = Document::read(black_box(&body), &limits).ok()?;
            let envelope = Envelope::read(&document).ok()?;
            read_alma(&ALMA_SERVICES[0], &document, &envelope, &institution).ok()
        }),
    );
    row("one keyed digest of 150 bytes", nanos(|| blake3::keyed_hash(&[7; 32], black_box(&[1; 150]))));
    row("the account's tag for the log", nanos(|| account_tag(black_box(&account))));
    Ok(())
}

fn nanos<T>(mut step: impl FnMut() -> T) -> f64 {
    for _ in 0..TIMES / 10 {
        black_box(step());
    }
    let started = Instant::now();
    for _ in 0..TIMES {
        black_box(step());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}
