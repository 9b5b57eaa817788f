//! Why a message cannot be read: a closed set, with fixed texts for the log and the wire. Nothing of the message is in
//! them.

use crate::soap::{FaultCode, Version};

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.kind.label())]
pub struct ReadError {
    /// What is wrong.
    pub kind: ReadErrorKind,
    /// The version to answer in; `None` when the envelope could not be read, then the media type decides
    /// ([`Version::of_media_type`], default 1.1).
    pub version: Option<Version>,
}

impl ReadError {
    /// An error found in an envelope of this version.
    #[must_use]
    pub const fn in_envelope(version: Version, kind: ReadErrorKind) -> Self {
        Self { kind, version: Some(version) }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.kind.label()
    }

    /// The text of the fault.
    #[must_use]
    pub const fn wire_text(&self) -> &'static str {
        self.kind.wire_text()
    }

    /// The code of the fault, in both versions.
    #[must_use]
    pub const fn fault_code(&self) -> FaultCode {
        self.kind.fault_code()
    }
}

impl From<ReadErrorKind> for ReadError {
    fn from(kind: ReadErrorKind) -> Self {
        Self { kind, version: None }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadErrorKind {
    /// An attribute value is longer than the limit.
    AttributeTooLong,
    /// `mustUnderstand` is neither true nor false.
    BadMustUnderstand,
    /// A document type declaration (SOAP 1.1 section 3, SOAP 1.2 part 1 section 5).
    DocumentType,
    /// Byte order mark, charset parameter and declaration disagree.
    EncodingContradiction,
    /// The bytes are not in the encoding they claim.
    EncodingInvalid,
    /// SOAP 1.2: `encodingStyle` on Envelope, Header or Body.
    EncodingStyleMisplaced,
    /// SOAP 1.2: an `encodingStyle` nobody knows.
    EncodingStyleUnknown,
    /// An encoding nobody reads here.
    EncodingUnknown,
    /// A character that XML forbids, given by reference: the document is otherwise read.
    ForbiddenReference,
    /// Not well-formed.
    Malformed(Flaw),
    /// The envelope has no body.
    MissingBody,
    /// A header block that must be understood is not.
    MustUnderstand,
    /// A name, or a namespace name, is longer than the limit.
    NameTooLong,
    /// The root is not an envelope.
    NotAnEnvelope,
    /// A `UsernameToken` carries a digest, which no identity service can check.
    PasswordDigest,
    /// A processing instruction.
    ProcessingInstruction,
    /// A Security header or token that is doubled, incomplete or contradicts the profile.
    SecurityInvalid,
    /// A security token of a kind that is not read here.
    SecurityTokenUnsupported,
    /// The body has more than one child.
    SeveralOperations,
    /// Text beside the elements of Envelope, Header or Body.
    StrayText,
    /// An element's text is longer than the limit.
    TextTooLong,
    /// Too many elements are open at once.
    TooDeep,
    /// An element has too many attributes.
    TooManyAttributes,
    /// An element has too many children.
    TooManyChildren,
    /// Too many elements and comments.
    TooManyElements,
    /// Too many namespace declarations.
    TooManyNamespaces,
    /// Something that is neither Header nor Body, a second one of them, or anything after the body.
    UnexpectedElement,
    /// A header block in no namespace.
    UnqualifiedHeaderBlock,
    /// An envelope of another version.
    VersionMismatch,
}

/// Why a document is not well-formed, for the log; on the wire they all look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A raw character that XML forbids, anywhere but in an element's text.
    Character,
    /// A raw character that XML forbids in an element's text, where somebody may have typed it.
    CharacterInText,
    /// `--` inside a comment.
    Comment,
    /// The XML declaration is misplaced or wrong.
    Declaration,
    /// Two attributes of one name.
    DoubledAttribute,
    /// An end tag that closes nothing or something else, or an element that is never closed.
    EndTag,
    /// Something broken between `<` and `>`.
    Markup,
    /// A name that is none.
    Name,
    /// A namespace declaration that is not allowed.
    NamespaceDeclaration,
    /// Something beside the one root element, or no root element.
    OutsideRoot,
    /// `&` that starts no reference, or a reference to nothing.
    Reference,
    /// A prefix that is not declared.
    UndeclaredPrefix,
    /// `]]>` in text.
    UnescapedSectionEnd,
}

impl From<Flaw> for ReadError {
    fn from(flaw: Flaw) -> Self {
        ReadErrorKind::Malformed(flaw).into()
    }
}

impl ReadErrorKind {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AttributeTooLong => "attribute-too-long",
            Self::BadMustUnderstand => "bad-must-understand",
            Self::DocumentType => "document-type",
            Self::EncodingContradiction => "encoding-contradiction",
            Self::EncodingInvalid => "encoding-invalid",
            Self::EncodingStyleMisplaced => "encoding-style-misplaced",
            Self::EncodingStyleUnknown => "encoding-style-unknown",
            Self::EncodingUnknown => "encoding-unknown",
            Self::ForbiddenReference => "forbidden-reference",
            Self::Malformed(flaw) => flaw.label(),
            Self::MissingBody => "missing-body",
            Self::MustUnderstand => "must-understand",
            Self::NameTooLong => "name-too-long",
            Self::NotAnEnvelope => "not-an-envelope",
            Self::PasswordDigest => "password-digest",
            Self::ProcessingInstruction => "processing-instruction",
            Self::SecurityInvalid => "security-invalid",
            Self::SecurityTokenUnsupported => "security-token-unsupported",
            Self::SeveralOperations => "several-operations",
            Self::StrayText => "stray-text",
            Self::TextTooLong => "text-too-long",
            Self::TooDeep => "too-deep",
            Self::TooManyAttributes => "too-many-attributes",
            Self::TooManyChildren => "too-many-children",
            Self::TooManyElements => "too-many-elements",
            Self::TooManyNamespaces => "too-many-namespaces",
            Self::UnexpectedElement => "unexpected-element",
            Self::UnqualifiedHeaderBlock => "unqualified-header-block",
            Self::VersionMismatch => "version-mismatch",
        }
    }

    /// The text of the fault.
    #[must_use]
    pub const fn wire_text(self) -> &'static str {
        match self {
            Self::AttributeTooLong
            | Self::NameTooLong
            | Self::TextTooLong
            | Self::TooDeep
            | Self::TooManyAttributes
            | Self::TooManyChildren
            | Self::TooManyElements
            | Self::TooManyNamespaces => "The message exceeds a limit of this server",
            Self::BadMustUnderstand => "The message has a mustUnderstand attribute that is neither true nor false",
            Self::DocumentType => "The message has a document type declaration, which SOAP forbids",
            Self::EncodingContradiction => "The message contradicts itself about its character encoding",
            Self::EncodingInvalid => "The message is not in the character encoding it claims",
            Self::EncodingStyleMisplaced => "The message has an encodingStyle attribute where SOAP 1.2 forbids it",
            Self::EncodingStyleUnknown => "The message uses an unknown encodingStyle",
            Self::EncodingUnknown => "The message is in a character encoding that is not supported",
            Self::ForbiddenReference | Self::Malformed(_) => "The message is not well-formed XML",
            Self::MissingBody | Self::NotAnEnvelope | Self::StrayText | Self::UnexpectedElement => {
                "The message is not a SOAP envelope"
            }
            Self::MustUnderstand => "The message has a mandatory header that is not understood",
            Self::PasswordDigest => {
                "Password digests cannot be checked by this server: send the password as PasswordText"
            }
            Self::ProcessingInstruction => "The message has a processing instruction, which SOAP forbids",
            Self::SecurityInvalid => "The message has a security header that cannot be read",
            Self::SecurityTokenUnsupported => "The message has a security token of an unsupported kind",
            Self::SeveralOperations => "The message has more than one operation in its body",
            Self::UnqualifiedHeaderBlock => "The message has a header without a namespace",
            Self::VersionMismatch => "The message has an envelope of an unsupported SOAP version",
        }
    }

    /// The code of the fault, in both versions.
    #[must_use]
    pub const fn fault_code(self) -> FaultCode {
        match self {
            Self::EncodingStyleUnknown => FaultCode::DataEncodingUnknown,
            Self::MustUnderstand => FaultCode::MustUnderstand,
            Self::PasswordDigest | Self::SecurityTokenUnsupported => FaultCode::UnsupportedSecurityToken,
            Self::SecurityInvalid => FaultCode::InvalidSecurity,
            Self::VersionMismatch => FaultCode::VersionMismatch,
            Self::AttributeTooLong
            | Self::BadMustUnderstand
            | Self::DocumentType
            | Self::EncodingContradiction
            | Self::EncodingInvalid
            | Self::EncodingStyleMisplaced
            | Self::EncodingUnknown
            | Self::ForbiddenReference
            | Self::Malformed(_)
            | Self::MissingBody
            | Self::NameTooLong
            | Self::NotAnEnvelope
            | Self::ProcessingInstruction
            | Self::SeveralOperations
            | Self::StrayText
            | Self::TextTooLong
            | Self::TooDeep
            | Self::TooManyAttributes
            | Self::TooManyChildren
            | Self::TooManyElements
            | Self::TooManyNamespaces
            | Self::UnexpectedElement
            | Self::UnqualifiedHeaderBlock => FaultCode::Client,
        }
    }
}

