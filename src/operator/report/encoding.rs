//! From bytes to text: UTF-8, and for everything else how to get it.

/// What an export in UTF-8 is called where it is made.
const HOW: &str = "export the list as CSV, or save it as \"CSV UTF-8\"";

/// The text of a file, without a byte order mark. An error says on which line it is none, where that is known, and what
/// to do.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, (Option<usize>, String)> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err((None, format!("is a spreadsheet: {HOW}")));
    }
    let is_wide =
        bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.iter().take(64).any(|b| *b == 0);
    if is_wide {
        return Err((None, format!("is text in UTF-16: {HOW}")));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|error| {
        (Some(line(bytes, error.valid_up_to())), format!("a character here is not UTF-8 any more: {HOW}"))
    })
}

/// The line, from 1 on, on which the byte at `at` stands.
pub(crate) fn line(text: &[u8], at: usize) -> usize {
    let end = if text.contains(&b'\n') { b'\n' } else { b'\r' };
    text.iter().take(at).filter(|byte| **byte == end).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf_8_is_text() {
        assert_eq!(text("\u{feff}zoë".as_bytes()), Ok("zoë"));
        assert_eq!(text(b""), Ok(""));
        let wrong: [(&[u8], Option<usize>, &str); 6] = [
            (b"\xff\xfeP\0", None, "UTF-16"),
            (b"\xfe\xff\0P", None, "UTF-16"),
            (b"P\0r\0", None, "UTF-16"),
            (b"PK\x03\x04rest", None, "spreadsheet"),
            (b"a,b\nc,d\nzo\xeb,e\n", Some(3), "CSV UTF-8"),
            (b"a\rb\rzo\xeb", Some(3), "not UTF-8"),
        ];
        for (bytes, line, hint) in wrong {
            let (found, what) = text(bytes).expect_err("no text");
            assert!(found == line && what.contains(hint), "{found:?} {what}");
        }
    }
}
