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
    ///
    /// ```
    /// use soapgate::soap::{Fault, FaultCode, Version};
    ///
    /// let fault = Fault::new(FaultCode::Server, "Nobody knows").with_incident("abcdefghijklmnop");
    /// let text = String::from_utf8(fault.write(Version::Soap11)).unwrap();
    /// assert!(text.contains("<faultstring>Nobody knows (incident abcdefghijklmnop)</faultstring>"));
    /// ```
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::namespaces::WSSE;

    const HEAD_11: &str = "<?xml version='1.0' encoding='UTF-8'?>\
        <S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\">";
    const HEAD_12: &str = "<?xml version='1.0' encoding='UTF-8'?>\
        <env:Envelope xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\">";

    fn check(fault: &Fault<'_>, version: Version, expected: &str) {
        assert_eq!(String::from_utf8(fault.write(version)).expect("text"), expected);
    }

    #[test]
    fn a_soap_11_fault_has_unqualified_children_and_a_prefixed_code() {
        let fault = Fault::new(FaultCode::Client, "a < b").with_incident("abcdefghijklmnop");
        let expected = format!(
            "{HEAD_11}<S:Body><S:Fault><faultcode>S:Client</faultcode><faultstring>a &lt; b (incident abcdefghijklmnop)\
             </faultstring></S:Fault></S:Body></S:Envelope>"
        );
        check(&fault, Version::Soap11, &expected);
        let expected = format!(
            "{HEAD_11}<S:Body><S:Fault><faultcode xmlns:wsse=\"{WSSE}\">wsse:FailedAuthentication</faultcode>\
             <faultstring>x</faultstring></S:Fault></S:Body></S:Envelope>"
        );
        check(&Fault::new(FaultCode::FailedAuthentication, "x"), Version::Soap11, &expected);
    }

    #[test]
    fn a_soap_12_fault_has_code_and_reason() {
        let fault = Fault::new(FaultCode::Server, "x").with_incident("i");
        let expected = format!(
            "{HEAD_12}<env:Body><env:Fault><env:Code><env:Value>env:Receiver</env:Value></env:Code><env:Reason>\
             <env:Text xml:lang=\"en\">x (incident i)</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>"
        );
        check(&fault, Version::Soap12, &expected);
        for (code, prefix, namespace, value) in [
            (FaultCode::InvalidSecurity, "wsse", WSSE, "wsse:InvalidSecurity"),
            (FaultCode::ProcedureNotPresent, "rpc", namespaces::SOAP_12_RPC, "rpc:ProcedureNotPresent"),
        ] {
            let expected = format!(
                "{HEAD_12}<env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode>\
                 <env:Value xmlns:{prefix}=\"{namespace}\">{value}</env:Value></env:Subcode></env:Code><env:Reason>\
                 <env:Text xml:lang=\"en\">x</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>"
            );
            check(&Fault::new(code, "x"), Version::Soap12, &expected);
        }
    }

    #[test]
    fn a_version_mismatch_says_which_envelopes_are_spoken() {
        let upgrade = "<u:Upgrade xmlns:u=\"http://www.w3.org/2003/05/soap-envelope\">\
            <u:SupportedEnvelope qname=\"n:Envelope\" xmlns:n=\"http://www.w3.org/2003/05/soap-envelope\"/>\
            <u:SupportedEnvelope qname=\"n:Envelope\" xmlns:n=\"http://schemas.xmlsoap.org/soap/envelope/\"/></u:Upgrade>";
        let fault = Fault::new(FaultCode::VersionMismatch, "x");
        let expected = format!(
            "{HEAD_11}<S:Header>{upgrade}</S:Header><S:Body><S:Fault><faultcode>S:VersionMismatch</faultcode>\
             <faultstring>x</faultstring></S:Fault></S:Body></S:Envelope>"
        );
        check(&fault, Version::Soap11, &expected);
        let expected = format!(
            "{HEAD_12}<env:Header>{upgrade}</env:Header><env:Body><env:Fault><env:Code><env:Value>env:VersionMismatch\
             </env:Value></env:Code><env:Reason><env:Text xml:lang=\"en\">x</env:Text></env:Reason></env:Fault>\
             </env:Body></env:Envelope>"
        );
        check(&fault, Version::Soap12, &expected);
    }

    #[test]
    fn blocks_not_understood_are_named_in_soap_12_and_not_without_end() {
        let names = [Name::new("urn:\"<&>", "é"); 9];
        let fault = Fault { not_understood: &names, ..Fault::new(FaultCode::MustUnderstand, "x") };
        let text = String::from_utf8(fault.write(Version::Soap12)).expect("text");
        let block = "<env:NotUnderstood qname=\"n:é\" xmlns:n=\"urn:&quot;&lt;&amp;&gt;\"/>";
        let expected = format!("{HEAD_12}<env:Header>{}</env:Header><env:Body>", block.repeat(8));
        assert!(text.starts_with(&expected), "{text}");
        let text = String::from_utf8(fault.write(Version::Soap11)).expect("text");
        assert!(text.contains("<faultcode>S:MustUnderstand</faultcode>") && !text.contains("NotUnderstood"), "{text}");
    }

    #[test]
    fn every_code_has_its_soap_11_spelling_without_dots() {
        use FaultCode::{
            BadArguments, Client, DataEncodingUnknown, FailedAuthentication, FailedCheck, InvalidSecurity,
            InvalidSecurityToken, MessageExpired, MustUnderstand, ProcedureNotPresent, SecurityTokenUnavailable,
            Server, UnsupportedAlgorithm, UnsupportedSecurityToken, VersionMismatch,
        };
        let cases = [
            (BadArguments, "S:Client", 400),
            (Client, "S:Client", 400),
            (DataEncodingUnknown, "S:Client", 500),
            (FailedAuthentication, "wsse:FailedAuthentication", 400),
            (FailedCheck, "wsse:FailedCheck", 400),
            (InvalidSecurity, "wsse:InvalidSecurity", 400),
            (InvalidSecurityToken, "wsse:InvalidSecurityToken", 400),
            (MessageExpired, "wsse:MessageExpired", 400),
            (MustUnderstand, "S:MustUnderstand", 500),
            (ProcedureNotPresent, "S:Client", 400),
            (SecurityTokenUnavailable, "wsse:SecurityTokenUnavailable", 400),
            (Server, "S:Server", 500),
            (UnsupportedAlgorithm, "wsse:UnsupportedAlgorithm", 400),
            (UnsupportedSecurityToken, "wsse:UnsupportedSecurityToken", 400),
            (VersionMismatch, "S:VersionMismatch", 500),
        ];
        for (code, spelling, status_12) in cases {
            let text = String::from_utf8(Fault::new(code, "x").write(Version::Soap11)).expect("text");
            assert!(text.contains(&format!(">{spelling}</faultcode>")), "{text}");
            assert_eq!(
                (code.standard_status(Version::Soap11), code.standard_status(Version::Soap12)),
                (500, status_12)
            );
        }
    }
}
