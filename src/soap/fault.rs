//! Faults as bytes, in both versions. Texts are fixed; nothing of a request is in them but, in SOAP 1.2, the names of
//! header blocks that were not understood.

use crate::soap::escape::{push_attribute, push_text};
use crate::soap::reply::write_message;
use crate::soap::{Name, Version, namespaces};

/// How many header blocks a fault names: they are the one thing that is taken from a request.
const NOT_UNDERSTOOD_MAX: usize = 8;

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

/// Where a code stands and what it is called there.
enum Place {
    /// A code of the envelope's own namespace.
    Envelope { soap_11: &'static str, soap_12: &'static str },
    /// A subcode of SOAP 1.2's remote procedure calls.
    Rpc(&'static str),
    /// A code of WS-Security.
    Security(&'static str),
}

impl FaultCode {
    const fn place(self) -> Place {
        const fn envelope(soap_11: &'static str, soap_12: &'static str) -> Place {
            Place::Envelope { soap_11, soap_12 }
        }
        match self {
            Self::BadArguments => Place::Rpc("BadArguments"),
            Self::Client => envelope("Client", "Sender"),
            Self::DataEncodingUnknown => envelope("Client", "DataEncodingUnknown"),
            Self::FailedAuthentication => Place::Security("FailedAuthentication"),
            Self::FailedCheck => Place::Security("FailedCheck"),
            Self::InvalidSecurity => Place::Security("InvalidSecurity"),
            Self::InvalidSecurityToken => Place::Security("InvalidSecurityToken"),
            Self::MessageExpired => Place::Security("MessageExpired"),
            Self::MustUnderstand => envelope("MustUnderstand", "MustUnderstand"),
            Self::ProcedureNotPresent => Place::Rpc("ProcedureNotPresent"),
            Self::SecurityTokenUnavailable => Place::Security("SecurityTokenUnavailable"),
            Self::Server => envelope("Server", "Receiver"),
            Self::UnsupportedAlgorithm => Place::Security("UnsupportedAlgorithm"),
            Self::UnsupportedSecurityToken => Place::Security("UnsupportedSecurityToken"),
            Self::VersionMismatch => envelope("VersionMismatch", "VersionMismatch"),
        }
    }

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
        match version {
            Version::Soap11 => write_message(version, |out| self.push_header(out, version), |out| self.push_11(out)),
            Version::Soap12 => write_message(version, |out| self.push_header(out, version), |out| self.push_12(out)),
        }
    }

    /// SOAP 1.1, 4.4. No detail: it would speak of the body alone. No dots in codes (WS-I R1031).
    fn push_11(&self, out: &mut String) {
        out.push_str("<S:Fault>");
        match self.code.place() {
            Place::Envelope { soap_11, .. } => {
                out.push_str("<faultcode>S:");
                out.push_str(soap_11);
            }
            Place::Rpc(_) => out.push_str("<faultcode>S:Client"),
            Place::Security(code) => {
                out.push_str("<faultcode xmlns:wsse=\"");
                out.push_str(namespaces::WSSE);
                out.push_str("\">wsse:");
                out.push_str(code);
            }
        }
        out.push_str("</faultcode><faultstring>");
        self.push_reason(out);
        out.push_str("</faultstring></S:Fault>");
    }

    /// SOAP 1.2 part 1, 5.4.
    fn push_12(&self, out: &mut String) {
        out.push_str("<env:Fault><env:Code><env:Value>env:");
        let (code, subcode) = match self.code.place() {
            Place::Envelope { soap_12, .. } => (soap_12, None),
            Place::Rpc(code) => ("Sender", Some(("rpc", namespaces::SOAP_12_RPC, code))),
            Place::Security(code) => ("Sender", Some(("wsse", namespaces::WSSE, code))),
        };
        out.push_str(code);
        out.push_str("</env:Value>");
        if let Some((prefix, namespace, code)) = subcode {
            for part in ["<env:Subcode><env:Value xmlns:", prefix, "=\"", namespace, "\">", prefix, ":", code] {
                out.push_str(part);
            }
            out.push_str("</env:Value></env:Subcode>");
        }
        out.push_str("</env:Code><env:Reason><env:Text xml:lang=\"en\">");
        self.push_reason(out);
        out.push_str("</env:Text></env:Reason></env:Fault>");
    }

    fn push_reason(&self, out: &mut String) {
        push_text(out, self.text);
        if let Some(incident) = self.incident {
            out.push_str(" (incident ");
            push_text(out, incident);
            out.push(')');
        }
    }

    /// The header that helps the sender along, where the standard has one for the code.
    fn push_header(&self, out: &mut String, version: Version) {
        let (open, close) = match version {
            Version::Soap11 => ("<S:Header>", "</S:Header>"),
            Version::Soap12 => ("<env:Header>", "</env:Header>"),
        };
        let not_understood = self.code == FaultCode::MustUnderstand && !self.not_understood.is_empty();
        if self.code == FaultCode::VersionMismatch {
            out.push_str(open);
            push_upgrade(out);
            out.push_str(close);
        } else if not_understood && version == Version::Soap12 {
            out.push_str(open);
            for name in self.not_understood.iter().take(NOT_UNDERSTOOD_MAX) {
                out.push_str("<env:NotUnderstood qname=\"n:");
                push_attribute(out, name.local);
                out.push_str("\" xmlns:n=\"");
                push_attribute(out, name.namespace);
                out.push_str("\"/>");
            }
            out.push_str(close);
        }
    }
}

/// Says which envelopes are spoken here, the better one first (SOAP 1.2 part 1, 5.4.7). Around a SOAP 1.1 fault this is
/// allowed as well (appendix A), hence the prefixes of its own.
fn push_upgrade(out: &mut String) {
    out.push_str("<u:Upgrade xmlns:u=\"");
    out.push_str(namespaces::SOAP_12);
    out.push_str("\">");
    for spoken in [Version::Soap12, Version::Soap11] {
        out.push_str("<u:SupportedEnvelope qname=\"n:Envelope\" xmlns:n=\"");
        out.push_str(spoken.namespace());
        out.push_str("\"/>");
    }
    out.push_str("</u:Upgrade>");
}
