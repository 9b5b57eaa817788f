//! What a parser reads from a document, in a form that can be compared.

use rxml::error::EndOrError;
use rxml::parser::CommentMode;
use rxml::{Event, Options, Parse, Parser, WithOptions};
use serde_json::{Value, json};
use soapgate::soap::{Document, Limits, ReadError, ReadErrorKind, decode};

/// An element: where it stands, its expanded name, its attributes sorted by expanded name, its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ElementReading {
    depth: usize,
    name: (String, String),
    attributes: Vec<(String, String, String)>,
    /// All text of an element without child elements; `None` with child elements.
    text: Option<String>,
    /// Whether anything but blanks stands beside child elements.
    stray_text: bool,
}

/// The elements in document order.
pub(crate) type Reading = Vec<ElementReading>;

/// What we make of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Read, but a forbidden character was given by reference.
    Marked,
    Read(Reading),
    Refused(ReadErrorKind),
}

impl Verdict {
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Marked => ReadErrorKind::ForbiddenReference.label(),
            Self::Read(_) => "ok",
            Self::Refused(kind) => kind.label(),
        }
    }
}

/// Limits that no document of a comparison reaches: the parsers differ in theirs.
fn no_limits() -> Limits {
    let most = usize::MAX;
    Limits {
        depth: most,
        elements: most,
        children: most,
        attributes: most,
        attribute_bytes: most,
        text_bytes: most,
        name_bytes: most,
        namespaces: most,
    }
}

/// Reads bytes as a call's body is read.
pub(crate) fn read(body: &[u8], charset: Option<&str>) -> Verdict {
    decode(body, charset).map_or_else(|error| Verdict::Refused(error.kind), |text| read_text(&text))
}

pub(crate) fn read_text(text: &str) -> Verdict {
    match Document::read(text, &no_limits()) {
        Ok(document) if document.forbidden_reference() => Verdict::Marked,
        Ok(document) => Verdict::Read(reading_of(&document)),
        Err(ReadError { kind, .. }) => Verdict::Refused(kind),
    }
}

fn reading_of(document: &Document<'_>) -> Reading {
    let mut reading = Reading::new();
    let mut waiting = vec![(0, document.root())];
    while let Some((depth, element)) = waiting.pop() {
        let name = element.name();
        let mut attributes: Vec<_> = element
            .attributes()
            .map(|(name, value)| (name.namespace.to_owned(), name.local.to_owned(), value.to_owned()))
            .collect();
        attributes.sort();
        reading.push(ElementReading {
            depth,
            name: (name.namespace.to_owned(), name.local.to_owned()),
            attributes,
            text: (!element.has_children()).then(|| element.text().to_owned()),
            stray_text: element.stray_text(),
        });
        let children: Vec<_> = element.children().map(|child| (depth + 1, child)).collect();
        waiting.extend(children.into_iter().rev());
    }
    reading
}

/// A reading as `tests/xml_oracle.py` writes it.
pub(crate) fn as_json(reading: &Reading) -> Value {
    let element = |element: &ElementReading| {
        let (namespace, local) = &element.name;
        json!([element.depth, namespace, local, element.attributes, element.text, element.stray_text])
    };
    reading.iter().map(element).collect()
}

/// What rxml reads.
pub(crate) fn read_by_rxml(text: &str) -> Result<Reading, rxml::Error> {
    let options = Options { max_token_length: 1 << 22, comments: CommentMode::Discard, ..Options::default() };
    let mut parser = Parser::with_options(options);
    let mut rest = text.as_bytes();
    let mut reading = Reading::new();
    // The index of each open element, with all its text so far.
    let mut open: Vec<(usize, String)> = Vec::new();
    loop {
        match parser.parse(&mut rest, true) {
            Ok(None) => return Ok(reading),
            Ok(Some(Event::XmlDeclaration(..))) => {}
            Ok(Some(Event::StartElement(_, (namespace, local), attributes))) => {
                if let Some((parent, _)) = open.last() {
                    reading[*parent].text = None;
                }
                let mut attributes: Vec<_> = attributes
                    .into_iter()
                    .map(|((namespace, local), value)| (namespace.to_string(), local.to_string(), value))
                    .collect();
                attributes.sort();
                open.push((reading.len(), String::new()));
                reading.push(ElementReading {
                    depth: open.len() - 1,
                    name: (namespace.to_string(), local.to_string()),
                    attributes,
                    text: Some(String::new()),
                    stray_text: false,
                });
            }
            Ok(Some(Event::Text(_, piece))) => {
                if let Some((_, text)) = open.last_mut() {
                    text.push_str(&piece);
                }
            }
            Ok(Some(Event::EndElement(_))) => {
                let (index, text) = open.pop().expect("an element is open");
                let element = &mut reading[index];
                if element.text.is_some() {
                    element.text = Some(text);
                } else {
                    element.stray_text = text.contains(|character| !matches!(character, ' ' | '\t' | '\n' | '\r'));
                }
            }
            Err(EndOrError::Error(error)) => return Err(error),
            Err(EndOrError::NeedMoreData) => unreachable!("rxml was told that this is all"),
        }
    }
}
