//! The namespace names that SOAP, WS-Security and XML itself fix.

/// SOAP 1.1 envelope (W3C Note, 4.1.2).
pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// SOAP 1.2 envelope (Part 1, 5).
pub const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// SOAP 1.2 remote procedure calls: the namespace of the fault subcodes (Part 2, 4.4).
pub const SOAP_12_RPC: &str = "http://www.w3.org/2003/05/soap-rpc";
/// WS-Security 1.0: `Security`, `UsernameToken` and the fault codes.
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// WS-Security 1.1: `Salt` and `Iteration` of a token.
pub const WSSE_11: &str = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
/// WS-Security utilities: `Timestamp`, `Created`, `Expires`.
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// XML Schema instances: `xsi:nil`, `xsi:type`.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The prefix `xml`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The prefix `xmlns`.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
