//! The WSDL documents in `wsdl/`: bound by yaserde, checked against the contract that they describe, and served with
//! the public address of the path that was asked.

use yaserde::YaDeserialize;

use crate::contract::alma_services::{ALMA_NAMESPACE, ALMA_SERVICES, AlmaService};
use crate::contract::authenticate::{AUTHENTICATE_CHILDREN, AUTHENTICATE_NAMESPACE, AUTHENTICATE_OPERATION};

/// What stands in the documents for the gateway's public base; the rest of its attribute is replaced as well, since
/// one document may be served at several paths.
const PUBLIC_BASE: &str = "{PUBLIC_BASE}";

static ALMA_DOCUMENTS: [(&str, &str); 7] = [
    ("UserAuthenticationWebServices", include_str!("../../wsdl/UserAuthenticationWebServices.wsdl")),
    ("UserWebServices", include_str!("../../wsdl/UserWebServices.wsdl")),
    ("ResourceManagementWebServices", include_str!("../../wsdl/ResourceManagementWebServices.wsdl")),
    ("CourseWebServices", include_str!("../../wsdl/CourseWebServices.wsdl")),
    ("LoanWebServices", include_str!("../../wsdl/LoanWebServices.wsdl")),
    ("RequestWebServices", include_str!("../../wsdl/RequestWebServices.wsdl")),
    ("AnalyticsWebServices", include_str!("../../wsdl/AnalyticsWebServices.wsdl")),
];

static AUTHENTICATE_DOCUMENT: &str = include_str!("../../wsdl/authenticate.wsdl");

/// Why a WSDL document does not describe its contract.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("wsdl/{document}.wsdl {problem}")]
pub struct WsdlError {
    document: &'static str,
    problem: String,
}

/// A document that was read and checked against its contract.
#[derive(Clone, Copy, Debug)]
pub struct Wsdl {
    text: &'static str,
}

impl Wsdl {
    /// The document of an Alma service, checked.
    ///
    /// # Errors
    /// When the document cannot be read or describes another contract.
    pub fn alma(service: &AlmaService) -> Result<Self, WsdlError> {
        let (document, text) = ALMA_DOCUMENTS
            .iter()
            .find(|(name, _)| *name == service.name)
            .ok_or_else(|| WsdlError { document: service.name, problem: "does not exist".to_owned() })?;
        let expected: Vec<Operation> = service
            .operations
            .iter()
            .map(|operation| Operation {
                name: operation.name.to_owned(),
                children: (0..operation.arguments).map(|n| format!("arg{n}")).collect(),
                reply: "SearchResults".to_owned(),
            })
            .collect();
        check(document, text, ALMA_NAMESPACE, Qualified::No, &expected)?;
        Ok(Self { text })
    }

    /// The document of the `authenticate` contract, checked.
    ///
    /// # Errors
    /// When the document cannot be read or describes another contract.
    pub fn authenticate() -> Result<Self, WsdlError> {
        let expected = [Operation {
            name: AUTHENTICATE_OPERATION.to_owned(),
            children: AUTHENTICATE_CHILDREN.iter().map(|&child| child.to_owned()).collect(),
            reply: "return".to_owned(),
        }];
        check("authenticate", AUTHENTICATE_DOCUMENT, AUTHENTICATE_NAMESPACE, Qualified::Yes, &expected)?;
        Ok(Self { text: AUTHENTICATE_DOCUMENT })
    }

    /// The document as it is served: `address` (public base and path) in place of every address in it.
    #[must_use]
    pub fn at(&self, address: &str) -> String {
        let address = address.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let mut pieces = self.text.split(PUBLIC_BASE);
        let mut served = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            served.push_str(&address);
            served.push_str(piece.find('"').and_then(|end| piece.get(end..)).unwrap_or(piece));
        }
        served
    }
}

/// Checks every document that the binary carries against the contract that it is served for.
#[must_use]
pub fn check_documents() -> Vec<(&'static str, Result<(), WsdlError>)> {
    let mut checked: Vec<_> =
        ALMA_SERVICES.iter().map(|service| (service.name, Wsdl::alma(service).map(|_| ()))).collect();
    checked.push(("authenticate", Wsdl::authenticate().map(|_| ())));
    checked
}

