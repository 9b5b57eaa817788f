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
        let name = self.name();
        // The local name first: it is short and tells most elements apart.
        name.local == local && name.namespace == namespace
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(inner: &str, expected: &str) {
        let text = format!("<a>{inner}</a>");
        let document = Document::read(&text, &Limits::default()).expect("a document");
        assert_eq!(document.root().text(), expected, "{text:?}");
        assert!(!document.root().has_children() && !document.root().stray_text());
    }

    #[test]
    fn text_is_joined_from_all_its_pieces_and_never_trimmed() {
        check_text("", "");
        check_text(" p  w ", " p  w ");
        check_text("a<!-- b -->c", "ac");
        check_text("<![CDATA[<&]]>&#x3e;<![CDATA[]]]]><![CDATA[>]]>", "<&>]]>");
        check_text("p&amp;&lt;&gt;\"'é€ ", "p&<>\"'é€ ");
        check_text("&amp;lt;", "&lt;");
        check_text("a\r\nb\rc&#13;&#xA;<![CDATA[\r\n]]>", "a\nb\nc\r\n\n");
    }

    #[test]
    fn text_beside_elements_is_only_told() {
        let cases = [
            ("<a> \n<b/>\t</a>", false),
            ("<a>x<b/></a>", true),
            ("<a><b/>x</a>", true),
            ("<a>&#32;<b/>&#10;</a>", false),
            ("<a><b/>&#x41;</a>", true),
            ("<a><b/><![CDATA[x]]></a>", true),
            ("<a>1&lt;2<b>3&lt;4</b></a>", true),
        ];
        for (text, stray) in cases {
            let document = Document::read(text, &Limits::default()).expect("a document");
            assert_eq!((document.root().text(), document.root().stray_text()), ("", stray), "{text}");
        }
        let document = Document::read("<a>1&lt;2<b c='&lt;'>3&lt;4</b></a>", &Limits::default()).expect("a document");
        let child = document.root().children().next().expect("a child");
        assert_eq!((child.text(), child.attribute("", "c")), ("3<4", Some("<")));
    }

    #[test]
    fn a_forbidden_reference_is_seen_and_left_out() {
        for reference in ["&#0;", "&#1;", "&#x1F;", "&#xFFFE;", "&#xD83D;", "&#x110000;", "&#4294967361;"] {
            let text = format!("<a><b>1{reference}2</b><c/></a>");
            let document = Document::read(&text, &Limits::default()).expect("a document");
            let seen: Vec<_> = document.root().descendants().map(|element| element.forbidden_reference()).collect();
            assert_eq!(seen, [false, true, false], "{text}");
            assert!(document.forbidden_reference());
            assert_eq!(document.root().children().next().map(|child| child.text()), Some("12"));
        }
        let document = Document::read("<a>&#9;&#10;&#13;</a>", &Limits::default()).expect("a document");
        assert!(!document.forbidden_reference());
    }

    #[test]
    fn names_are_expanded_where_they_stand() {
        let text = "<a xmlns='u' xmlns:p='v' b='1' p:b='2' xml:lang='en'><p:c xmlns:p='w&amp;'/><d xmlns=''/><e/></a>";
        let document = Document::read(text, &Limits::default()).expect("a document");
        let root = document.root();
        assert!(root.is("u", "a"));
        assert_eq!(root.attribute("", "b"), Some("1"));
        assert_eq!(root.attribute("v", "b"), Some("2"));
        assert_eq!(root.attribute("u", "b"), None);
        assert_eq!(root.attribute(crate::soap::namespaces::XML, "lang"), Some("en"));
        assert_eq!(root.attributes().count(), 3);
        let children: Vec<_> = root.children().map(|child| child.name()).collect();
        assert_eq!(children, [Name::new("w&", "c"), Name::new("", "d"), Name::new("u", "e")]);
    }

    #[test]
    fn children_and_descendants_are_walked_in_order() {
        let text = "<a><b><c/><d><e/></d></b><f/></a>";
        let document = Document::read(text, &Limits::default()).expect("a document");
        let locals = |elements: &mut dyn Iterator<Item = Element<'_>>| {
            elements.map(|element| element.name().local.to_owned()).collect::<String>()
        };
        let root = document.root();
        assert_eq!(locals(&mut root.children()), "bf");
        assert_eq!(locals(&mut root.descendants()), "abcdef");
        let first = root.children().next().expect("a child");
        assert_eq!((locals(&mut first.children()), locals(&mut first.descendants())), ("cd".into(), "bcde".into()));
    }
}
