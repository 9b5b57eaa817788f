//! Replies as bytes: one line, a declaration in front, no blanks between tags.

use crate::soap::Version;
use crate::soap::escape::push_text;

/// What stands in front of every message.
const DECLARATION: &str = "<?xml version='1.0' encoding='UTF-8'?>";

/// Writes what stands in a body. Markup is fixed text, so that nothing of a request can become a tag.
pub struct BodyWriter {
    out: String,
}

impl BodyWriter {
    /// Fixed markup, written as it is.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text, with `&`, `<`, `>`, `"` and carriage returns escaped; characters that XML forbids are left out.
    pub fn text(&mut self, text: &str) -> &mut Self {
        push_text(&mut self.out, text);
        self
    }
}

/// A document without an envelope, as it is then written as text into another one.
pub fn write_fragment(write: impl FnOnce(&mut BodyWriter)) -> String {
    let mut fragment = BodyWriter { out: String::new() };
    write(&mut fragment);
    fragment.out
}

/// A whole message in `version` whose body is what `write` writes.
///
/// ```
/// use soapgate::soap::{Version, write_reply};
///
/// let reply = write_reply(Version::Soap11, |body| {
///     body.markup("<r>").text("1 < 2").markup("</r>");
/// });
/// assert!(reply.ends_with(b"<S:Body><r>1 &lt; 2</r></S:Body></S:Envelope>"));
/// ```
pub fn write_reply(version: Version, write: impl FnOnce(&mut BodyWriter)) -> Vec<u8> {
    write_message(
        version,
        |_| {},
        |out| {
            let mut body = BodyWriter { out: std::mem::take(out) };
            write(&mut body);
            *out = body.out;
        },
    )
}

/// A whole message: `write_header` writes the header with its tags, or nothing; `write_body` what stands in the body.
pub(in crate::soap) fn write_message(
    version: Version,
    write_header: impl FnOnce(&mut String),
    write_body: impl FnOnce(&mut String),
) -> Vec<u8> {
    let mut out = String::with_capacity(768);
    out.push_str(DECLARATION);
    let (envelope, body, end) = match version {
        Version::Soap11 => ("<S:Envelope xmlns:S=\"", "<S:Body>", "</S:Body></S:Envelope>"),
        Version::Soap12 => ("<env:Envelope xmlns:env=\"", "<env:Body>", "</env:Body></env:Envelope>"),
    };
    out.push_str(envelope);
    out.push_str(version.namespace());
    out.push_str("\">");
    write_header(&mut out);
    out.push_str(body);
    write_body(&mut out);
    out.push_str(end);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_in_the_version_asked_for() {
        let write = |body: &mut BodyWriter| {
            body.markup("<a>").text("\"x\" & <y>\r\u{1}").markup("</a>");
        };
        let expected = "<?xml version='1.0' encoding='UTF-8'?>\
            <S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>\
            <a>&quot;x&quot; &amp; &lt;y&gt;&#13;</a></S:Body></S:Envelope>";
        assert_eq!(String::from_utf8(write_reply(Version::Soap11, write)).as_deref(), Ok(expected));
        let expected = "<?xml version='1.0' encoding='UTF-8'?>\
            <env:Envelope xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\"><env:Body>\
            <a>&quot;x&quot; &amp; &lt;y&gt;&#13;</a></env:Body></env:Envelope>";
        assert_eq!(String::from_utf8(write_reply(Version::Soap12, write)).as_deref(), Ok(expected));
    }

    #[test]
    fn a_fragment_stands_alone_until_it_is_written_as_text() {
        let fragment = write_fragment(|inner| {
            inner.markup("<r>").text("a&b").markup("</r>");
        });
        assert_eq!(fragment, "<r>a&amp;b</r>");
        let outer = write_fragment(|outer| {
            outer.text(&fragment);
        });
        assert_eq!(outer, "&lt;r&gt;a&amp;amp;b&lt;/r&gt;");
    }
}
