//! The XML declaration, strictly (XML 1.0, 2.8).

use crate::soap::Flaw;
use crate::soap::chars::{is_blank, trim_start};

/// What matters of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soap) struct Declaration<'a> {
    /// The encoding it names.
    pub(in crate::soap) encoding: Option<&'a str>,
}

/// Reads what stands between `<?xml` and `?>`: version 1.0, then perhaps an encoding, then perhaps standalone.
pub(in crate::soap) fn parse(content: &str) -> Result<Declaration<'_>, Flaw> {
    let (version, rest) = setting(content, "version")?.ok_or(Flaw::Declaration)?;
    let (encoding, rest) = setting(rest, "encoding")?.map_or((None, rest), |(value, rest)| (Some(value), rest));
    let (standalone, rest) = setting(rest, "standalone")?.map_or((None, rest), |(value, rest)| (Some(value), rest));
    let sound = version == "1.0"
        && encoding.is_none_or(is_encoding_name)
        && matches!(standalone, None | Some("yes" | "no"))
        && rest.bytes().all(is_blank);
    if sound { Ok(Declaration { encoding }) } else { Err(Flaw::Declaration) }
}

/// The encoding that a document's declaration names, when it has a sound one.
pub(in crate::soap) fn declared_encoding(document: &[u8]) -> Option<&str> {
    let rest = document.strip_prefix(b"<?xml")?;
    let end = memchr::memchr_iter(b'>', rest).find(|at| rest.get(..*at).is_some_and(|start| start.ends_with(b"?")))?;
    let content = std::str::from_utf8(rest.get(..end - 1)?).ok()?;
    parse(content).ok()?.encoding
}

/// Takes ` name = "value"` off the start; `None` when something else, or nothing, follows the blanks.
fn setting<'a>(text: &'a str, name: &str) -> Result<Option<(&'a str, &'a str)>, Flaw> {
    let trimmed = trim_start(text);
    let Some(rest) = trimmed.strip_prefix(name) else { return Ok(None) };
    if trimmed.len() == text.len() {
        return Err(Flaw::Declaration);
    }
    let rest = trim_start(trim_start(rest).strip_prefix('=').ok_or(Flaw::Declaration)?);
    let quote = rest.bytes().next().filter(|quote| matches!(quote, b'"' | b'\'')).ok_or(Flaw::Declaration)?;
    let rest = rest.get(1..).ok_or(Flaw::Declaration)?;
    let end = rest.bytes().position(|byte| byte == quote).ok_or(Flaw::Declaration)?;
    let (value, rest) = rest.split_at_checked(end).ok_or(Flaw::Declaration)?;
    Ok(Some((value, rest.get(1..).ok_or(Flaw::Declaration)?)))
}

fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_declarations_are_read() {
        let cases = [
            (" version='1.0'", None),
            ("\n version = \"1.0\"\tencoding\r=\n'UTF-8' ", Some("UTF-8")),
            (" version='1.0' standalone='yes'", None),
            (" version='1.0' encoding='ISO-8859-1' standalone=\"no\"", Some("ISO-8859-1")),
        ];
        for (content, encoding) in cases {
            assert_eq!(parse(content), Ok(Declaration { encoding }), "{content}");
        }
    }

    #[test]
    fn broken_declarations_are_refused() {
        let cases = [
            "",
            " ",
            "version='1.0'",
            " version='1.1'",
            " version='1.0",
            " version=1.0",
            " version='1.0\"",
            " version '1.0'",
            " Version='1.0'",
            " encoding='UTF-8'",
            " encoding='UTF-8' version='1.0'",
            " version='1.0'encoding='UTF-8'",
            " version='1.0' encoding=''",
            " version='1.0' encoding='8bit'",
            " version='1.0' encoding='UTF 8'",
            " version='1.0' standalone='maybe'",
            " version='1.0' standalone='yes' encoding='UTF-8'",
            " version='1.0' version='1.0'",
            " version='1.0' a='b'",
            " version='1.0' ?",
        ];
        for content in cases {
            assert_eq!(parse(content), Err(Flaw::Declaration), "{content}");
        }
    }

    #[test]
    fn the_encoding_is_found_in_bytes_that_are_not_decoded_yet() {
        assert_eq!(declared_encoding(b"<?xml version='1.0' encoding='latin1'?><a>\xE9</a>"), Some("latin1"));
        assert_eq!(declared_encoding(b"<?xml version='1.0'?><a b='?>'/>"), None);
        assert_eq!(declared_encoding(b" <?xml version='1.0' encoding='latin1'?>"), None);
        assert_eq!(declared_encoding(b"<?xml version='1.0' encoding='latin1'"), None);
    }
}