impl Flaw {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Character => "malformed-character",
            Self::CharacterInText => "malformed-character-in-text",
            Self::Comment => "malformed-comment",
            Self::Declaration => "malformed-declaration",
            Self::DoubledAttribute => "malformed-doubled-attribute",
            Self::EndTag => "malformed-end-tag",
            Self::Markup => "malformed-markup",
            Self::Name => "malformed-name",
            Self::NamespaceDeclaration => "malformed-namespace-declaration",
            Self::OutsideRoot => "malformed-outside-root",
            Self::Reference => "malformed-reference",
            Self::UndeclaredPrefix => "malformed-undeclared-prefix",
            Self::UnescapedSectionEnd => "malformed-unescaped-section-end",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use ReadErrorKind::*;

    const KINDS: [ReadErrorKind; 29] = [
        AttributeTooLong,
        BadMustUnderstand,
        DocumentType,
        EncodingContradiction,
        EncodingInvalid,
        EncodingStyleMisplaced,
        EncodingStyleUnknown,
        EncodingUnknown,
        ForbiddenReference,
        Malformed(Flaw::Character),
        MissingBody,
        MustUnderstand,
        NameTooLong,
        NotAnEnvelope,
        PasswordDigest,
        ProcessingInstruction,
        SecurityInvalid,
        SecurityTokenUnsupported,
        SeveralOperations,
        StrayText,
        TextTooLong,
        TooDeep,
        TooManyAttributes,
        TooManyChildren,
        TooManyElements,
        TooManyNamespaces,
        UnexpectedElement,
        UnqualifiedHeaderBlock,
        VersionMismatch,
    ];

