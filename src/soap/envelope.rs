//! The envelope: its version, its header blocks and the one operation in its body.

use crate::soap::chars::all_blank;
use crate::soap::{Document, Element, HeaderBlock, Name, Operation, ReadError, ReadErrorKind, Version};

/// SOAP 1.2 part 1, 5.1.1: nothing is claimed about the encoding.
const ENCODING_NONE: &str = "http://www.w3.org/2003/05/soap-envelope/encoding/none";
/// SOAP 1.2 part 2, 3: the SOAP encoding.
const ENCODING_SOAP: &str = "http://www.w3.org/2003/05/soap-encoding";

/// An envelope whose shape is right. Whether its mandatory header blocks are understood is the caller's next question.
#[derive(Clone, Copy)]
pub struct Envelope<'d> {
    version: Version,
    root: Element<'d>,
    header: Option<Element<'d>>,
    body: Element<'d>,
}

impl<'d> Envelope<'d> {
    /// Takes the envelope out of a document: Header at most once and first, Body once, nothing after it, no text
    /// beside them, at most one child in Body, header blocks in a namespace and with a readable `mustUnderstand`.
    ///
    /// # Errors
    /// When the root is no envelope, is one of another version, or has another shape.
    pub fn read(document: &'d Document<'_>) -> Result<Self, ReadError> {
        let root = document.root();
        if root.name().local != "Envelope" {
            return Err(ReadErrorKind::NotAnEnvelope.into());
        }
        let version = Version::of_namespace(root.name().namespace).ok_or(ReadErrorKind::VersionMismatch)?;
        Self::read_parts(version, root).map_err(|kind| ReadError::in_envelope(version, kind))
    }

    fn read_parts(version: Version, root: Element<'d>) -> Result<Self, ReadErrorKind> {
        let namespace = version.namespace();
        let mut parts = root.children().peekable();
        let header = parts.next_if(|first| first.is(namespace, "Header"));
        let body = parts.next().ok_or(ReadErrorKind::MissingBody)?;
        // Qualified elements after the body are SOAP 1.1's; WS-I (R1011) and SOAP 1.2 forbid them.
        if !body.is(namespace, "Body") || parts.next().is_some() {
            return Err(ReadErrorKind::UnexpectedElement);
        }
        if [Some(root), header, Some(body)].into_iter().flatten().any(|part| has_text(&part)) {
            return Err(ReadErrorKind::StrayText);
        }
        if body.children().nth(1).is_some() {
            return Err(ReadErrorKind::SeveralOperations);
        }
        let envelope = Self { version, root, header, body };
        for block in envelope.header_blocks() {
            if block.name().namespace.is_empty() {
                return Err(ReadErrorKind::UnqualifiedHeaderBlock);
            }
            if block.is_ours() && block.must_understand().is_none() {
                return Err(ReadErrorKind::BadMustUnderstand);
            }
        }
        Ok(envelope)
    }

    /// The version, told by the envelope's namespace.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The header blocks, for whichever node they are meant.
    pub fn header_blocks(&self) -> impl Iterator<Item = HeaderBlock<'d>> + use<'d> {
        let version = self.version;
        self.header.into_iter().flat_map(|header| header.children()).map(move |block| HeaderBlock::new(version, block))
    }

    /// The mandatory header blocks meant for us that `understood` does not know, in document order. Empty means that
    /// the message may be processed; nothing of it may be looked at before (SOAP 1.2 part 1, 2.6).
    pub fn not_understood(&self, understood: impl Fn(&Name<'d>) -> bool) -> Vec<Name<'d>> {
        self.header_blocks()
            .filter(|block| block.mandatory() && block.is_ours())
            .map(|block| block.name())
            .filter(|name| !understood(name))
            .collect()
    }

    /// The one child of the body; `None` when the body is empty.
    #[must_use]
    pub fn operation(&self) -> Option<Operation<'d>> {
        self.body.children().next().map(Operation::new)
    }

    /// The rules of SOAP 1.2 part 1, 5.1.1 for `encodingStyle`; always fine in SOAP 1.1. Off by default, because
    /// toolkits break them.
    ///
    /// # Errors
    /// When the attribute stands on Envelope, Header or Body, or names an unknown encoding in the body or in a header
    /// block meant for us.
    pub fn check_encoding_style(&self) -> Result<(), ReadError> {
        if self.version == Version::Soap11 {
            return Ok(());
        }
        let style = |element: &Element<'d>| element.attribute(Version::Soap12.namespace(), "encodingStyle");
        let frame = [Some(self.root), self.header, Some(self.body)];
        if frame.iter().flatten().any(|part| style(part).is_some()) {
            return Err(ReadError::in_envelope(self.version, ReadErrorKind::EncodingStyleMisplaced));
        }
        let ours = self.header_blocks().filter(HeaderBlock::is_ours).map(|block| block.element());
        let known = |style: &str| matches!(style.trim(), ENCODING_NONE | ENCODING_SOAP);
        let mut elements = ours.chain(self.body.children()).flat_map(|part| part.descendants());
        if elements.any(|element| style(&element).is_some_and(|style| !known(style))) {
            return Err(ReadError::in_envelope(self.version, ReadErrorKind::EncodingStyleUnknown));
        }
        Ok(())
    }
}

/// Whether an element that should hold elements only holds text, or would if XML allowed it.
fn has_text(element: &Element<'_>) -> bool {
    element.stray_text() || !all_blank(element.text()) || element.forbidden_reference()
}
