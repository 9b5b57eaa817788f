//! Reads `[retention]`: how long things are kept.

use std::time::Duration;

use crate::config::section::{Section, quote};
use crate::store::RetentionSettings;

const DAY: Duration = Duration::from_hours(24);
/// Nothing is kept for longer by a number; for ever is written otherwise.
const MAX_DAYS: u32 = 36_500;

/// Reads `[retention]`.
pub(crate) fn read_retention(section: &Section<'_>) -> RetentionSettings {
    let default = RetentionSettings::default();
    RetentionSettings {
        // The database itself refuses to remove what is younger.
        trail: kept(section, "trail", default.trail, 30),
        closed_flags: kept(section, "closed_flags", default.closed_flags, 1),
        // A list may be that far behind, and is checked against them.
        habits: kept(section, "habits", default.habits, 30),
        report: kept(section, "report", default.report, 1),
        usage: kept(section, "usage", default.usage, 1),
    }
}

/// A span of whole days, because purges go by days; zero is for ever.
fn kept(section: &Section<'_>, name: &str, default: Option<Duration>, least: u32) -> Option<Duration> {
    let write = format!("\"0s\" to keep for ever, or whole days from \"{least}d\" to \"{MAX_DAYS}d\"");
    let Some(text) = section.text(name, &write) else { return default };
    let range = least * DAY..=MAX_DAYS * DAY;
    match humantime::parse_duration(&text) {
        Ok(Duration::ZERO) => None,
        Ok(span) if range.contains(&span) && span.as_secs() % DAY.as_secs() == 0 && span.subsec_nanos() == 0 => {
            Some(span)
        }
        Ok(_) | Err(_) => {
            section.wrong::<()>(name, &quote(&text), &write);
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{IDENTITY, INSTITUTION, ROUTE, check_whole, settings};

    #[test]
    fn things_are_kept_for_whole_days_or_for_ever() {
        let text = "[retention]\ntrail = \"30d\"\nclosed_flags = \"0s\"\nhabits = \"8weeks\"\n";
        let read = settings(text, &[("SOAPGATE__RETENTION__USAGE", "24h")]).retention;
        let expected = RetentionSettings {
            trail: Some(30 * DAY),
            closed_flags: None,
            habits: Some(56 * DAY),
            usage: Some(DAY),
            ..RetentionSettings::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_such_span_is_refused() {
        let text =
            "[retention]\ntrail = \"29d\"\nclosed_flags = \"36h\"\nhabits = \"40000d\"\nreport = 30\nusage = \"x\"\n";
        let span = |key, is, least| {
            format!("c:{key}: is {is}; write \"0s\" to keep for ever, or whole days from \"{least}d\" to \"36500d\"")
        };
        check_whole(
            &format!("{text}{IDENTITY}{INSTITUTION}{ROUTE}"),
            &[
                &span("2: retention.trail", "\"29d\"", 30),
                &span("3: retention.closed_flags", "\"36h\"", 1),
                &span("4: retention.habits", "\"40000d\"", 30),
                &span("5: retention.report", "an integer", 1),
                &span("6: retention.usage", "\"x\"", 1),
            ],
        );
    }
}
