//! Our own contract `urn:soapgate:authenticate:1`: one operation whose credentials may stand in a UsernameToken, in
//! the body or in HTTP Basic, as the route says.

use crate::contract::basic::Basic;
use crate::contract::error::{ContractError, FORBIDDEN_REFERENCE, PASSWORD_DIGEST};
use crate::contract::freshness::{Freshness, NonceClaim};
use crate::domain::{AccountId, Credentials, Institution, IntegrationName, Password, Rejection};
use crate::soap::{Document, Element, Envelope, Operation, PasswordType, Security, Version, write_reply};

/// The namespace of the operation and its children.
pub const AUTHENTICATE_NAMESPACE: &str = "urn:soapgate:authenticate:1";
/// Where the contract is served unless the route says otherwise.
pub const AUTHENTICATE_PATH: &str = "/soap/authenticate";
pub(crate) const AUTHENTICATE_OPERATION: &str = "authenticateUser";
/// The contract's name where calls are counted: everything else is Alma's.
pub const AUTHENTICATE_SERVICE: &str = "authenticate";
pub(crate) const AUTHENTICATE_CHILDREN: [&str; 3] = ["userName", "password", "institution"];

/// Where the account's credentials may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountSource {
    /// HTTP Basic.
    Basic,
    /// Children of the operation.
    Body,
    /// A WS-Security `UsernameToken`.
    Token,
}

/// What the route lets a message carry.
pub struct AuthenticateRule<'a> {
    /// Where the account's credentials may stand.
    pub sources: &'a [AccountSource],
    /// The institution that wins over what the message says: the route's, else the integration's own.
    pub institution: Option<&'a Institution>,
    /// What is young enough.
    pub freshness: Freshness,
}

/// What a message to the contract asks for.
pub enum AuthenticateCall {
    /// Nothing that could be signed in with.
    NoCredential,
    /// What was presented can belong to no account: the ordinary refusal, without an attempt.
    Refused(AccountSource, Rejection),
    /// Is this the account's password?
    SignIn(Claim),
}

/// Credentials and how they were presented.
pub struct Claim {
    /// The account and its password.
    pub credentials: Credentials,
    /// Where they stood: it decides how a refusal is written.
    pub source: AccountSource,
    /// A nonce to look at once the password proved right.
    pub nonce: Option<NonceClaim>,
}

/// A name and password as one source presents them.
struct Presented {
    source: AccountSource,
    name: String,
    password: Password,
    institution: Option<Institution>,
}

/// Reads a message; `basic` is the HTTP Basic credential where the route takes the account from there.
///
/// # Errors
/// When the body holds another operation or other arguments, credentials are ambiguous, or the security header is
/// one that is not taken.
pub fn read_authenticate(
    document: &Document<'_>,
    envelope: &Envelope<'_>,
    basic: Option<Basic>,
    rule: &AuthenticateRule<'_>,
) -> Result<AuthenticateCall, ContractError> {
    let takes = |source| rule.sources.contains(&source);
    let operation = envelope.operation().ok_or(ContractError::NoOperation)?;
    if !operation.name().is_loosely(AUTHENTICATE_NAMESPACE, AUTHENTICATE_OPERATION) {
        return Err(ContractError::UnknownOperation);
    }
    if document.forbidden_reference() {
        return Err(FORBIDDEN_REFERENCE);
    }
    let [name, password, institution] = arguments(&operation)?;
    let mut presented = Vec::new();
    let mut nonce = None;
    if takes(AccountSource::Token)
        && let Some(security) = Security::read(envelope)?
    {
        let token;
        (token, nonce) = from_token(&security, rule.freshness)?;
        presented.extend(token);
    }
    if takes(AccountSource::Body) {
        let text = |child: Option<Element<'_>>| child.map_or_else(String::new, |child| child.text().to_owned());
        presented.push(Presented {
            source: AccountSource::Body,
            name: text(name),
            password: Password::new(text(password)),
            institution: None,
        });
    }
    if takes(AccountSource::Basic) {
        presented.extend(basic.map(from_basic));
    }
    let named = institution.map(|child| child.text()).filter(|text| !text.is_empty());
    Ok(match the_one(presented)? {
        None => AuthenticateCall::NoCredential,
        Some(one) => {
            let source = one.source;
            match one.credentials(rule.institution, named) {
                None => AuthenticateCall::Refused(source, Rejection::Unacceptable),
                Some(credentials) => {
                    let nonce = nonce.filter(|_| source == AccountSource::Token);
                    AuthenticateCall::SignIn(Claim { credentials, source, nonce })
                }
            }
        }
    })
}