    const FLAWS: [Flaw; 13] = [
        Flaw::Character,
        Flaw::CharacterInText,
        Flaw::Comment,
        Flaw::Declaration,
        Flaw::DoubledAttribute,
        Flaw::EndTag,
        Flaw::Markup,
        Flaw::Name,
        Flaw::NamespaceDeclaration,
        Flaw::OutsideRoot,
        Flaw::Reference,
        Flaw::UndeclaredPrefix,
        Flaw::UnescapedSectionEnd,
    ];

    #[test]
    fn every_kind_has_a_label_of_its_own() {
        let labels: HashSet<_> = KINDS.iter().map(|kind| kind.label()).chain(FLAWS.map(Flaw::label)).collect();
        assert_eq!(labels.len(), KINDS.len() + FLAWS.len() - 1);
    }

    #[test]
    fn flaws_look_alike_on_the_wire_and_so_does_a_forbidden_reference() {
        for flaw in FLAWS {
            assert_eq!(Malformed(flaw).wire_text(), ForbiddenReference.wire_text());
            assert_eq!(Malformed(flaw).fault_code(), ForbiddenReference.fault_code());
        }
    }

    #[test]
    fn only_what_the_standards_name_differs_from_a_client_fault() {
        let others: Vec<_> = KINDS.iter().filter(|kind| kind.fault_code() != FaultCode::Client).collect();
        assert_eq!(
            others,
            [
                &EncodingStyleUnknown,
                &MustUnderstand,
                &PasswordDigest,
                &SecurityInvalid,
                &SecurityTokenUnsupported,
                &VersionMismatch
            ]
        );
    }

    #[test]
    fn an_error_shows_its_label() {
        assert_eq!(ReadError::from(Flaw::EndTag).to_string(), "malformed-end-tag");
        assert_eq!(ReadError::in_envelope(Version::Soap12, StrayText).version, Some(Version::Soap12));
    }
}
