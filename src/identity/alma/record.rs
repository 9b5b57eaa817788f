//! The user record, as far as a second look needs it.

use serde_json::Value;

use crate::domain::{AccountId, Institution, Rejection};
use crate::identity::port::SecondLook;

/// What a record says; `today` is a date such as `2026-11-22`. Fields that are missing say nothing.
pub(crate) fn read_record(institution: &Institution, body: &[u8], today: &str) -> Option<SecondLook> {
    let record: Value = serde_json::from_slice(body).ok()?;
    let primary = record.get("primary_id")?.as_str()?;
    let further = record.get("user_identifier").and_then(Value::as_array).into_iter().flatten();
    let values = further.filter_map(|identifier| identifier.get("value").and_then(Value::as_str));
    let identifiers = std::iter::once(primary).chain(values);
    let is = |pointer: &str, word: &str| {
        record.pointer(pointer).and_then(Value::as_str).is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    // Dates end with a Z that means nothing; they compare as text.
    let expiry = record.get("expiry_date").and_then(Value::as_str).and_then(|date| date.get(..10));
    let rejection = if expiry.is_some_and(|date| date < today) {
        Some(Rejection::Expired)
    } else if is("/status/value", "INACTIVE") {
        Some(Rejection::Disabled)
    } else {
        None
    };
    let mails = record.pointer("/contact_info/email").and_then(Value::as_array);
    Some(SecondLook {
        identifiers: identifiers.filter_map(|text| AccountId::parse(institution, text).ok()).collect(),
        kept_elsewhere: is("/account_type/value", "EXTERNAL"),
        rejection,
        has_mail: mails.map(|mails| !mails.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<SecondLook> {
        read_record(&Institution::parse("01X").expect("a code"), json.as_bytes(), "2026-11-22")
    }

    #[test]
    fn a_record_tells_what_a_refusal_does_not() {
        let look = read(
            r#"{"primary_id":"JDoe","account_type":{"value":"INTERNAL"},"status":{"value":"ACTIVE"},"expiry_date":"2026-11-21Z","contact_info":{"email":[]},"user_identifier":[{"value":"2001","id_type":{"value":"BARCODE"}}]}"#,
        )
        .expect("a record");
        let names: Vec<&str> = look.identifiers.iter().map(AccountId::identifier).collect();
        assert_eq!(names, ["jdoe", "2001"]);
        assert_eq!(
            (look.rejection, look.has_mail, look.kept_elsewhere),
            (Some(Rejection::Expired), Some(false), false)
        );
        let inactive = read(r#"{"primary_id":"a","status":{"value":"INACTIVE"},"expiry_date":"2027-01-01Z"}"#);
        assert_eq!(inactive.expect("a record").rejection, Some(Rejection::Disabled));
        assert!(read(r#"{"primary_id":"a","account_type":{"value":"EXTERNAL"}}"#).expect("a record").kept_elsewhere);
    }

    #[test]
    fn what_is_missing_says_nothing() {
        let look = read(r#"{"primary_id":"a"}"#).expect("a record");
        assert_eq!((look.rejection, look.has_mail, look.kept_elsewhere), (None, None, false));
        assert_eq!(read(r#"{"other":1}"#), None);
        assert_eq!(read("<html>"), None);
    }
}
