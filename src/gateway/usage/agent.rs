//! What the program that calls says it is.

/// Bytes that are kept: what tells toolkits and their versions apart stands in front.
const KEPT: usize = 120;

/// A `User-Agent` field, cut, and with nothing in it that could not be printed. Empty where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserAgent(Box<str>);

impl UserAgent {
    /// Reads the field as it was sent. Whatever is not printable ASCII becomes a question mark.
    #[must_use]
    pub fn read(field: &[u8]) -> Self {
        let field = field.trim_ascii();
        let kept = &field[..field.len().min(KEPT)];
        let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if let Ok(text) = std::str::from_utf8(kept)
            && text.bytes().all(printable)
        {
            return Self(Box::from(text.trim_end()));
        }
        let shown = kept.iter().map(|byte| if printable(*byte) { char::from(*byte) } else { '?' });
        Self(shown.collect::<String>().trim_end().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_cut_and_made_printable() {
        let long = "x".repeat(500);
        let cases: [(&[u8], &str); 6] = [
            (b"PHP-SOAP/8.2.29", "PHP-SOAP/8.2.29"),
            (b"  Axis/1.4 ", "Axis/1.4"),
            (b"", ""),
            (b"a\x1b[31mb\0c\td", "a?[31mb?c?d"),
            ("zoë".as_bytes(), "zo??"),
            (long.as_bytes(), &long[..KEPT]),
        ];
        for (field, text) in cases {
            assert_eq!(UserAgent::read(field).as_str(), text);
        }
    }
}
