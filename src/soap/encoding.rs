//! Bytes to text: byte order mark, then charset parameter, then XML declaration, then UTF-8 (RFC 7303, 3.2).

use std::fmt;
use std::ops::Deref;

use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use zeroize::Zeroizing;

use crate::soap::declaration::declared_encoding;
use crate::soap::{ReadError, ReadErrorKind};

/// The text of a body: borrowed when it came as UTF-8, else decoded once and wiped on drop. Derefs to `str`.
pub struct Decoded<'a>(Form<'a>);

enum Form<'a> {
    Borrowed(&'a str),
    Owned(Zeroizing<String>),
}

impl Deref for Decoded<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Form::Borrowed(text) => text,
            Form::Owned(text) => text,
        }
    }
}

/// Without the text, which may hold a password.
impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("bytes", &self.len()).finish_non_exhaustive()
    }
}

/// The encodings that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Ascii,
    Latin1,
    /// UTF-16 in the order that its mark says.
    Utf16,
    Utf16Big,
    Utf16Little,
    Utf8,
    Windows1252,
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Encoding); 15] = [
            ("utf-8", Encoding::Utf8),
            ("utf8", Encoding::Utf8),
            ("us-ascii", Encoding::Ascii),
            ("ascii", Encoding::Ascii),
            ("iso-8859-1", Encoding::Latin1),
            ("iso_8859-1", Encoding::Latin1),
            ("iso8859-1", Encoding::Latin1),
            ("latin1", Encoding::Latin1),
            ("l1", Encoding::Latin1),
            ("windows-1252", Encoding::Windows1252),
            ("cp1252", Encoding::Windows1252),
            ("x-cp1252", Encoding::Windows1252),
            ("utf-16", Encoding::Utf16),
            ("utf-16be", Encoding::Utf16Big),
            ("utf-16le", Encoding::Utf16Little),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, encoding)| *encoding)
    }

    /// Whether `name`, said beside this encoding, contradicts it: "UTF-16" leaves the order of bytes open.
    fn agrees_with(self, named: Self) -> bool {
        self == named || (named == Self::Utf16 && matches!(self, Self::Utf16Big | Self::Utf16Little))
    }
}

/// Decodes a body; `charset` is the bare value of the media type's parameter, in any case.
///
/// ```
/// use soapgate::soap::decode;
///
/// assert_eq!(&*decode(b"zo\xEB", Some("ISO-8859-1"))?, "zoë");
/// assert!(decode(b"zo\xEB", None).is_err());
/// # Ok::<(), soapgate::soap::ReadError>(())
/// ```
///
/// # Errors
/// When the encoding is unknown, when mark, parameter and declaration disagree, or when the bytes are not in it.
pub fn decode<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Decoded<'a>, ReadError> {
    let (mark, unmarked) = take_mark(body);
    let parameter = charset.map(unquoted).filter(|name| !name.is_empty()).map(known).transpose()?;
    let outer = match (mark, parameter) {
        (Some(mark), Some(parameter)) if !mark.agrees_with(parameter) => {
            return Err(ReadErrorKind::EncodingContradiction.into());
        }
        // The order of its bytes is nowhere said.
        (None, Some(Encoding::Utf16)) => return Err(ReadErrorKind::EncodingInvalid.into()),
        (mark, parameter) => mark.or(parameter),
    };
    let guess = outer.or_else(|| wide_declaration(unmarked));
    if let Some(encoding @ (Encoding::Utf16Big | Encoding::Utf16Little)) = guess {
        let text = transform(unmarked, encoding)?;
        let declared = declared_encoding(text.as_bytes()).map(known).transpose()?;
        match (outer, declared) {
            (Some(_), Some(declared)) if !encoding.agrees_with(declared) => {
                Err(ReadErrorKind::EncodingContradiction.into())
            }
            (None, declared) if declared != Some(encoding) => Err(ReadErrorKind::EncodingInvalid.into()),
            _ => Ok(Decoded(Form::Owned(text))),
        }
    } else {
        // All others write a declaration as ASCII does.
        let declared = declared_encoding(unmarked).map(known).transpose()?;
        match (outer, declared) {
            (Some(outer), Some(declared)) if outer != declared => Err(ReadErrorKind::EncodingContradiction.into()),
            (outer, declared) => narrow(unmarked, outer.or(declared).unwrap_or(Encoding::Utf8)),
        }
    }
}