/// The reply of the operation.
#[must_use]
pub fn write_return(version: Version, value: bool) -> Vec<u8> {
    write_reply(version, |body| {
        body.markup("<n:authenticateUserResponse xmlns:n=\"urn:soapgate:authenticate:1\"><n:return>")
            .markup(if value { "true" } else { "false" })
            .markup("</n:return></n:authenticateUserResponse>");
    })
}

/// The operation's children in the order of [`AUTHENTICATE_CHILDREN`], each at most once and plain text.
fn arguments<'d>(operation: &Operation<'d>) -> Result<[Option<Element<'d>>; 3], ContractError> {
    let mut found = [None; 3];
    for argument in operation.arguments() {
        let known =
            AUTHENTICATE_CHILDREN.iter().position(|child| argument.name().is_loosely(AUTHENTICATE_NAMESPACE, child));
        let slot = known.and_then(|at| found.get_mut(at)).ok_or(ContractError::BadArguments)?;
        if argument.has_children() {
            return Err(ContractError::BadArguments);
        }
        if slot.replace(argument).is_some() {
            return Err(ContractError::Ambiguous);
        }
    }
    Ok(found)
}

fn from_token(
    security: &Security<'_>,
    freshness: Freshness,
) -> Result<(Option<Presented>, Option<NonceClaim>), ContractError> {
    if let Some(timestamp) = &security.timestamp {
        freshness.timestamp(timestamp)?;
    }
    let Some(token) = &security.token else { return Ok((None, None)) };
    match token.password_type {
        PasswordType::Digest => return Err(PASSWORD_DIGEST),
        PasswordType::Text => {}
    }
    let nonce = freshness.token(token)?;
    let presented = Presented {
        source: AccountSource::Token,
        name: token.username.to_owned(),
        password: Password::new(token.password.unwrap_or_default().to_owned()),
        institution: None,
    };
    Ok((Some(presented), nonce))
}

/// On a route that takes the account from Basic the name may be the account's, or an integration's full name, which
/// carries the institution.
fn from_basic(basic: Basic) -> Presented {
    let source = AccountSource::Basic;
    match IntegrationName::parse(&basic.name) {
        Ok(full) => Presented {
            source,
            name: full.account().identifier().to_owned(),
            password: basic.password,
            institution: Some(full.institution().clone()),
        },
        Err(_) => Presented { source, name: basic.name, password: basic.password, institution: None },
    }
}

/// The one credential among those presented. Empty ones are absent, equal ones are one.
fn the_one(presented: Vec<Presented>) -> Result<Option<Presented>, ContractError> {
    let mut filled = presented.into_iter().filter(|one| !one.name.is_empty() || !one.password.is_empty());
    let Some(mut first) = filled.next() else { return Ok(None) };
    for other in filled {
        let same_name = first.name.trim().to_lowercase() == other.name.trim().to_lowercase();
        if !same_name || first.password.expose() != other.password.expose() {
            return Err(ContractError::Ambiguous);
        }
        first.institution = first.institution.or(other.institution);
    }
    Ok(Some(first))
}

impl Presented {
    /// The credentials at the institution that all sources agree on; `None` when they can belong to no account.
    fn credentials(self, wins: Option<&Institution>, named: Option<&str>) -> Option<Credentials> {
        let institution = match (wins, &self.institution, named) {
            (Some(institution), _, _) | (None, Some(institution), _) => institution.clone(),
            (None, None, Some(named)) => Institution::parse(named.trim()).ok()?,
            (None, None, None) => return None,
        };
        let differs = self.institution.as_ref().is_some_and(|own| *own != institution)
            || named.is_some_and(|named| named.trim() != institution.as_str());
        if differs {
            return None;
        }
        Credentials::new(AccountId::parse(&institution, &self.name).ok()?, self.password)
    }
}
