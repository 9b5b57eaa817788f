//! Shapes of identifiers, by which an institution tells which identity service knows an account.

use std::fmt;

use crate::domain::AccountId;

/// A shape such as `*@staff.example.org`: `*` stands for any number of characters, everything else for itself. The
/// case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierPattern(Box<str>);

impl IdentifierPattern {
    /// Reads a pattern; `None` when it is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let folded = text.trim().to_lowercase();
        (!folded.is_empty()).then(|| Self(folded.into_boxed_str()))
    }

    /// An identifier of this shape, with `filling` in the place of each `*`; `None` when it has none.
    #[must_use]
    pub fn example(&self, filling: &str) -> Option<String> {
        self.0.contains('*').then(|| self.0.replace('*', filling))
    }

    /// Whether an account's identifier has this shape.
    #[must_use]
    pub fn fits(&self, account: &AccountId) -> bool {
        let identifier = account.identifier();
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = identifier.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            // The earliest place leaves most to the parts behind it.
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for IdentifierPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Institution;

    #[test]
    fn a_pattern_fits_what_it_says() {
        let cases = [
            ("*@Staff.example.org", "jdoe@staff.example.org", true),
            ("*@staff.example.org", "jdoe@example.org", false),
            ("s*", "S123", true),
            ("s*", "xs", false),
            ("reader", "reader", true),
            ("reader", "readers", false),
            ("a*b*c", "a--b--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("a*a", "a", false),
            ("*", "anything", true),
            ("ë*é", "Ëxé", true),
        ];
        let institution = Institution::parse("01X").expect("a code");
        for (pattern, identifier, fits) in cases {
            let account = AccountId::parse(&institution, identifier).expect("an identifier");
            assert_eq!(IdentifierPattern::parse(pattern).expect("a pattern").fits(&account), fits, "{pattern}");
        }
        assert_eq!(IdentifierPattern::parse(" "), None);
        let example = |pattern| IdentifierPattern::parse(pattern).expect("a pattern").example("x1");
        assert_eq!(example("*@staff.example.org").as_deref(), Some("x1@staff.example.org"));
        assert_eq!(example("reader"), None);
    }
}
