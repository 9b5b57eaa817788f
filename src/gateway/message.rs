//! Reading one message: bytes to what it asks for. One parser, once, to the end of the document before anything is
//! believed; mandatory header blocks are settled before credentials are looked at.

use crate::contract::{
    AccountSource, AlmaCall, AuthenticateCall, AuthenticateRule, Authorization, Basic, ContractError, Freshness,
    NonceClaim, read_alma, read_authenticate,
};
use crate::domain::{Credentials, Institution, Rejection};
use crate::gateway::call::{Call, Presented};
use crate::gateway::outcome::CallError;
use crate::gateway::table::Served;
use crate::soap::{Document, Envelope, Flaw, Name, ReadError, ReadErrorKind, Version, decode, namespaces};

/// What a message asks for.
pub(crate) enum Request {
    /// Nothing that could be signed in with.
    NoCredential,
    /// A known operation that is not served.
    NotServed(&'static str),
    /// The ordinary refusal, without an attempt.
    Refused(Rejection, AccountSource),
    /// Is this the account's password?
    SignIn(Box<SignInRequest>),
}

/// Credentials and what goes with them.
pub(crate) struct SignInRequest {
    pub(crate) credentials: Credentials,
    pub(crate) source: AccountSource,
    pub(crate) nonce: Option<NonceClaim>,
}

/// Reads the message of a call. `institution` is the proven integration's, where the route has it sign in.
///
/// The version is the one to reply in, also when reading failed.
pub(crate) fn read_message(
    call: &mut Call,
    bytes: &[u8],
    institution: Option<&Institution>,
    freshness: Freshness,
) -> (Version, Result<Request, CallError>) {
    let settings = &call.place.route().settings;
    let fallback = call.media_version;
    let proven_alma = matches!(call.place.endpoint().served, Served::Alma(_)) && institution.is_some();
    let failed = |error: ReadError| {
        let version = error.version.unwrap_or(fallback);
        if proven_alma && can_be_typed(error.kind) {
            return (version, Ok(Request::Refused(Rejection::Unacceptable, AccountSource::Body)));
        }
        (version, Err(CallError::Contract(ContractError::Read(error))))
    };
    let text = match decode(bytes, call.charset.as_deref()) {
        Ok(text) => text,
        Err(error) => return failed(error),
    };
    let document = match Document::read(&text, &settings.limits) {
        Ok(document) => document,
        Err(error) => return failed(error),
    };
    let envelope = match Envelope::read(&document) {
        Ok(envelope) => envelope,
        Err(error) => return failed(error),
    };
    let version = envelope.version();
    if let Err(error) = understand(call, &envelope) {
        return (version, Err(error));
    }
    let route = call.place.route();
    note_soap_action(call, &envelope);
    let request = match call.place.endpoint().served {
        Served::Alma(service) => {
            // The integration proved itself before the message was read, so there is an institution.
            let Some(institution) = institution else { return (version, Err(CallError::Internal)) };
            read_alma(service, &document, &envelope, institution).map(|read| match read {
                AlmaCall::NotServed(operation) => Request::NotServed(operation),
                AlmaCall::Refused(rejection) => Request::Refused(rejection, AccountSource::Body),
                AlmaCall::SignIn(credentials) => {
                    Request::SignIn(Box::new(SignInRequest { credentials, source: AccountSource::Body, nonce: None }))
                }
            })
        }
        Served::Authenticate => {
            let takes_basic = route.settings.account.contains(&AccountSource::Basic);
            let basic = match account_basic(&mut call.authorization, takes_basic) {
                Ok(basic) => basic,
                Err(early) => return (version, early),
            };
            let rule = AuthenticateRule {
                sources: &route.settings.account,
                institution: route.settings.institution.as_ref().or(institution),
                freshness,
            };
            read_authenticate(&document, &envelope, basic, &rule).map(|read| match read {
                AuthenticateCall::NoCredential => Request::NoCredential,
                AuthenticateCall::Refused(source, rejection) => Request::Refused(rejection, source),
                AuthenticateCall::SignIn(claim) => Request::SignIn(Box::new(SignInRequest {
                    credentials: claim.credentials,
                    source: claim.source,
                    nonce: claim.nonce,
                })),
            })
        }
    };
    (version, request.map_err(CallError::Contract))
}

/// Whether somebody can bring the error about by what they type, which on an Alma route must not become a fault: the
/// longest text is a credential, PHP sends control characters as they are, and `]]>` stays as it is with clients that
/// escape `&` and `<` only. Bytes that are not in the encoding they claim are a broken client's.
fn can_be_typed(kind: ReadErrorKind) -> bool {
    matches!(
        kind,
        ReadErrorKind::TextTooLong | ReadErrorKind::Malformed(Flaw::CharacterInText | Flaw::UnescapedSectionEnd)
    )
}

/// Counts a `SOAPAction` that names another operation than the body: it decides nothing (WS-I BP 1.1, R1127), but a
/// caller that sends such is worth a look.
fn note_soap_action(call: &Call, envelope: &Envelope<'_>) {
    let Some(action) = &call.soap_action else { return };
    let action = action.trim_ascii();
    let action = action.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(action);
    let named = envelope.operation().is_none_or(|operation| action.ends_with(operation.name().local.as_bytes()));
    if !action.is_empty() && !named {
        call.place.route().metrics.soap_action_mismatch();
    }
}

/// Settles mandatory header blocks and, where the route wants it, encodingStyle.
fn understand(call: &Call, envelope: &Envelope<'_>) -> Result<(), CallError> {
    let settings = &call.place.route().settings;
    let takes_token = settings.account.contains(&AccountSource::Token);
    let security = Name::new(namespaces::WSSE, "Security");
    let strange = envelope.not_understood(|name| takes_token && *name == security);
    if !strange.is_empty() {
        let owned = |name: Name<'_>| (name.namespace.to_owned(), name.local.to_owned());
        return Err(CallError::NotUnderstood(strange.into_iter().map(owned).collect()));
    }
    if settings.strict_encoding_style {
        envelope.check_encoding_style().map_err(ContractError::Read)?;
    }
    Ok(())
}

/// The Basic credential of the account, where the route takes it from there; `Err` holds how the call ends already.
fn account_basic(presented: &mut Presented, takes_basic: bool) -> Result<Option<Basic>, Result<Request, CallError>> {
    if !takes_basic {
        return Ok(None);
    }
    match std::mem::replace(presented, Presented::Once(Authorization::None)) {
        Presented::Once(Authorization::Basic(basic)) => Ok(Some(basic)),
        Presented::Once(Authorization::None) => Ok(None),
        Presented::Once(Authorization::Unreadable) => {
            Err(Ok(Request::Refused(Rejection::Unacceptable, AccountSource::Basic)))
        }
        Presented::Several => Err(Err(CallError::Contract(ContractError::Ambiguous))),
    }
}
