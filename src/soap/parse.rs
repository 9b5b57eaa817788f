//! The one pass over a text that makes a document of it. quick-xml finds where markup and text begin and end; every
//! rule of XML 1.0 and Namespaces in XML that it leaves to its caller is checked here, and every limit.

use quick_xml::errors::IllFormedError;
use quick_xml::events::Event;
use quick_xml::{Error, Reader};

use crate::soap::chars::{all_blank, is_allowed, survey};
use crate::soap::document::{AttributeNode, Document, Node};
use crate::soap::reference::{Reference, resolve};
use crate::soap::scope::{Mark, NO_NAMESPACE, Scope};
use crate::soap::tag::{RawAttribute, StartTag};
use crate::soap::text::{LineEnds, Text, TextBuffer};
use crate::soap::{Flaw, Limits, ReadError, ReadErrorKind, declaration};

/// Above this many attributes doubles are found by sorting, so that the work stays near the size of the tag.
const PAIRWISE_MAX: usize = 12;

/// Reads a text to its end.
pub(in crate::soap) fn read<'a>(input: &'a str, limits: &Limits) -> Result<Document<'a>, ReadError> {
    let survey = survey(input);
    // quick-xml would skip a byte order mark; decoding has taken the only one there may be.
    if input.starts_with('\u{FEFF}') {
        return Err(Flaw::Character.into());
    }
    let line_ends = if survey.carriage_return { LineEnds::Mixed } else { LineEnds::Normal };
    let mut pass = Pass {
        limits,
        nodes: Vec::with_capacity(10),
        attributes: Vec::new(),
        texts: TextBuffer::new(input.len(), line_ends),
        scope: Scope::new(),
        open: Vec::with_capacity(8),
        comments: 0,
    };
    let mut reader = Reader::from_str(input);
    // End tags are checked against the arena: the reader's own check would copy names into its errors.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut start = 0;
    loop {
        let event = reader.read_event();
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let raw = input.get(start..end).unwrap_or_default();
        if survey.forbidden && !raw.chars().all(is_allowed) {
            let in_text = !pass.open.is_empty() && matches!(event, Ok(Event::Text(_) | Event::CData(_)));
            return Err(if in_text { Flaw::CharacterInText } else { Flaw::Character }.into());
        }
        match event {
            Ok(Event::Start(_)) => pass.open_element(within(raw, "<", ">"))?,
            Ok(Event::Empty(_)) => {
                pass.open_element(within(raw, "<", "/>"))?;
                pass.close_innermost();
            }
            Ok(Event::End(tag)) => pass.close_element(tag.name().0)?,
            Ok(Event::Text(_)) => pass.text(raw)?,
            Ok(Event::CData(_)) => pass.append(within(raw, "<![CDATA[", "]]>"))?,
            Ok(Event::GeneralRef(_)) => pass.reference(within(raw, "&", ";"))?,
            Ok(Event::Comment(_)) => pass.comment(within(raw, "<!--", "-->"))?,
            Ok(Event::Decl(_)) if start == 0 => {
                declaration::parse(within(raw, "<?xml", "?>"))?;
            }
            Ok(Event::Decl(_)) => return Err(Flaw::Declaration.into()),
            Ok(Event::PI(_)) => return Err(ReadErrorKind::ProcessingInstruction.into()),
            Ok(Event::DocType(_)) => return Err(ReadErrorKind::DocumentType.into()),
            Ok(Event::Eof) => return pass.finish(),
            Err(error) => return Err(flaw_of(&error).into()),
        }
        start = end;
    }
}

/// What stands between the delimiters of a piece of markup.
fn within<'a>(raw: &'a str, open: &str, close: &str) -> &'a str {
    raw.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).unwrap_or_default()
}

fn flaw_of(error: &Error) -> Flaw {
    match error {
        Error::IllFormed(IllFormedError::UnclosedReference) => Flaw::Reference,
        _ => Flaw::Markup,
    }
}

fn limited(number: usize, limit: usize, error: ReadErrorKind) -> Result<(), ReadError> {
    if number > limit { Err(error.into()) } else { Ok(()) }
}

/// An element whose end has not come yet.
struct Open {
    index: usize,
    children: usize,
    before: Mark,
}

/// The document as far as it is read.
struct Pass<'a, 'l> {
    limits: &'l Limits,
    nodes: Vec<Node<'a>>,
    attributes: Vec<AttributeNode<'a>>,
    texts: TextBuffer,
    scope: Scope<'a>,
    open: Vec<Open>,
    comments: usize,
}

