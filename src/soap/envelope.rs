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
    /// ```
    /// use soapgate::soap::{Argument, Document, Envelope, Limits, Version};
    ///
    /// let text = "<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'><Body>\
    ///             <ask xmlns='urn:n'><who>zoë</who></ask></Body></Envelope>";
    /// let document = Document::read(text, &Limits::default())?;
    /// let envelope = Envelope::read(&document)?;
    /// assert_eq!(envelope.version(), Version::Soap12);
    /// let who = envelope.operation().map(|operation| operation.argument("urn:n", "who"));
    /// assert!(matches!(who, Some(Argument::Once(who)) if who.text() == "zoë"));
    /// # Ok::<(), soapgate::soap::ReadError>(())
    /// ```
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::Limits;
    use crate::soap::namespaces::{SOAP_11, SOAP_12};

    /// Reads `<s:Envelope>` of a namespace around `inner`; what is asked is asked of the envelope.
    fn ask<T>(
        namespace: &str,
        inner: &str,
        question: impl FnOnce(Envelope<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadErrorKind> {
        let text = format!("<s:Envelope xmlns:s='{namespace}' xmlns:x='urn:x'>{inner}</s:Envelope>");
        let document = Document::read(&text, &Limits::default()).expect("a document");
        Envelope::read(&document).and_then(question).map_err(|error| error.kind)
    }

    fn not_understood(namespace: &str, block: &str) -> Result<usize, ReadErrorKind> {
        let inner = format!("<s:Header>{block}</s:Header><s:Body/>");
        ask(namespace, &inner, |envelope| Ok(envelope.not_understood(|name| name.local == "known").len()))
    }

    #[test]
    fn the_version_is_the_namespace_of_the_envelope() {
        assert_eq!(ask(SOAP_11, "<s:Body/>", |envelope| Ok(envelope.version())), Ok(Version::Soap11));
        assert_eq!(ask(SOAP_12, "<s:Body/>", |envelope| Ok(envelope.version())), Ok(Version::Soap12));
        let other = ask("http://www.w3.org/2001/12/soap-envelope", "<s:Body/>", |_| Ok(()));
        assert_eq!(other, Err(ReadErrorKind::VersionMismatch));
        for text in ["<Envelope><Body/></Envelope>", "<Envelope xmlns='urn:x'/>"] {
            let document = Document::read(text, &Limits::default()).expect("a document");
            assert_eq!(Envelope::read(&document).map(drop), Err(ReadErrorKind::VersionMismatch.into()));
        }
        for text in ["<envelope/>".to_owned(), format!("<Body xmlns='{SOAP_11}'/>"), "<html/>".to_owned()] {
            let document = Document::read(&text, &Limits::default()).expect("a document");
            assert_eq!(Envelope::read(&document).map(drop), Err(ReadErrorKind::NotAnEnvelope.into()));
        }
    }

    #[test]
    fn header_comes_first_and_nothing_after_the_one_body() {
        use ReadErrorKind::{MissingBody, SeveralOperations, StrayText, UnexpectedElement};
        let cases = [
            ("<s:Body/>", Ok(())),
            (" <s:Header/> <s:Body> <x:a/> </s:Body> ", Ok(())),
            ("<s:Header><!-- --></s:Header><s:Body><a>text</a></s:Body>", Ok(())),
            ("", Err(MissingBody)),
            ("<s:Header/>", Err(MissingBody)),
            ("<s:Body/><s:Header/>", Err(UnexpectedElement)),
            ("<s:Header/><s:Header/><s:Body/>", Err(UnexpectedElement)),
            ("<s:Body/><s:Body/>", Err(UnexpectedElement)),
            ("<s:Body/><x:a/>", Err(UnexpectedElement)),
            ("<x:a/><s:Body/>", Err(UnexpectedElement)),
            ("<Body/>", Err(UnexpectedElement)),
            ("<x:Body/>", Err(UnexpectedElement)),
            ("<s:Header><s:Body/></s:Header>", Err(MissingBody)),
            ("<s:Body><x:a/><x:a/></s:Body>", Err(SeveralOperations)),
            ("text<s:Body/>", Err(StrayText)),
            ("<s:Body/>text", Err(StrayText)),
            ("<s:Body>text</s:Body>", Err(StrayText)),
            ("<s:Body><![CDATA[text]]><x:a/></s:Body>", Err(StrayText)),
            ("<s:Body>&#1;</s:Body>", Err(StrayText)),
            ("<s:Header>text</s:Header><s:Body/>", Err(StrayText)),
            ("<s:Header><x:a/>text</s:Header><s:Body/>", Err(StrayText)),
        ];
        for (inner, expected) in cases {
            for namespace in [SOAP_11, SOAP_12] {
                assert_eq!(ask(namespace, inner, |_| Ok(())), expected, "{inner}");
            }
        }
    }

    #[test]
    fn an_error_in_the_envelope_knows_the_version_to_answer_in() {
        let text = format!("<s:Envelope xmlns:s='{SOAP_12}'/>");
        let document = Document::read(&text, &Limits::default()).expect("a document");
        let error = Envelope::read(&document).err().expect("no body");
        assert_eq!(error, ReadError::in_envelope(Version::Soap12, ReadErrorKind::MissingBody));
    }

    #[test]
    fn a_mandatory_block_for_us_must_be_understood() {
        for namespace in [SOAP_11, SOAP_12] {
            let cases = [
                ("", Ok(0)),
                ("<x:a/>", Ok(0)),
                ("<x:a s:mustUnderstand='0'/>", Ok(0)),
                ("<x:a s:mustUnderstand='false'/>", Ok(0)),
                ("<x:a mustUnderstand='1'/>", Ok(0)),
                ("<x:a x:mustUnderstand='1'/>", Ok(0)),
                ("<x:a s:mustUnderstand='1'/>", Ok(1)),
                ("<x:a s:mustUnderstand=' true '/>", Ok(1)),
                ("<x:known s:mustUnderstand='1'/>", Ok(0)),
                ("<x:known s:mustUnderstand='1'/><x:a s:mustUnderstand='1'/><x:a s:mustUnderstand='1'/>", Ok(2)),
                ("<x:a><x:b s:mustUnderstand='1'/></x:a>", Ok(0)),
                ("<x:a s:mustUnderstand='9'/>", Err(ReadErrorKind::BadMustUnderstand)),
                ("<x:a s:mustUnderstand=''/>", Err(ReadErrorKind::BadMustUnderstand)),
                ("<x:a s:mustUnderstand='TRUE'/>", Err(ReadErrorKind::BadMustUnderstand)),
                ("<a/>", Err(ReadErrorKind::UnqualifiedHeaderBlock)),
            ];
            for (block, expected) in cases {
                assert_eq!(not_understood(namespace, block), expected, "{block}");
            }
        }
    }

    #[test]
    fn blocks_for_other_nodes_are_left_alone() {
        let role = "http://www.w3.org/2003/05/soap-envelope/role";
        let cases = [
            (SOAP_11, "s:actor=''".to_owned(), true),
            (SOAP_11, "s:actor='http://schemas.xmlsoap.org/soap/actor/next'".to_owned(), true),
            (SOAP_11, "s:actor='urn:other'".to_owned(), false),
            (SOAP_11, format!("s:actor='{role}/next'"), false),
            (SOAP_11, "s:role='urn:other'".to_owned(), true),
            (SOAP_12, "s:role=''".to_owned(), true),
            (SOAP_12, format!("s:role='{role}/next'"), true),
            (SOAP_12, format!("s:role='{role}/ultimateReceiver' s:relay='true'"), true),
            (SOAP_12, format!("s:role='{role}/none'"), false),
            (SOAP_12, "s:role='urn:other' s:relay='1'".to_owned(), false),
            (SOAP_12, "s:actor='urn:other'".to_owned(), true),
        ];
        for (namespace, attribute, ours) in cases {
            let mandatory = format!("<x:a {attribute} s:mustUnderstand='1'/>");
            assert_eq!(not_understood(namespace, &mandatory), Ok(usize::from(ours)), "{mandatory}");
            let bad = format!("<x:a {attribute} s:mustUnderstand='9'/>");
            let expected = if ours { Err(ReadErrorKind::BadMustUnderstand) } else { Ok(0) };
            assert_eq!(not_understood(namespace, &bad), expected, "{bad}");
        }
    }

    #[test]
    fn encoding_style_has_its_places_and_values_in_soap_12() {
        use ReadErrorKind::{EncodingStyleMisplaced, EncodingStyleUnknown};
        let none = "s:encodingStyle='http://www.w3.org/2003/05/soap-envelope/encoding/none'";
        let soap = "s:encodingStyle='http://www.w3.org/2003/05/soap-encoding'";
        let other = "s:encodingStyle='http://schemas.xmlsoap.org/soap/encoding/'";
        let cases = [
            ("<s:Body><x:a/></s:Body>".to_owned(), Ok(())),
            (format!("<s:Body><x:a {none}><b {soap}/></x:a></s:Body>"), Ok(())),
            (format!("<s:Body {soap}/>"), Err(EncodingStyleMisplaced)),
            (format!("<s:Header {none}/><s:Body/>"), Err(EncodingStyleMisplaced)),
            (format!("<s:Body><x:a {other}/></s:Body>"), Err(EncodingStyleUnknown)),
            (format!("<s:Body><x:a><b {other}/></x:a></s:Body>"), Err(EncodingStyleUnknown)),
            (format!("<s:Header><x:h><b {other}/></x:h></s:Header><s:Body/>"), Err(EncodingStyleUnknown)),
            (format!("<s:Header><x:h s:role='urn:other' {other}/></s:Header><s:Body/>"), Ok(())),
        ];
        for (inner, expected) in cases {
            assert_eq!(ask(SOAP_12, &inner, |envelope| envelope.check_encoding_style()), expected, "{inner}");
            assert_eq!(ask(SOAP_11, &inner, |envelope| envelope.check_encoding_style()), Ok(()), "{inner}");
        }
        let root = format!("<s:Envelope xmlns:s='{SOAP_12}' {soap}><s:Body/></s:Envelope>");
        let document = Document::read(&root, &Limits::default()).expect("a document");
        let envelope = Envelope::read(&document).expect("an envelope");
        assert_eq!(envelope.check_encoding_style().map_err(|error| error.kind), Err(EncodingStyleMisplaced));
    }
}