fn take_mark(body: &[u8]) -> (Option<Encoding>, &[u8]) {
    if let Some(rest) = body.strip_prefix(b"\xEF\xBB\xBF") {
        (Some(Encoding::Utf8), rest)
    } else if let Some(rest) = body.strip_prefix(b"\xFE\xFF") {
        (Some(Encoding::Utf16Big), rest)
    } else if let Some(rest) = body.strip_prefix(b"\xFF\xFE") {
        (Some(Encoding::Utf16Little), rest)
    } else {
        (None, body)
    }
}

/// UTF-16 by the shape of the first characters, `<?` (XML 1.0, appendix F); the declaration then has to say so.
fn wide_declaration(body: &[u8]) -> Option<Encoding> {
    if body.starts_with(b"<\0?\0") {
        Some(Encoding::Utf16Little)
    } else if body.starts_with(b"\0<\0?") {
        Some(Encoding::Utf16Big)
    } else {
        None
    }
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches(['"', '\''])
}

fn known(name: &str) -> Result<Encoding, ReadError> {
    Encoding::named(name).ok_or_else(|| ReadErrorKind::EncodingUnknown.into())
}

fn narrow(body: &[u8], encoding: Encoding) -> Result<Decoded<'_>, ReadError> {
    match encoding {
        Encoding::Utf16 | Encoding::Utf16Big | Encoding::Utf16Little => Err(ReadErrorKind::EncodingInvalid.into()),
        Encoding::Ascii if !body.is_ascii() => Err(ReadErrorKind::EncodingInvalid.into()),
        Encoding::Latin1 if !body.is_ascii() => {
            // By hand: the Encoding Standard takes "latin1" for windows-1252.
            let mut text = Zeroizing::new(String::with_capacity(body.len() * 2));
            text.extend(body.iter().copied().map(char::from));
            Ok(Decoded(Form::Owned(text)))
        }
        Encoding::Windows1252 if !body.is_ascii() => transform(body, encoding).map(|text| Decoded(Form::Owned(text))),
        Encoding::Ascii | Encoding::Latin1 | Encoding::Utf8 | Encoding::Windows1252 => {
            let text = std::str::from_utf8(body).map_err(|_| ReadErrorKind::EncodingInvalid)?;
            Ok(Decoded(Form::Borrowed(text)))
        }
    }
}

