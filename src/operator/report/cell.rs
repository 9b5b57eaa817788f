//! What stands in a cell: an identifier, nothing, or what a spreadsheet made of one.

use crate::domain::{AccountId, IdentifierError, Institution};

/// Characters of a cell that an error shows.
const SHOWN: usize = 40;

/// Reads an identifier; `None` where the cell is blank. An error says what is wrong and what to do.
pub(crate) fn identifier(institution: &Institution, cell: &str) -> Result<Option<AccountId>, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if is_rounded(text) {
        return Err(format!(
            "is {}, a number that a spreadsheet has rounded: export the list again, and do not save it from a spreadsheet",
            quoted(text)
        ));
    }
    if text.starts_with('=') || is_spreadsheet_error(text) {
        return Err(format!(
            "is {}, a formula or an error of a spreadsheet: export the list again, and do not save it from a spreadsheet",
            quoted(text)
        ));
    }
    if text.starts_with('"') {
        return Err(
            "begins with a quotation mark: one that encloses a cell stands right behind the separator".to_owned()
        );
    }
    AccountId::parse(institution, text).map(Some).map_err(|error| match error {
        IdentifierError::Empty | IdentifierError::ForbiddenCharacter => {
            "holds a line end or another control character: an identifier has none; is a quotation mark missing?"
                .to_owned()
        }
        IdentifierError::TooLong => {
            "is longer than the 255 characters of an identifier; is a quotation mark or a separator missing?".to_owned()
        }
    })
}

/// `2.2E+13`, in whatever language: long barcodes end so.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let Some(exponent) = exponent.strip_prefix('+') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    is_number(whole) && is_number(fraction) && is_number(exponent)
}

fn is_spreadsheet_error(text: &str) -> bool {
    let is_named = text.len() > 3 && text.ends_with(['!', '?']) || text == "#N/A";
    text.starts_with('#') && (is_named || text.bytes().all(|byte| byte == b'#') && text.len() > 1)
}

/// The beginning of a cell, in quotation marks.
fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cell: &str) -> Result<Option<String>, String> {
        let institution = Institution::parse("01DEMO_INST").expect("a valid code");
        identifier(&institution, cell).map(|account| account.map(|account| account.identifier().to_owned()))
    }

    #[test]
    fn identifiers_are_kept_as_they_are_but_for_case_and_blanks() {
        for (cell, expected) in [
            ("JDoe", "jdoe"),
            (" 00012345 ", "00012345"),
            ("12E45", "12e45"),
            ("E+13", "e+13"),
            ("1.5", "1.5"),
            ("x@example.org", "x@example.org"),
            ("#1 fan", "#1 fan"),
            ("#", "#"),
        ] {
            assert_eq!(read(cell), Ok(Some(expected.to_owned())), "{cell:?}");
        }
        for blank in ["", "  ", "\t", "\u{a0}"] {
            assert_eq!(read(blank), Ok(None), "{blank:?}");
        }
    }

    #[test]
    fn what_a_spreadsheet_made_of_an_identifier_is_refused() {
        for cell in ["2.2E+13", "2,20001E+13", "2e+7", " 2.2E+13 "] {
            assert!(read(cell).is_err_and(|error| error.contains("rounded")), "{cell:?}");
        }
        for cell in ["=\"00123\"", "=A1", "#REF!", "#NAME?", "#N/A", "########"] {
            assert!(read(cell).is_err_and(|error| error.contains("formula")), "{cell:?}");
        }
        assert!(read(" \"jdoe\"").is_err_and(|error| error.contains("quotation mark")));
        assert!(read("a\nb").is_err_and(|error| error.contains("line end")));
        assert!(read(&"x".repeat(256)).is_err_and(|error| error.contains("255")));
    }
}