impl<'a> Pass<'a, '_> {
    fn open_element(&mut self, content: &'a str) -> Result<(), ReadError> {
        let index = self.nodes.len();
        self.enter_parent()?;
        limited(self.open.len() + 1, self.limits.depth, ReadErrorKind::TooDeep)?;
        limited(index + 1 + self.comments, self.limits.elements, ReadErrorKind::TooManyElements)?;

        let mut tag = StartTag::read(content)?;
        limited(tag.qualified.len(), self.limits.name_bytes, ReadErrorKind::NameTooLong)?;
        let before = self.scope.mark();
        let first = self.attributes.len();
        let mut count = 0;
        while let Some(attribute) = tag.attribute()? {
            count += 1;
            limited(count, self.limits.attributes, ReadErrorKind::TooManyAttributes)?;
            self.attribute(&attribute, before)?;
        }
        let attributes = self.attributes.get_mut(first..).unwrap_or_default();
        // Only now, because a declaration may stand after the names that need it.
        for attribute in attributes.iter_mut().filter(|attribute| attribute.local_start > 0) {
            attribute.namespace = self.scope.resolve(attribute.qualified, attribute.local_start)?;
        }
        refuse_doubled(attributes)?;
        let namespace = match tag.local_start {
            0 => self.scope.default_namespace(),
            local_start => self.scope.resolve(tag.qualified, local_start)?,
        };
        self.nodes.push(Node {
            qualified: tag.qualified,
            local_start: tag.local_start,
            namespace,
            end: index + 1,
            attributes: first..self.attributes.len(),
            text: Text::Raw(""),
            stray_text: false,
            forbidden_reference: false,
        });
        self.open.push(Open { index, children: 0, before });
        Ok(())
    }

    /// Counts one more child of the innermost open element, whose text so far thereby becomes stray.
    fn enter_parent(&mut self) -> Result<(), ReadError> {
        let Some(parent) = self.open.last_mut() else {
            return if self.nodes.is_empty() { Ok(()) } else { Err(Flaw::OutsideRoot.into()) };
        };
        parent.children += 1;
        limited(parent.children, self.limits.children, ReadErrorKind::TooManyChildren)?;
        if parent.children == 1 {
            let node = &mut self.nodes[parent.index];
            node.stray_text = !all_blank(self.texts.get(&node.text));
            node.text = Text::Raw("");
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &RawAttribute<'a>, before: Mark) -> Result<(), ReadError> {
        let RawAttribute { qualified, local_start, value } = *attribute;
        limited(qualified.len(), self.limits.name_bytes, ReadErrorKind::NameTooLong)?;
        limited(value.len(), self.limits.attribute_bytes, ReadErrorKind::AttributeTooLong)?;
        let value = self.texts.attribute_value(value)?;
        let declared = if qualified == "xmlns" { Some("") } else { qualified.strip_prefix("xmlns:") };
        if let Some(prefix) = declared {
            self.scope.declare(prefix, value, before, &self.texts, self.limits)
        } else {
            self.attributes.push(AttributeNode { qualified, local_start, namespace: NO_NAMESPACE, value });
            Ok(())
        }
    }

    fn close_element(&mut self, name: &str) -> Result<(), ReadError> {
        let innermost = self.open.last().and_then(|open| self.nodes.get(open.index));
        if innermost.is_none_or(|node| node.qualified != name) {
            return Err(Flaw::EndTag.into());
        }
        self.close_innermost();
        Ok(())
    }

    fn close_innermost(&mut self) {
        let end = self.nodes.len();
        if let Some(open) = self.open.pop() {
            self.nodes[open.index].end = end;
            self.scope.return_to(open.before);
        }
    }

    fn text(&mut self, piece: &'a str) -> Result<(), ReadError> {
        if memchr::memchr_iter(b'>', piece.as_bytes())
            .any(|at| piece.get(..at).is_some_and(|text| text.ends_with("]]")))
        {
            return Err(Flaw::UnescapedSectionEnd.into());
        }
        if self.open.is_empty() {
            return if all_blank(piece) { Ok(()) } else { Err(Flaw::OutsideRoot.into()) };
        }
        self.append(piece)
    }

    fn append(&mut self, piece: &'a str) -> Result<(), ReadError> {
        let open = self.open.last().ok_or(Flaw::OutsideRoot)?;
        let node = &mut self.nodes[open.index];
        if open.children > 0 {
            node.stray_text |= !all_blank(piece);
            return limited(piece.len(), self.limits.text_bytes, ReadErrorKind::TextTooLong);
        }
        self.texts.append(&mut node.text, piece);
        limited(self.texts.get(&node.text).len(), self.limits.text_bytes, ReadErrorKind::TextTooLong)
    }

    fn reference(&mut self, name: &str) -> Result<(), ReadError> {
        let open = self.open.last().ok_or(Flaw::OutsideRoot)?;
        let node = &mut self.nodes[open.index];
        match resolve(name)? {
            Reference::Forbidden => node.forbidden_reference = true,
            Reference::Character(character) if open.children > 0 => node.stray_text |= !character.is_ascii_whitespace(),
            Reference::Character(character) => self.texts.append_character(&mut node.text, character),
        }
        limited(self.texts.get(&node.text).len(), self.limits.text_bytes, ReadErrorKind::TextTooLong)
    }

    fn comment(&mut self, content: &str) -> Result<(), ReadError> {
        if content.contains("--") || content.ends_with('-') {
            return Err(Flaw::Comment.into());
        }
        self.comments += 1;
        limited(self.nodes.len() + self.comments, self.limits.elements, ReadErrorKind::TooManyElements)
    }

    fn finish(self) -> Result<Document<'a>, ReadError> {
        if !self.open.is_empty() {
            return Err(Flaw::EndTag.into());
        }
        if self.nodes.is_empty() {
            return Err(Flaw::OutsideRoot.into());
        }
        Ok(Document {
            nodes: self.nodes,
            attributes: self.attributes,
            namespaces: self.scope.into_names(),
            texts: self.texts,
        })
    }
}

fn refuse_doubled(attributes: &[AttributeNode<'_>]) -> Result<(), Flaw> {
    fn name<'n>(attribute: &'n AttributeNode<'_>) -> (usize, &'n str) {
        (attribute.namespace, attribute.local())
    }
    let doubled = if attributes.len() <= PAIRWISE_MAX {
        attributes
            .iter()
            .enumerate()
            .any(|(index, attribute)| attributes.iter().take(index).any(|earlier| name(earlier) == name(attribute)))
    } else {
        has_equal(attributes.iter().map(name).collect())
    };
    if doubled { Err(Flaw::DoubledAttribute) } else { Ok(()) }
}

/// Whether two of the items are equal, in n log n comparisons whatever they are.
fn has_equal<T: Ord>(mut items: Vec<T>) -> bool {
    items.sort_unstable();
    items.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests;
