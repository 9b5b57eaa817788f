//! Text to XML: what has to be escaped, and what can never be written.

use crate::soap::chars::is_allowed;

/// Writes `text` as element content. `"` is escaped too, because old clients decode replies by hand and expect it; a
/// carriage return would otherwise be read as a line feed; what XML forbids is left out.
pub(in crate::soap) fn push_text(out: &mut String, text: &str) {
    push(out, text, |character| match character {
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes `value` between the double quotes of an attribute.
pub(in crate::soap) fn push_attribute(out: &mut String, value: &str) {
    push(out, value, |character| match character {
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

fn push(out: &mut String, text: &str, blank: fn(char) -> Option<&'static str>) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(may_be_special) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('&') => out.push_str("&amp;"),
            Some('"') => out.push_str("&quot;"),
            Some(character) if is_allowed(character) => match blank(character) {
                Some(escaped) => out.push_str(escaped),
                None => out.push(character),
            },
            Some(_) | None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Whether a byte starts a character that may need attention; U+FFFE and U+FFFF start with EF.
const fn may_be_special(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\0'..=b'\x1F' | 0xEF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    #[test]
    fn markup_and_carriage_returns_are_escaped() {
        assert_eq!(text("p&<>\"'é€\u{1F600} "), "p&amp;&lt;&gt;&quot;'é€\u{1F600} ");
        assert_eq!(text("a\r\n\tb"), "a&#13;\n\tb");
        assert_eq!(text("]]>\u{FFFD}\u{F000}"), "]]&gt;\u{FFFD}\u{F000}");
        let mut value = String::new();
        push_attribute(&mut value, "a\r\n\t\"<&>b");
        assert_eq!(value, "a&#13;&#10;&#9;&quot;&lt;&amp;&gt;b");
    }

    #[test]
    fn what_xml_forbids_is_never_written() {
        let forbidden: String = (0..=0xFFFF).filter_map(char::from_u32).filter(|c| !is_allowed(*c)).collect();
        assert_eq!(forbidden.chars().count(), 31);
        assert_eq!(text(&format!("a{forbidden}b")), "ab");
    }
}
