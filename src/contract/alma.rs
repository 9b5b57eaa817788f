//! Alma's own services. A refusal is never a fault here: known clients take any fault for "Alma is down" and let the
//! patron in. So whatever a patron can type ends in the ordinary refusal, and only what cannot be told from a broken
//! client is an error.

use crate::contract::alma_services::{ALMA_NAMESPACE, AUTHENTICATE_USER, AlmaService};
use crate::contract::error::ContractError;
use crate::domain::{AccountId, Credentials, Institution, Password, Rejection};
use crate::soap::{Document, Element, Envelope, Operation, Version, write_fragment, write_reply};

/// What a message to an Alma service asks for.
pub enum AlmaCall {
    /// A known operation that is not served; its name.
    NotServed(&'static str),
    /// What was typed can belong to no account: the ordinary refusal, without an attempt.
    Refused(Rejection),
    /// Is this the account's password?
    SignIn(Credentials),
}

/// How a refusal is written: what Alma itself answered is unknown, and clients read both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlmaRefusal {
    /// `errorsExist` true with error 401866, `result` false.
    ErrorsExist,
    /// `errorsExist` false, `result` false.
    ResultFalse,
}

/// Reads a message to `service` from an integration of `institution`.
///
/// # Errors
/// When the body holds no operation, or one that the service does not have.
pub fn read_alma(
    service: &AlmaService,
    document: &Document<'_>,
    envelope: &Envelope<'_>,
    institution: &Institution,
) -> Result<AlmaCall, ContractError> {
    let operation = envelope.operation().ok_or(ContractError::NoOperation)?;
    let name = operation.name();
    let known = Some(name.local)
        .filter(|local| name.is_loosely(ALMA_NAMESPACE, local))
        .and_then(|local| service.operation(local))
        .ok_or(ContractError::UnknownOperation)?;
    if known.name != AUTHENTICATE_USER {
        return Ok(AlmaCall::NotServed(known.name));
    }
    if document.forbidden_reference() {
        return Ok(AlmaCall::Refused(Rejection::Unacceptable));
    }
    Ok(credentials(&operation, institution).map_or(AlmaCall::Refused(Rejection::Unacceptable), AlmaCall::SignIn))
}

/// The credentials in `arg0` and `arg1`; `None` when they can belong to no account.
fn credentials(operation: &Operation<'_>, institution: &Institution) -> Option<Credentials> {
    let (mut identifier, mut password) = (None, None);
    for argument in operation.arguments() {
        let slot = match argument.name() {
            name if name.is_loosely(ALMA_NAMESPACE, "arg0") => &mut identifier,
            name if name.is_loosely(ALMA_NAMESPACE, "arg1") => &mut password,
            _ => return None,
        };
        if argument.has_children() || slot.replace(argument).is_some() {
            return None;
        }
    }
    let text = |argument: Option<Element<'_>>| argument.map(|argument| argument.text().to_owned());
    let password = Password::new(text(password)?);
    let account = AccountId::parse(institution, identifier?.text()).ok()?;
    Credentials::new(account, password)
}

const RESULT_OPEN: &str = "<web_service_result xmlns=\"http://com/exlibris/urm/general/xmlbeans\">";

/// The reply that lets the account in.
#[must_use]
pub fn write_accepted(version: Version) -> Vec<u8> {
    write(version, AUTHENTICATE_USER, "<errorsExist>false</errorsExist><result>true</result>", None)
}

/// The ordinary refusal: the same bytes for every reason.
#[must_use]
pub fn write_refused(version: Version, form: AlmaRefusal) -> Vec<u8> {
    match form {
        AlmaRefusal::ErrorsExist => {
            write(version, AUTHENTICATE_USER, "", Some(("401866", "User authentication failed")))
        }
        AlmaRefusal::ResultFalse => {
            write(version, AUTHENTICATE_USER, "<errorsExist>false</errorsExist><result>false</result>", None)
        }
    }
}

/// The reply to a known operation that is not served. Not a fault: see the head of this file.
#[must_use]
pub fn write_not_served(version: Version, operation: &'static str) -> Vec<u8> {
    write(version, operation, "", Some(("GENERAL_ERROR", "Operation is not available")))
}

fn write(
    version: Version,
    operation: &'static str,
    outcome: &'static str,
    error: Option<(&'static str, &'static str)>,
) -> Vec<u8> {
    let inner = write_fragment(|result| {
        result.markup(RESULT_OPEN).markup(outcome);
        if let Some((code, message)) = error {
            result
                .markup("<errorsExist>true</errorsExist><errorList><error><errorCode>")
                .text(code)
                .markup("</errorCode><errorMessage>")
                .text(message)
                .markup("</errorMessage></error></errorList><result>false</result>");
        }
        result.markup("</web_service_result>");
    });
    write_reply(version, |body| {
        body.markup("<ns2:")
            .markup(operation)
            .markup("Response xmlns:ns2=\"http://alma.exlibris.com/\"><SearchResults>")
            .text(&inner)
            .markup("</SearchResults></ns2:")
            .markup(operation)
            .markup("Response>");
    })
}
