//! What a route says of its own end: since when it is not to be used any more, and until when it is served.

use std::sync::Arc;

use jiff::fmt::rfc2822::DateTimePrinter;

use crate::domain::Timestamp;

/// When a route is deprecated and when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifecycleSettings {
    /// From when it should not be used any more.
    pub deprecation: Option<Timestamp>,
    /// When it is expected to answer no more.
    pub sunset: Option<Timestamp>,
}

/// The header fields that say so, written once for all replies.
#[derive(Debug, PartialEq, Eq)]
pub struct LifecycleFields {
    /// `Deprecation`: a date of structured fields (RFC 9745).
    pub deprecation: Option<String>,
    /// `Sunset`: a date of HTTP (RFC 8594).
    pub sunset: Option<String>,
}

impl LifecycleSettings {
    /// The fields; `None` where nothing is said.
    pub(crate) fn fields(&self) -> Option<Arc<LifecycleFields>> {
        if *self == Self::default() {
            return None;
        }
        let deprecation = self.deprecation.map(|at| format!("@{}", at.as_millis().div_euclid(1_000)));
        let sunset = self.sunset.and_then(|at| {
            let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
            DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
        });
        Some(Arc::new(LifecycleFields { deprecation, sunset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_their_standards_say() {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1_000));
        let settings = LifecycleSettings { deprecation: at(1_688_169_599), sunset: at(1_541_980_799) };
        let fields = settings.fields().expect("something is said");
        assert_eq!(fields.deprecation.as_deref(), Some("@1688169599"));
        assert_eq!(fields.sunset.as_deref(), Some("Sun, 11 Nov 2018 23:59:59 GMT"));
        let one = LifecycleSettings { deprecation: None, sunset: at(0) };
        let fields = one.fields().expect("something is said");
        assert_eq!((&fields.deprecation, fields.sunset.as_deref()), (&None, Some("Thu, 01 Jan 1970 00:00:00 GMT")));
        assert_eq!(LifecycleSettings::default().fields(), None);
    }
}
