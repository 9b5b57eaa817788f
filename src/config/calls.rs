//! Reads what calls share: `[cache]`, `[nonces]`, `[flags]`, `[usage]`, `[slow_down]` and `[log]`.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::section::{Section, quote};
use crate::gateway::{CacheSettings, FlagSettings, NonceSettings, SlowDownSettings, UsageSettings};
use crate::telemetry::LogSettings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Reads `[cache]`.
pub(crate) fn read_cache(section: &Section<'_>) -> CacheSettings {
    let default = CacheSettings::default();
    CacheSettings {
        ttl: section.span("ttl", default.ttl, Duration::ZERO..=HOUR),
        entries: section.count("entries", default.entries, 1..=10_000_000),
    }
}

/// Reads `[nonces]`.
pub(crate) fn read_nonces(section: &Section<'_>) -> NonceSettings {
    let default = NonceSettings::default();
    NonceSettings {
        age: section.span("age", default.age, SECOND..=HOUR),
        skew: section.span("skew", default.skew, Duration::ZERO..=10 * MINUTE),
        entries: section.count("entries", default.entries, 1..=10_000_000),
    }
}

/// Reads `[flags]`.
pub(crate) fn read_flags(section: &Section<'_>) -> FlagSettings {
    let default = FlagSettings::default();
    FlagSettings { queue: section.count("queue", default.queue, 1..=1_000_000) }
}

/// Reads `[usage]`.
pub(crate) fn read_usage(section: &Section<'_>) -> UsageSettings {
    let default = UsageSettings::default();
    UsageSettings {
        top: section.count("top", default.top, 1..=1_000),
        write_every: section.span("write_every", default.write_every, SECOND..=10 * MINUTE),
        accounts: section.switch("accounts", default.accounts),
    }
}

/// Reads `[slow_down]`.
pub(crate) fn read_slow_down(section: &Section<'_>) -> SlowDownSettings {
    let default = SlowDownSettings::default();
    SlowDownSettings {
        free: section.count("free", default.free, 0..=1_000),
        step: section.span("step", default.step, Duration::ZERO..=MINUTE),
        longest: section.span("longest", default.longest, Duration::ZERO..=MINUTE),
        forget: section.span("forget", default.forget, SECOND..=24 * HOUR),
        sources: section.count("sources", default.sources, 1..=1_000_000),
    }
}

/// Reads `[log]`.
pub(crate) fn read_log(section: &Section<'_>) -> LogSettings {
    let default = LogSettings::default();
    let write = "a level or directives of it, such as \"info\" or \"info,soapgate=debug\"";
    let filter = section.text("filter", write).and_then(|text| {
        let known = !text.trim().is_empty() && EnvFilter::try_new(&text).is_ok();
        if known { Some(text) } else { section.wrong("filter", &quote(&text), write) }
    });
    LogSettings { filter: filter.unwrap_or(default.filter), calls: section.switch("calls", default.calls) }
}
