//! A document that has been read to its end, as a flat arena of elements in document order. How it is read lives in
//! `parse`.

use std::ops::Range;

use crate::soap::text::{Text, TextBuffer};
use crate::soap::{Limits, Name, ReadError, parse};

/// A well-formed document within its limits. It borrows from the text; what had to be decoded is wiped on drop.
///
/// ```
/// use soapgate::soap::{Document, Limits};
///
/// let document = Document::read("<a xmlns='urn:a'>1 &lt;<!-- and --> 2</a>", &Limits::default())?;
/// assert!(document.root().is("urn:a", "a"));
/// assert_eq!(document.root().text(), "1 < 2");
/// # Ok::<(), soapgate::soap::ReadError>(())
/// ```
pub struct Document<'a> {
    pub(in crate::soap) nodes: Vec<Node<'a>>,
    pub(in crate::soap) attributes: Vec<AttributeNode<'a>>,
    /// Namespace names; each is here once, so that equal names have equal indexes.
    pub(in crate::soap) namespaces: Vec<Text<'a>>,
    pub(in crate::soap) texts: TextBuffer,
}

/// An element. The elements below it are the nodes from its own index to `end`.
pub(in crate::soap) struct Node<'a> {
    pub(in crate::soap) qualified: &'a str,
    pub(in crate::soap) local_start: usize,
    pub(in crate::soap) namespace: usize,
    pub(in crate::soap) end: usize,
    pub(in crate::soap) attributes: Range<usize>,
    pub(in crate::soap) text: Text<'a>,
    pub(in crate::soap) stray_text: bool,
    pub(in crate::soap) forbidden_reference: bool,
}

/// An attribute that is no namespace declaration.
pub(in crate::soap) struct AttributeNode<'a> {
    pub(in crate::soap) qualified: &'a str,
    pub(in crate::soap) local_start: usize,
    pub(in crate::soap) namespace: usize,
    pub(in crate::soap) value: Text<'a>,
}

impl AttributeNode<'_> {
    pub(in crate::soap) fn local(&self) -> &str {
        self.qualified.get(self.local_start..).unwrap_or_default()
    }
}

impl<'a> Document<'a> {
    /// Reads `text` to its end.
    ///
    /// A character that XML forbids but that is given by reference (`&#1;`) in an element's text does not fail the
    /// reading: it is left out and shows in [`Document::forbidden_reference`], since a person can cause it by what
    /// they type. Callers must not take such a document for a good one.
    ///
    /// # Errors
    /// When the text is not well-formed, has something that SOAP forbids, or exceeds a limit.
    pub fn read(text: &'a str, limits: &Limits) -> Result<Self, ReadError> {
        parse::read(text, limits)
    }

    /// The root element.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element { document: self, index: 0 }
    }

    /// Whether any element's text had a character that XML forbids, given by reference.
    #[must_use]
    pub fn forbidden_reference(&self) -> bool {
        self.nodes.iter().any(|node| node.forbidden_reference)
    }

    fn namespace(&self, index: usize) -> &str {
        self.namespaces.get(index).map_or("", |name| self.texts.get(name))
    }
}

/// An element of a document.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Element<'d> {
    fn node(&self) -> &'d Node<'d> {
        &self.document.nodes[self.index]
    }

    /// The expanded name.
    #[must_use]
    pub fn name(&self) -> Name<'d> {
        let node = self.node();
        Name::new(self.document.namespace(node.namespace), node.qualified.get(node.local_start..).unwrap_or_default())
    }

    /// Whether this is the expanded name.
    #[must_use]
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.name() == Name::new(namespace, local)
    }

    /// The text of an element without child elements, never trimmed: all pieces, references and sections joined.
    /// Empty when there are child elements; whether text stands beside them is [`Element::stray_text`].
    #[must_use]
    pub fn text(&self) -> &'d str {
        self.document.texts.get(&self.node().text)
    }

    /// Whether there are child elements.
    #[must_use]
    pub fn has_children(&self) -> bool {
        self.node().end > self.index + 1
    }

    /// Whether anything but blanks stands beside the child elements.
    #[must_use]
    pub fn stray_text(&self) -> bool {
        self.node().stray_text
    }

    /// Whether this element's own text had a character that XML forbids, given by reference.
    #[must_use]
    pub fn forbidden_reference(&self) -> bool {
        self.node().forbidden_reference
    }

    /// The child elements.
    #[must_use]
    pub fn children(&self) -> Children<'d> {
        Children { document: self.document, next: self.index + 1, end: self.node().end }
    }

    /// This element and all elements below it, in document order.
    pub fn descendants(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let document = self.document;
        (self.index..self.node().end).map(move |index| Element { document, index })
    }

    /// The value of the attribute of this expanded name.
    #[must_use]
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<&'d str> {
        self.attributes().find(|(name, _)| *name == Name::new(namespace, local)).map(|(_, value)| value)
    }

    /// The attributes that are no namespace declarations, in document order.
    pub fn attributes(&self) -> impl Iterator<Item = (Name<'d>, &'d str)> + use<'d> {
        let document = self.document;
        let attributes = document.attributes.get(self.node().attributes.clone()).unwrap_or_default();
        attributes.iter().map(move |attribute| {
            (
                Name::new(document.namespace(attribute.namespace), attribute.local()),
                document.texts.get(&attribute.value),
            )
        })
    }
}

/// The child elements of an element.
#[derive(Clone)]
pub struct Children<'d> {
    document: &'d Document<'d>,
    next: usize,
    end: usize,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        if self.next >= self.end {
            return None;
        }
        let child = Element { document: self.document, index: self.next };
        self.next = child.node().end;
        Some(child)
    }
}
