//! Which characters XML 1.0 (fifth edition) lets stand where.

/// What an ASCII byte may be in a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Colon,
    Inner,
    Other,
    Start,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b':' => Class::Colon,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => Class::Start,
            b'0'..=b'9' | b'-' | b'.' => Class::Inner,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// A qualified name at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) struct QualifiedName {
    /// Its bytes.
    pub(in crate::soap) length: usize,
    /// Where its local part starts; 0 without a prefix.
    pub(in crate::soap) local_start: usize,
}

/// Takes a qualified name (Namespaces in XML, 4) off the start of `text`; it ends before the first ASCII character that
/// no name can hold. `None` when there is none.
pub(in crate::soap) fn qualified_name(text: &str) -> Option<QualifiedName> {
    let bytes = text.as_bytes();
    let mut length = 0;
    let mut local_start = 0;
    let mut part_is_empty = true;
    while let Some(&byte) = bytes.get(length) {
        let width = match CLASSES[usize::from(byte)] {
            Class::Inner if part_is_empty => return None,
            Class::Inner | Class::Start => 1,
            Class::Colon if part_is_empty || local_start > 0 => return None,
            Class::Colon => {
                length += 1;
                local_start = length;
                part_is_empty = true;
                continue;
            }
            Class::Other if byte.is_ascii() => break,
            Class::Other => {
                let character = text.get(length..)?.chars().next()?;
                if !starts_name(character) && (part_is_empty || !continues_name(character)) {
                    return None;
                }
                character.len_utf8()
            }
        };
        length += width;
        part_is_empty = false;
    }
    (!part_is_empty).then_some(QualifiedName { length, local_start })
}

/// Production `NameStartChar` beyond ASCII.
const fn starts_name(character: char) -> bool {
    matches!(character,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// What production `NameChar` adds beyond ASCII.
const fn continues_name(character: char) -> bool {
    matches!(character, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Production `Char`.
pub(in crate::soap) const fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        _ => character >= ' ',
    }
}

/// Production `S`.
pub(in crate::soap) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What follows the blanks at the start of a text.
pub(in crate::soap) fn trim_start(text: &str) -> &str {
    let blanks = text.bytes().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    text.get(blanks..).unwrap_or_default()
}

/// Whether there is nothing but blanks.
pub(in crate::soap) fn all_blank(text: &str) -> bool {
    text.bytes().all(is_blank)
}

/// What a whole text holds, found in one scan before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) struct Survey {
    /// Whether a character stands in it that XML forbids.
    pub(in crate::soap) forbidden: bool,
    /// Whether there is a carriage return, and so line ends to normalise.
    pub(in crate::soap) carriage_return: bool,
}

/// Looks over a whole text.
pub(in crate::soap) fn survey(text: &str) -> Survey {
    // Blocks without an early exit inside, so that the compiler makes vector instructions of them.
    const BLOCK: usize = 64;
    let bytes = text.as_bytes();
    let mut control = false;
    let mut carriage_return = false;
    for block in bytes.chunks(BLOCK) {
        for &byte in block {
            control |= byte < b' ' && byte != b'\t' && byte != b'\n' && byte != b'\r';
            carriage_return |= byte == b'\r';
        }
        if control {
            break;
        }
    }
    // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
    let forbidden = control
        || memchr::memchr_iter(0xEF, bytes).any(|at| matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])));
    Survey { forbidden, carriage_return }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_at_most_one_inner_colon() {
        let cases = [
            ("a", Some((1, 0))),
            ("a:b c", Some((3, 2))),
            ("zoë='1'", Some((4, 0))),
            ("é:ö", Some((5, 3))),
            ("_-.9\u{B7}/", Some((6, 0))),
            ("\u{10000}", Some((4, 0))),
            ("", None),
            (":", None),
            (":a", None),
            ("a:", None),
            ("a: b", None),
            ("a:b:c", None),
            ("a::b", None),
            ("1a", None),
            ("-a", None),
            ("a:1", None),
            ("\u{B7}a", None),
            ("a\u{D7}", None),
            ("a\u{2028}b", None),
            ("\"a", None),
        ];
        for (text, expected) in cases {
            let found = qualified_name(text).map(|name| (name.length, name.local_start));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_survey_sees_every_forbidden_character_wherever_it_stands() {
        for character in (0..=0xFFFF).filter_map(char::from_u32) {
            let forbidden = !is_allowed(character);
            for pad in [0, 63, 64, 100] {
                let text = format!("{}{character}é", " ".repeat(pad));
                assert_eq!(survey(&text).forbidden, forbidden, "{character:?} after {pad}");
                if forbidden {
                    break;
                }
                if character > '\u{100}' && character < '\u{FF00}' {
                    break;
                }
            }
        }
        assert!(survey("a\rb").carriage_return);
        assert!(!survey("a\nb").carriage_return);
    }
}
