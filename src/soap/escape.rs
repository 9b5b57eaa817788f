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
    while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_special(*character)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        rest = &special[character.len_utf8()..];
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            _ if !is_allowed(character) => {}
            _ => match blank(character) {
                Some(escaped) => out.push_str(escaped),
                None => out.push(character),
            },
        }
    }
    out.push_str(rest);
}

fn is_special(character: char) -> bool {
    matches!(character, '<' | '>' | '&' | '"' | '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
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
        assert_eq!(text("]]>"), "]]&gt;");
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