fn transform(body: &[u8], encoding: Encoding) -> Result<Zeroizing<String>, ReadError> {
    let decoder = match encoding {
        Encoding::Utf16Big => UTF_16BE,
        Encoding::Utf16Little => UTF_16LE,
        _ => WINDOWS_1252,
    };
    let mut decoder = decoder.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(body.len());
    let mut text = Zeroizing::new(String::with_capacity(capacity.ok_or(ReadErrorKind::EncodingInvalid)?));
    match decoder.decode_to_string_without_replacement(body, &mut text, true) {
        (DecoderResult::InputEmpty, _) => Ok(text),
        (DecoderResult::Malformed(..) | DecoderResult::OutputFull, _) => Err(ReadErrorKind::EncodingInvalid.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], charset: Option<&str>, expected: Result<&str, ReadErrorKind>) {
        let found = decode(body, charset);
        let found = found.as_deref().map_err(|error| error.kind);
        assert_eq!(found, expected, "{body:02x?} as {charset:?}");
    }

    fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn utf8_is_the_default_and_is_borrowed() {
        check("<a>zoë€</a>".as_bytes(), None, Ok("<a>zoë€</a>"));
        check("\u{FEFF}<a/>".as_bytes(), None, Ok("<a/>"));
        check("\u{FEFF}\u{FEFF}<a/>".as_bytes(), None, Ok("\u{FEFF}<a/>"));
        for charset in ["utf-8", "UTF-8", "\"Utf-8\"", "utf8", ""] {
            check("é".as_bytes(), Some(charset), Ok("é"));
        }
        for charset in [None, Some("utf-8"), Some("iso-8859-1"), Some("us-ascii"), Some("windows-1252")] {
            let body = b"<a/>";
            let decoded = decode(body, charset).expect("ascii");
            assert_eq!(decoded.as_ptr(), body.as_ptr(), "borrowed as {charset:?}");
        }
    }

    #[test]
    fn overlong_forms_and_surrogates_are_refused() {
        for body in [&b"\xC0\xAF"[..], b"\xE0\x80\xAF", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xFF", b"a\xC3"] {
            check(body, None, Err(ReadErrorKind::EncodingInvalid));
        }
    }

    #[test]
    fn iso_8859_1_maps_every_byte_to_its_own_number() {
        let bytes: Vec<u8> = (1..=255).collect();
        let text: String = bytes.iter().copied().map(char::from).collect();
        check(&bytes, Some("ISO-8859-1"), Ok(&text));
        check(b"\x80", Some("windows-1252"), Ok("€"));
        check(
            b"<?xml version='1.0' encoding='iso-8859-1'?>\x80",
            None,
            Ok("<?xml version='1.0' encoding='iso-8859-1'?>\u{80}"),
        );
        check(b"\x80", Some("us-ascii"), Err(ReadErrorKind::EncodingInvalid));
    }

    #[test]
    fn utf16_needs_a_mark_or_an_order() {
        let text = "<a>zoë\u{1F600}</a>";
        for (order, mark, name) in [
            (u16::to_be_bytes as fn(u16) -> [u8; 2], &b"\xFE\xFF"[..], "UTF-16BE"),
            (u16::to_le_bytes, b"\xFF\xFE", "utf-16le"),
        ] {
            let bare = wide(text, order);
            let marked = [mark, &bare].concat();
            check(&marked, None, Ok(text));
            check(&marked, Some("utf-16"), Ok(text));
            check(&marked, Some(name), Ok(text));
            check(&bare, Some(name), Ok(text));
            check(&bare, Some("utf-16"), Err(ReadErrorKind::EncodingInvalid));
            check(&marked, Some("utf-8"), Err(ReadErrorKind::EncodingContradiction));
            check(&marked[..marked.len() - 1], None, Err(ReadErrorKind::EncodingInvalid));

            let declared = |encoding: &str| format!("<?xml version='1.0' encoding='{encoding}'?>{text}");
            check(&wide(&declared(name), order), None, Ok(&declared(name)));
            check(&wide(&declared("UTF-16"), order), None, Err(ReadErrorKind::EncodingInvalid));
            check(&wide(&declared("UTF-16"), order), Some(name), Ok(&declared("UTF-16")));
            check(&wide(&declared("UTF-8"), order), Some(name), Err(ReadErrorKind::EncodingContradiction));
            check(&wide("<?xml version='1.0'?><a/>", order), None, Err(ReadErrorKind::EncodingInvalid));
        }
        check(b"\xFF\xFE\x00\xD8a\x00", None, Err(ReadErrorKind::EncodingInvalid));
        check(
            &[&b"\xFE\xFF"[..], &wide("<?xml version='1.0' encoding='utf-16le'?><a/>", u16::to_be_bytes)].concat(),
            None,
            Err(ReadErrorKind::EncodingContradiction),
        );
    }

    #[test]
    fn contradictions_and_unknown_encodings_are_refused() {
        let latin1 = b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>";
        check(latin1, Some("utf-8"), Err(ReadErrorKind::EncodingContradiction));
        check(&[b"\xEF\xBB\xBF", &latin1[..]].concat(), None, Err(ReadErrorKind::EncodingContradiction));
        check("\u{FEFF}<a/>".as_bytes(), Some("iso-8859-1"), Err(ReadErrorKind::EncodingContradiction));
        check(b"<?xml version='1.0' encoding='UTF-16'?><a/>", None, Err(ReadErrorKind::EncodingInvalid));
        check(b"<?xml version='1.0' encoding='UTF-16LE'?><a/>", None, Err(ReadErrorKind::EncodingInvalid));
        for charset in ["utf-7", "ebcdic-cp-us", "iso-8859-15", "utf-32", "x"] {
            check(b"<a/>", Some(charset), Err(ReadErrorKind::EncodingUnknown));
        }
        check(b"<?xml version='1.0' encoding='UTF-7'?><a/>", None, Err(ReadErrorKind::EncodingUnknown));
        check(b"<?xml version='1.0' encoding='UTF-7'?><a/>", Some("utf-8"), Err(ReadErrorKind::EncodingUnknown));
    }

    #[test]
    fn a_decoded_text_shows_its_length_only() {
        let decoded = decode(b"secret", None).expect("ascii");
        assert_eq!(format!("{decoded:?}"), "Decoded { bytes: 6, .. }");
    }
}