#[derive(Debug, PartialEq, Eq)]
struct Operation {
    name: String,
    children: Vec<String>,
    reply: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Qualified {
    No,
    Yes,
}

fn check(
    document: &'static str,
    text: &str,
    namespace: &str,
    qualified: Qualified,
    expected: &[Operation],
) -> Result<(), WsdlError> {
    let problem = |problem: String| WsdlError { document, problem };
    let wsdl: Definitions = yaserde::de::from_str(text).map_err(|error| problem(format!("cannot be read: {error}")))?;
    if wsdl.target_namespace != namespace || wsdl.types.schema.target_namespace != namespace {
        return Err(problem(format!("must have the target namespace {namespace}")));
    }
    let form = if qualified == Qualified::Yes { "qualified" } else { "unqualified" };
    if wsdl.types.schema.form != form {
        return Err(problem(format!("must say elementFormDefault=\"{form}\"")));
    }
    let described: Vec<Operation> = wsdl
        .port_type
        .operations
        .iter()
        .map(|operation| Operation {
            name: operation.name.clone(),
            children: wsdl.children_of(&operation.input),
            reply: wsdl.children_of(&operation.output).join(" "),
        })
        .collect();
    if described != expected {
        return Err(problem(format!("describes {described:?} where the contract has {expected:?}")));
    }
    for binding in &wsdl.bindings {
        if !binding.operations.iter().map(|o| &o.name).eq(expected.iter().map(|o| &o.name)) {
            return Err(problem(format!("binds other operations in {} than its port type has", binding.name)));
        }
    }
    if wsdl.bindings.is_empty() || text.matches(PUBLIC_BASE).count() != wsdl.bindings.len() {
        return Err(problem(format!("must have one address with {PUBLIC_BASE} for each binding")));
    }
    Ok(())
}

impl Definitions {
    /// The names of the children of the element that a message carries.
    fn children_of(&self, message: &MessageUse) -> Vec<String> {
        let schema = &self.types.schema;
        self.messages
            .iter()
            .find(|candidate| local(&message.message) == candidate.name)
            .and_then(|message| schema.elements.iter().find(|element| local(&message.part.element) == element.name))
            .and_then(|element| {
                element.inner.as_ref().or_else(|| {
                    let name = local(element.type_name.as_deref()?);
                    schema.types.iter().find(|named| named.name.as_deref() == Some(name))
                })
            })
            .map(|complex| complex.sequence.elements.iter().map(|child| child.name.clone()).collect())
            .unwrap_or_default()
    }
}

/// The part of a qualified name after its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "definitions", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct Definitions {
    #[yaserde(attribute = true, rename = "targetNamespace")]
    target_namespace: String,
    #[yaserde(prefix = "wsdl")]
    types: Types,
    #[yaserde(prefix = "wsdl", rename = "message")]
    messages: Vec<Message>,
    #[yaserde(prefix = "wsdl", rename = "portType")]
    port_type: PortType,
    #[yaserde(prefix = "wsdl", rename = "binding")]
    bindings: Vec<Binding>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct Types {
    #[yaserde(prefix = "xs")]
    schema: Schema,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "schema", prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct Schema {
    #[yaserde(attribute = true, rename = "targetNamespace")]
    target_namespace: String,
    #[yaserde(attribute = true, rename = "elementFormDefault")]
    form: String,
    #[yaserde(prefix = "xs", rename = "element")]
    elements: Vec<Element>,
    #[yaserde(prefix = "xs", rename = "complexType")]
    types: Vec<ComplexType>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "element", prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct Element {
    #[yaserde(attribute = true)]
    name: String,
    #[yaserde(attribute = true, rename = "type")]
    type_name: Option<String>,
    #[yaserde(prefix = "xs", rename = "complexType")]
    inner: Option<ComplexType>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "complexType", prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct ComplexType {
    #[yaserde(attribute = true)]
    name: Option<String>,
    #[yaserde(prefix = "xs")]
    sequence: Sequence,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "sequence", prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct Sequence {
    #[yaserde(prefix = "xs", rename = "element")]
    elements: Vec<Child>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "element", prefix = "xs", namespaces = { "xs" = "http://www.w3.org/2001/XMLSchema" })]
struct Child {
    #[yaserde(attribute = true)]
    name: String,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "message", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct Message {
    #[yaserde(attribute = true)]
    name: String,
    #[yaserde(prefix = "wsdl")]
    part: Part,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "part", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct Part {
    #[yaserde(attribute = true)]
    element: String,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "portType", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct PortType {
    #[yaserde(prefix = "wsdl", rename = "operation")]
    operations: Vec<PortOperation>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "operation", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct PortOperation {
    #[yaserde(attribute = true)]
    name: String,
    #[yaserde(prefix = "wsdl")]
    input: MessageUse,
    #[yaserde(prefix = "wsdl")]
    output: MessageUse,
}

#[derive(Default, YaDeserialize)]
#[yaserde(prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct MessageUse {
    #[yaserde(attribute = true)]
    message: String,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "binding", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct Binding {
    #[yaserde(attribute = true)]
    name: String,
    #[yaserde(prefix = "wsdl", rename = "operation")]
    operations: Vec<BoundOperation>,
}

#[derive(Default, YaDeserialize)]
#[yaserde(rename = "operation", prefix = "wsdl", namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
struct BoundOperation {
    #[yaserde(attribute = true)]
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_describes_its_contract() {
        for (name, checked) in check_documents() {
            assert_eq!(checked, Ok(()), "{name}");
        }
    }

    #[test]
    fn a_document_of_another_contract_is_refused() {
        let text = ALMA_DOCUMENTS[0].1;
        let renamed = text.replace("arg1", "argument1");
        let expected = [Operation {
            name: "authenticateUser".into(),
            children: vec!["arg0".into(), "arg1".into()],
            reply: "SearchResults".into(),
        }];
        let checked = |text: &str| check("test", text, ALMA_NAMESPACE, Qualified::No, &expected);
        assert_eq!(checked(text), Ok(()));
        for broken in [
            renamed,
            text.replace(ALMA_NAMESPACE, "urn:other"),
            text.replace(PUBLIC_BASE, "http://x"),
            text[..200].into(),
        ] {
            assert!(checked(&broken).is_err());
        }
    }

    #[test]
    fn the_address_asked_is_the_address_served() {
        let served = Wsdl::authenticate().expect("a good document").at("https://soap.example/a&b");
        assert_eq!(served.matches("location=\"https://soap.example/a&amp;b\"").count(), 2);
        assert!(!served.contains(PUBLIC_BASE));
    }
}
