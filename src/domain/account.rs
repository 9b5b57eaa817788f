//! Institutions and accounts: whose password is asked about.

use std::fmt;
use std::sync::Arc;

/// The longest identifier in bytes: Alma's primary id holds 255 characters.
const IDENTIFIER_CHARACTERS_MAX: usize = 255;

/// An institution code such as `01DEMO_INST`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Institution(Arc<str>);

impl Institution {
    /// Reads an institution code: letters, digits, `_`, `-` and `.`, at most 64 of them.
    ///
    /// # Errors
    /// When the code is empty, too long or holds another character.
    pub fn parse(code: &str) -> Result<Self, IdentifierError> {
        if code.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if code.len() > 64 {
            return Err(IdentifierError::TooLong);
        }
        if code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
            Ok(Self(Arc::from(code)))
        } else {
            Err(IdentifierError::ForbiddenCharacter)
        }
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Institution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login at one institution: a person's, or an integration's own. Identifiers are case-insensitive in Alma, so the
/// identifier is kept folded (Unicode lower case) and two spellings of one account are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId {
    institution: Institution,
    identifier: Box<str>,
}

/// Why an identifier or a code cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Nothing is left of it once surrounding blanks are taken off.
    #[error("is empty")]
    Empty,
    /// It holds a control character, or one that codes cannot hold.
    #[error("holds a forbidden character")]
    ForbiddenCharacter,
    /// It is longer than 255 characters (codes: 64).
    #[error("is too long")]
    TooLong,
}

impl AccountId {
    /// Reads an identifier as a client presents it: surrounding blanks are taken off, the case is folded.
    ///
    /// # Errors
    /// When nothing is left, when it is longer than 255 characters or holds a control character.
    pub fn parse(institution: &Institution, identifier: &str) -> Result<Self, IdentifierError> {
        let trimmed = identifier.trim();
        if trimmed.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if has_control(trimmed) {
            return Err(IdentifierError::ForbiddenCharacter);
        }
        let folded = if trimmed.is_ascii() { trimmed.to_ascii_lowercase() } else { trimmed.to_lowercase() };
        // Bytes first: there are never fewer of them than characters.
        if folded.len() > IDENTIFIER_CHARACTERS_MAX && folded.chars().count() > IDENTIFIER_CHARACTERS_MAX {
            return Err(IdentifierError::TooLong);
        }
        Ok(Self { institution: institution.clone(), identifier: folded.into_boxed_str() })
    }

    /// The institution it belongs to.
    #[must_use]
    pub fn institution(&self) -> &Institution {
        &self.institution
    }

    /// The folded identifier.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }
}

/// Whether a control character stands in a text; most texts are ASCII, where that is told byte by byte.
pub(crate) fn has_control(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_control()) } else { text.chars().any(char::is_control) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn institution() -> Institution {
        Institution::parse("01DEMO_INST").expect("a valid code")
    }

    #[test]
    fn spellings_of_one_account_are_equal() {
        let plain = AccountId::parse(&institution(), "jdoe").expect("valid");
        for spelling in ["JDOE", " jdoe", "JDoe\t"] {
            assert_eq!(AccountId::parse(&institution(), spelling).expect("valid"), plain);
        }
        assert_eq!(AccountId::parse(&institution(), "ZOË").expect("valid").identifier(), "zoë");
    }

    #[test]
    fn identifiers_that_cannot_be_one_are_named() {
        let cases = [
            ("", IdentifierError::Empty),
            ("  \t", IdentifierError::Empty),
            ("a\u{1}b", IdentifierError::ForbiddenCharacter),
        ];
        for (text, error) in cases {
            assert_eq!(AccountId::parse(&institution(), text), Err(error));
        }
        assert_eq!(AccountId::parse(&institution(), &"x".repeat(256)), Err(IdentifierError::TooLong));
        assert!(AccountId::parse(&institution(), &"ë".repeat(255)).is_ok());
    }

    #[test]
    fn institution_codes_hold_letters_digits_and_three_marks() {
        assert!(Institution::parse("01ALLIANCE_OHSU").is_ok());
        assert_eq!(Institution::parse("a b"), Err(IdentifierError::ForbiddenCharacter));
        assert_eq!(Institution::parse(""), Err(IdentifierError::Empty));
        assert_eq!(Institution::parse(&"x".repeat(65)), Err(IdentifierError::TooLong));
    }
}
