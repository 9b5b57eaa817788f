//! Text as it is written and text as it is meant: pieces joined, line ends and attribute values normalised, references
//! resolved.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::soap::Flaw;
use crate::soap::reference::{Reference, resolve};

/// A text: as it stands in the document when that is what it means, else in the document's buffer.
pub(in crate::soap) enum Text<'a> {
    Decoded(Range<usize>),
    Raw(&'a str),
}

/// The texts of one document that had to be decoded, one after the other; wiped on drop.
pub(in crate::soap) struct TextBuffer {
    /// Absent until it is needed, which it seldom is: even wiping nothing takes a while.
    decoded: Option<Zeroizing<String>>,
    capacity: usize,
    carriage_returns: LineEnds,
}

/// What line ends a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) enum LineEnds {
    /// Some carriage return is to be normalised (XML 1.0, 2.11).
    Mixed,
    /// Line feeds only.
    Normal,
}

impl TextBuffer {
    /// A buffer for a document of `document_bytes`. What is meant is never longer than what is written, and every
    /// piece is decoded once, so one allocation of that size holds all and never moves (a move would leave a copy
    /// that nobody wipes).
    pub(in crate::soap) fn new(document_bytes: usize, carriage_returns: LineEnds) -> Self {
        Self { decoded: None, capacity: document_bytes, carriage_returns }
    }

    /// The text itself.
    pub(in crate::soap) fn get<'s>(&'s self, text: &Text<'s>) -> &'s str {
        match text {
            Text::Decoded(range) => {
                self.decoded.as_ref().and_then(|decoded| decoded.get(range.clone())).unwrap_or_default()
            }
            Text::Raw(raw) => raw,
        }
    }

    /// Adds a piece without references to the text of the element that is being read.
    pub(in crate::soap) fn append<'a>(&mut self, text: &mut Text<'a>, piece: &'a str) {
        let has_return = self.carriage_returns == LineEnds::Mixed && piece.contains('\r');
        if matches!(text, Text::Raw("")) && !has_return {
            *text = Text::Raw(piece);
            return;
        }
        let (decoded, start) = self.start_decoding(text);
        if has_return {
            push_with_line_ends(decoded, piece);
        } else {
            decoded.push_str(piece);
        }
        *text = Text::Decoded(start..decoded.len());
    }

    /// Adds a character that was given by reference.
    pub(in crate::soap) fn append_character(&mut self, text: &mut Text<'_>, character: char) {
        let (decoded, start) = self.start_decoding(text);
        decoded.push(character);
        *text = Text::Decoded(start..decoded.len());
    }

    /// The meaning of an attribute value (XML 1.0, 3.3.3, as for CDATA).
    pub(in crate::soap) fn attribute_value<'a>(&mut self, raw: &'a str) -> Result<Text<'a>, Flaw> {
        // Without an early exit, so that the compiler makes vector instructions of it.
        let mut special = false;
        for byte in raw.bytes() {
            special |= matches!(byte, b'\0'..=b'\x1F' | b'&' | b'<');
        }
        if !special {
            return Ok(Text::Raw(raw));
        }
        let (decoded, start) = self.start_decoding(&Text::Raw(""));
        let mut rest = raw;
        while let Some(at) = rest.find(['&', '<', '\t', '\n', '\r']) {
            let (plain, special) = rest.split_at_checked(at).ok_or(Flaw::Markup)?;
            decoded.push_str(plain);
            rest = if let Some(reference) = special.strip_prefix('&') {
                let (name, rest) = reference.split_once(';').ok_or(Flaw::Reference)?;
                match resolve(name)? {
                    Reference::Character(character) => decoded.push(character),
                    Reference::Forbidden => return Err(Flaw::Reference),
                }
                rest
            } else if special.starts_with('<') {
                return Err(Flaw::Markup);
            } else {
                decoded.push(' ');
                special.strip_prefix("\r\n").or_else(|| special.get(1..)).unwrap_or_default()
            };
        }
        decoded.push_str(rest);
        Ok(Text::Decoded(start..decoded.len()))
    }

    /// Moves what there is of `text` to the end of the buffer, where it can grow; also says where it starts.
    fn start_decoding(&mut self, text: &Text<'_>) -> (&mut String, usize) {
        let decoded = self.decoded.get_or_insert_with(|| Zeroizing::new(String::with_capacity(self.capacity)));
        let start = match text {
            Text::Decoded(range) => range.start,
            Text::Raw(raw) => {
                let start = decoded.len();
                decoded.push_str(raw);
                start
            }
        };
        (decoded, start)
    }
}

fn push_with_line_ends(out: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some((line, after)) = rest.split_once('\r') {
        out.push_str(line);
        out.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&str]) -> String {
        let mut buffer = TextBuffer::new(pieces.iter().map(|piece| piece.len()).sum(), LineEnds::Mixed);
        let mut text = Text::Raw("");
        for piece in pieces {
            buffer.append(&mut text, piece);
        }
        buffer.get(&text).to_owned()
    }

    fn attribute(raw: &str) -> Result<String, Flaw> {
        let mut buffer = TextBuffer::new(raw.len(), LineEnds::Mixed);
        let text = buffer.attribute_value(raw)?;
        Ok(buffer.get(&text).to_owned())
    }

    #[test]
    fn pieces_are_joined_with_normal_line_ends() {
        assert_eq!(joined(&[]), "");
        assert_eq!(joined(&["a"]), "a");
        assert_eq!(joined(&["a", "", "b"]), "ab");
        assert_eq!(joined(&["a\r\nb\rc\n\r\r\n"]), "a\nb\nc\n\n\n");
        assert_eq!(joined(&["\r", "\n"]), "\n\n");
    }

    #[test]
    fn text_in_one_piece_is_not_copied() {
        let mut buffer = TextBuffer::new(100, LineEnds::Normal);
        let mut text = Text::Raw("");
        buffer.append(&mut text, "as it stands");
        assert!(matches!(text, Text::Raw("as it stands")));
        assert!(buffer.decoded.is_none());
    }

    #[test]
    fn the_buffer_never_moves() {
        let input = "&lt;".repeat(50);
        let mut buffer = TextBuffer::new(input.len(), LineEnds::Normal);
        let mut text = Text::Raw("");
        buffer.append_character(&mut text, '<');
        let place = |buffer: &TextBuffer| buffer.decoded.as_ref().map(|decoded| decoded.as_ptr());
        let before = place(&buffer);
        for _ in 1..50 {
            buffer.append_character(&mut text, '<');
        }
        assert_eq!(place(&buffer), before);
        assert_eq!(buffer.get(&text), "<".repeat(50));
    }

    #[test]
    fn attribute_values_are_normalised() {
        let cases = [
            ("plain é", "plain é"),
            ("a\tb\nc\rd\r\ne", "a b c d e"),
            ("&#9;&#10;&#13;&#xA;", "\t\n\r\n"),
            ("&lt;&gt;&amp;&quot;&apos;&amp;lt;", "<>&\"'&lt;"),
        ];
        for (raw, expected) in cases {
            assert_eq!(attribute(raw).as_deref(), Ok(expected), "{raw:?}");
        }
    }

    #[test]
    fn broken_attribute_values_are_told() {
        let cases = [
            ("a<b", Flaw::Markup),
            ("a & b", Flaw::Reference),
            ("a &amp b", Flaw::Reference),
            ("&nope;", Flaw::Reference),
            ("&#1;", Flaw::Reference),
            ("&#xD800;", Flaw::Reference),
        ];
        for (raw, flaw) in cases {
            assert_eq!(attribute(raw), Err(flaw), "{raw:?}");
        }
    }
}
