//! What stands between `<` and `>` of a start tag, without an allocation.

use crate::soap::Flaw;
use crate::soap::chars::{is_blank, qualified_name, trim_start};

/// A start tag that is taken apart from the left.
pub(in crate::soap) struct StartTag<'a> {
    /// The element's qualified name.
    pub(in crate::soap) qualified: &'a str,
    /// Where its local part starts; 0 without a prefix.
    pub(in crate::soap) local_start: usize,
    rest: &'a str,
}

/// An attribute as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::soap) struct RawAttribute<'a> {
    /// Its qualified name.
    pub(in crate::soap) qualified: &'a str,
    /// Where its local part starts; 0 without a prefix.
    pub(in crate::soap) local_start: usize,
    /// What stands between the quotes.
    pub(in crate::soap) value: &'a str,
}

impl<'a> StartTag<'a> {
    /// Takes the name off.
    pub(in crate::soap) fn read(content: &'a str) -> Result<Self, Flaw> {
        let name = qualified_name(content).ok_or(Flaw::Name)?;
        let (qualified, rest) = content.split_at_checked(name.length).ok_or(Flaw::Name)?;
        if rest.bytes().next().is_some_and(|byte| !is_blank(byte)) {
            return Err(Flaw::Name);
        }
        Ok(Self { qualified, local_start: name.local_start, rest })
    }

    /// Takes the next attribute off; `None` at the end of the tag.
    pub(in crate::soap) fn attribute(&mut self) -> Result<Option<RawAttribute<'a>>, Flaw> {
        let start = trim_start(self.rest);
        if start.is_empty() {
            return Ok(None);
        }
        if start.len() == self.rest.len() {
            return Err(Flaw::Markup);
        }
        let name = qualified_name(start).ok_or(Flaw::Name)?;
        let (qualified, rest) = start.split_at_checked(name.length).ok_or(Flaw::Name)?;
        let rest = trim_start(trim_start(rest).strip_prefix('=').ok_or(Flaw::Markup)?);
        let (quote, rest) = rest.split_at_checked(1).ok_or(Flaw::Markup)?;
        let quote = quote.bytes().next().filter(|quote| matches!(quote, b'"' | b'\'')).ok_or(Flaw::Markup)?;
        let end = memchr::memchr(quote, rest.as_bytes()).ok_or(Flaw::Markup)?;
        let (value, rest) = rest.split_at_checked(end).ok_or(Flaw::Markup)?;
        self.rest = rest.get(1..).ok_or(Flaw::Markup)?;
        Ok(Some(RawAttribute { qualified, local_start: name.local_start, value }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(content: &str) -> Result<Vec<(&str, &str)>, Flaw> {
        let mut tag = StartTag::read(content)?;
        let mut found = Vec::new();
        while let Some(attribute) = tag.attribute()? {
            found.push((attribute.qualified, attribute.value));
        }
        Ok(found)
    }

    #[test]
    fn a_tag_is_taken_apart() {
        assert_eq!(attributes("a"), Ok(vec![]));
        assert_eq!(attributes("a \n"), Ok(vec![]));
        assert_eq!(attributes("a b='1'\tx:c = \"2>'\"\r\n"), Ok(vec![("b", "1"), ("x:c", "2>'")]));
        let tag = StartTag::read("p:local a=''").expect("a tag");
        assert_eq!((tag.qualified, tag.local_start), ("p:local", 2));
    }

    #[test]
    fn broken_tags_are_told() {
        let cases = [
            ("", Flaw::Name),
            (" a", Flaw::Name),
            ("1a", Flaw::Name),
            ("a/", Flaw::Name),
            ("a=''", Flaw::Name),
            ("a\"b", Flaw::Name),
            ("a!b", Flaw::Name),
            ("a / ", Flaw::Name),
            ("a b", Flaw::Markup),
            ("a b=", Flaw::Markup),
            ("a b=1", Flaw::Markup),
            ("a b='1", Flaw::Markup),
            ("a b='1\"", Flaw::Markup),
            ("a b='1'c='2'", Flaw::Markup),
            ("a b='1'/", Flaw::Markup),
            ("a 1b='1'", Flaw::Name),
            ("a b:c:d='1'", Flaw::Name),
            ("a b:='1'", Flaw::Name),
            ("a b='1' =''", Flaw::Name),
            ("a b=é", Flaw::Markup),
        ];
        for (content, flaw) in cases {
            assert_eq!(attributes(content), Err(flaw), "{content}");
        }
    }
}
