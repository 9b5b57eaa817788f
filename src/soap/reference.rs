//! What stands between `&` and `;`: a character reference or one of the five predefined entities. Others would need a
//! document type declaration.

use crate::soap::Flaw;
use crate::soap::chars::is_allowed;

/// What a reference stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum Reference {
    Character(char),
    /// A number that is no character, or one that XML forbids.
    Forbidden,
}

/// Resolves a reference.
pub(in crate::soap) fn resolve(name: &str) -> Result<Reference, Flaw> {
    let character = match name {
        "amp" => '&',
        "apos" => '\'',
        "gt" => '>',
        "lt" => '<',
        "quot" => '"',
        _ => {
            let digits = name.strip_prefix('#').ok_or(Flaw::Reference)?;
            let number = match digits.strip_prefix('x') {
                Some(digits) => number(digits, 16)?,
                None => number(digits, 10)?,
            };
            return Ok(char::from_u32(number)
                .filter(|character| is_allowed(*character))
                .map_or(Reference::Forbidden, Reference::Character));
        }
    };
    Ok(Reference::Character(character))
}

/// A number without a sign; too large ones stay too large.
fn number(digits: &str, radix: u32) -> Result<u32, Flaw> {
    if digits.is_empty() {
        return Err(Flaw::Reference);
    }
    digits.chars().try_fold(0_u32, |number, digit| {
        let digit = digit.to_digit(radix).ok_or(Flaw::Reference)?;
        Ok(number.saturating_mul(radix).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let cases = [
            ("amp", '&'),
            ("apos", '\''),
            ("gt", '>'),
            ("lt", '<'),
            ("quot", '"'),
            ("#9", '\t'),
            ("#x41", 'A'),
            ("#0000000000000000065", 'A'),
            ("#x10FFFF", '\u{10FFFF}'),
            ("#xe9", 'é'),
            ("#xFFFD", '\u{FFFD}'),
        ];
        for (name, character) in cases {
            assert_eq!(resolve(name), Ok(Reference::Character(character)), "{name}");
        }
    }

    #[test]
    fn numbers_that_are_no_characters_are_told_apart_from_broken_references() {
        for name in ["#0", "#1", "#x1F", "#xD800", "#xDFFF", "#xFFFE", "#65535", "#x110000", "#99999999999999999999"] {
            assert_eq!(resolve(name), Ok(Reference::Forbidden), "{name}");
        }
        for name in ["", "#", "#x", "#X41", "#-1", "#+65", "#6A", "#xG", "nope", "AMP", " amp", "#٣"] {
            assert_eq!(resolve(name), Err(Flaw::Reference), "{name}");
        }
    }
}
