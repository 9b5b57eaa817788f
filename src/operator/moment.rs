//! Times as operators read and write them.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::Timestamp;

/// Why a text is no end of an account's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a date such as 2027-01-31 nor a time such as 2027-01-31T12:00:00Z")]
pub struct ExpiryError;

/// Reads the end of an account's time: a date means the end of that day in UTC, an RFC 3339 time means itself.
///
/// # Errors
/// When the text is neither.
pub fn parse_expiry(text: &str) -> Result<Timestamp, ExpiryError> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_millis(moment.as_millisecond()));
    }
    let day: Date = text.parse().map_err(|_| ExpiryError)?;
    let next = day.tomorrow().map_err(|_| ExpiryError)?;
    let end = next.to_zoned(TimeZone::UTC).map_err(|_| ExpiryError)?;
    Ok(Timestamp::from_millis(end.timestamp().as_millisecond()))
}

/// RFC 3339 in UTC. A time outside the years that can be written so is shown as the nearest one that can.
pub(crate) fn show(time: Timestamp) -> String {
    let nearest = if time.as_millis() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or(nearest).to_string()
}
