//! The log: JSON lines on standard error, written by a thread of their own.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::telemetry::log_writer::{LineQueue, LineWriter};
use crate::telemetry::settings::LogSettings;

/// yaserde logs every XML event it reads, and sqlx every statement's values at trace: neither may ever be switched on.
const NEVER: [&str; 3] = ["yaserde=off", "yaserde_derive=off", "sqlx=warn"];

/// Keeps the log's thread alive; what is waiting is written when it is dropped.
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] LineWriter);

/// Starts the log of this process.
///
/// # Errors
/// When the filter cannot be read, or when a log was started before.
pub fn start_log(settings: &LogSettings) -> anyhow::Result<LogGuard> {
    let mut filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| anyhow::anyhow!("log.filter '{}' cannot be read: {error}", settings.filter))?;
    for directive in NEVER {
        filter = filter.add_directive(directive.parse()?);
    }
    let (queue, writer) = LineQueue::start(std::io::stderr())?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(queue);
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    Ok(LogGuard(writer))
}
