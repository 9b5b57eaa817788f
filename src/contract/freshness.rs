//! How old a UsernameToken or a wsu:Timestamp may be (UsernameToken Profile 1.1, section 3.1).

use std::time::Duration;

use crate::contract::error::ContractError;
use crate::domain::Timestamp;
use crate::soap::{SecurityTimestamp, UsernameToken};

/// The present, and what still counts as it.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// The time now.
    pub now: Timestamp,
    /// How old `Created` may be.
    pub age: Duration,
    /// How far clocks may differ.
    pub skew: Duration,
}

/// A nonce that must not have let in before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceClaim {
    /// The nonce as it was sent, in Base64.
    pub nonce: String,
    /// When its token would be refused as too old anyway.
    pub until: Timestamp,
}

impl Freshness {
    /// Checks a token's `Created` and tells what must be remembered of its nonce. Both may be absent.
    ///
    /// # Errors
    /// When `Created` cannot be read, is too old or lies in the future.
    pub(crate) fn token(&self, token: &UsernameToken<'_>) -> Result<Option<NonceClaim>, ContractError> {
        let created = token.created.map(|text| self.created(text)).transpose()?;
        let until = created.unwrap_or(self.now).after(self.age).after(self.skew);
        // An empty one tells no token from another.
        let nonce = token.nonce.map(str::trim).filter(|nonce| !nonce.is_empty());
        Ok(nonce.map(|nonce| NonceClaim { nonce: nonce.to_owned(), until }))
    }

    /// Checks a timestamp.
    ///
    /// # Errors
    /// When a time in it cannot be read, it has expired, or was created in the future.
    pub(crate) fn timestamp(&self, timestamp: &SecurityTimestamp<'_>) -> Result<(), ContractError> {
        if let Some(text) = timestamp.created
            && read(text)? > self.now.after(self.skew)
        {
            return Err(ContractError::BadTime);
        }
        if let Some(text) = timestamp.expires
            && read(text)?.after(self.skew) < self.now
        {
            return Err(ContractError::Expired);
        }
        Ok(())
    }

    fn created(&self, text: &str) -> Result<Timestamp, ContractError> {
        let created = read(text)?;
        if created > self.now.after(self.skew) {
            return Err(ContractError::BadTime);
        }
        if created.after(self.age) < self.now {
            return Err(ContractError::Expired);
        }
        Ok(created)
    }
}

/// Reads an `xs:dateTime`; without an offset it is UTC, as the Basic Security Profile asks (R3217).
fn read(text: &str) -> Result<Timestamp, ContractError> {
    let text = text.trim();
    // jiff takes a date alone for its midnight; xs:dateTime has a time.
    if !text.contains('T') {
        return Err(ContractError::BadTime);
    }
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil = text.parse::<jiff::civil::DateTime>()?;
        jiff::tz::TimeZone::UTC.to_timestamp(civil)
    });
    parsed.map(|time| Timestamp::from_millis(time.as_millisecond())).map_err(|_| ContractError::BadTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::PasswordType;

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn freshness() -> Freshness {
        Freshness { now: read(NOW).expect("a time"), age: Duration::from_mins(5), skew: Duration::from_mins(1) }
    }

    fn token<'a>(nonce: Option<&'a str>, created: Option<&'a str>) -> UsernameToken<'a> {
        UsernameToken { username: "u", password: Some("p"), password_type: PasswordType::Text, nonce, created }
    }

    #[test]
    fn created_may_be_five_minutes_old_and_a_minute_ahead() {
        let cases = [
            ("2026-11-22T11:55:00Z", Ok(())),
            ("2026-11-22T11:54:59Z", Err(ContractError::Expired)),
            ("2026-11-22T12:01:00Z", Ok(())),
            ("2026-11-22T12:01:01Z", Err(ContractError::BadTime)),
            ("2026-11-22T13:59:00.123+02:00", Ok(())),
            ("2026-11-22T11:59:00", Ok(())),
            ("yesterday", Err(ContractError::BadTime)),
            ("2026-11-22", Err(ContractError::BadTime)),
        ];
        for (created, outcome) in cases {
            assert_eq!(freshness().token(&token(None, Some(created))).map(|_| ()), outcome, "{created}");
        }
    }

    #[test]
    fn a_nonce_is_kept_until_its_token_is_too_old() {
        let created = "2026-11-22T11:59:00Z";
        let claim = freshness().token(&token(Some(" bm9uY2U= "), Some(created))).expect("fresh").expect("a nonce");
        assert_eq!(claim.nonce, "bm9uY2U=");
        assert_eq!(claim.until, read("2026-11-22T12:05:00Z").expect("a time"));
        assert_eq!(freshness().token(&token(None, None)), Ok(None));
    }

    #[test]
    fn a_timestamp_expires() {
        let check = |created, expires| freshness().timestamp(&SecurityTimestamp { created, expires });
        assert_eq!(check(Some("2026-11-22T11:00:00Z"), Some("2026-11-22T11:59:00Z")), Ok(()), "within the skew");
        assert_eq!(check(None, Some("2026-11-22T11:58:59Z")), Err(ContractError::Expired));
        assert_eq!(check(Some("2026-11-22T12:02:00Z"), None), Err(ContractError::BadTime));
        assert_eq!(check(None, None), Ok(()));
    }
}
