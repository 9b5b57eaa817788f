//! Times as operators read and write them.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::{Day, Timestamp};

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
    // A time without an offset would pass for a date.
    if text.len() != "2027-01-31".len() {
        return Err(ExpiryError);
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

/// A day as `2027-01-31`.
pub(crate) fn show_day(day: Day) -> String {
    let mut shown = show(day.start());
    if let Some(end) = shown.find('T') {
        shown.truncate(end);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_ends_with_its_day_and_a_time_is_itself() {
        let cases = [
            ("2027-01-31", "2027-02-01T00:00:00Z"),
            ("2028-02-28", "2028-02-29T00:00:00Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00.250+02:00", "2027-01-31T10:00:00.25Z"),
            ("1969-12-31", "1970-01-01T00:00:00Z"),
        ];
        for (text, moment) in cases {
            assert_eq!(show(parse_expiry(text).expect(text)), moment, "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let cases = [
            "",
            "tomorrow",
            "2027-02-29",
            "2027-13-01",
            "31.01.2027",
            "2027-01-31T12:00:00",
            "20270131",
            "2027-01-31 ",
        ];
        for text in cases {
            assert_eq!(parse_expiry(text), Err(ExpiryError), "{text}");
        }
    }

    #[test]
    fn a_day_is_shown_without_a_time() {
        assert_eq!(show_day(Day::from_number(20_833)), "2027-01-15");
    }

    #[test]
    fn times_that_have_no_year_are_shown_as_the_nearest_that_has() {
        assert!(show(Timestamp::from_millis(i64::MAX)).starts_with("9999-12-3"));
        assert!(show(Timestamp::from_millis(i64::MIN)).starts_with("-009999-01-0"));
    }
}
