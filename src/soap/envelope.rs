//! The envelope: its version, its header blocks and the one operation in its body.

use crate::soap::{Document, Element, HeaderBlock, Name, Operation, ReadError, ReadErrorKind, Version};

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
        let _ = document;
        Err(ReadErrorKind::NotAnEnvelope.into())
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
    /// the message may be processed; nothing of it may be looked at before.
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
        let _ = self.root;
        Ok(())
    }
}
