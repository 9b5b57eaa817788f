//! Where the time of a cached sign-in goes: each pure step alone, in this process.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use moka::future::Cache;

use soapgate::contract::{ALMA_SERVICES, Authorization, read_alma};
use soapgate::domain::{AccountId, Institution, IntegrationName};
use soapgate::soap::{Document, Envelope, Limits, decode};
use soapgate::telemetry::{CallKind, Metrics, account_tag};

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
    let cache: Cache<[u8; 32], bool> = Cache::new(10_000);
    let key = [7; 32];
    now(pin!(cache.insert(key, true)));
    row("cache: look a yes up", nanos(|| now(pin!(cache.get(black_box(&key))))));
    let metrics = Metrics::new();
    let route = metrics.route("alma");
    row(
        "metrics: count a call, observe its time",
        nanos(|| {
            route.ended(CallKind::Accepted);
            route.total_seconds.observe(black_box(0.000_01));
        }),
    );
    row("log: the account's tag", nanos(|| account_tag(black_box(&account))));
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::sink).finish();
    let line = tracing::subscriber::with_default(lines, || {
        nanos(|| {
            tracing::info!(
                call.route = "alma",
                call.outcome = "accepted",
                call.reason = "",
                call.status = 200_u16,
                call.source = "127.0.0.1",
                call.soap = "1.1",
                call.micros = black_box(12_u64),
                integration.id = crate::load::INTEGRATION,
                account.tag = "0123456789abcdef",
                "call"
            );
        })
    });
    row("log: write the line", line);
    println!("  the rest: reading the head, headers and limits of HTTP, allocations, moving between tasks");
    Ok(())
}

/// The result of a future that waits for nobody.
fn now<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
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
