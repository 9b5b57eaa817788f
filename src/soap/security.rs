//! The WS-Security header meant for us: a `UsernameToken` (profile 1.0 and 1.1) and a `Timestamp`. Times stay text; the
//! clock is elsewhere.

use crate::soap::namespaces::{WSSE, WSU};
use crate::soap::{Element, Envelope, HeaderBlock, ReadError, ReadErrorKind};

/// A `wsse:Security` header.
pub struct Security<'d> {
    /// The one token, when there is one.
    pub token: Option<UsernameToken<'d>>,
    /// When the message was made and until when it may be used.
    pub timestamp: Option<SecurityTimestamp<'d>>,
}

/// A `wsse:UsernameToken`. No `Debug`: it shows a password.
pub struct UsernameToken<'d> {
    /// The name, never trimmed.
    pub username: &'d str,
    /// The password, never trimmed; empty is not absent.
    pub password: Option<&'d str>,
    /// How the password is given.
    pub password_type: PasswordType,
    /// The nonce as Base64 text.
    pub nonce: Option<&'d str>,
    /// `wsu:Created` as text.
    pub created: Option<&'d str>,
}

/// How a token gives its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordType {
    /// A digest, which no identity service can check.
    Digest,
    /// The password itself; also when nothing is said.
    Text,
}

/// A `wsu:Timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityTimestamp<'d> {
    /// `wsu:Created` as text.
    pub created: Option<&'d str>,
    /// `wsu:Expires` as text.
    pub expires: Option<&'d str>,
}

impl<'d> Security<'d> {
    /// Reads the Security header meant for us; `None` when there is none.
    ///
    /// # Errors
    /// When there are two, when something in it is doubled, missing or of an unknown kind.
    pub fn read(envelope: &Envelope<'d>) -> Result<Option<Self>, ReadError> {
        let blocks = envelope.header_blocks().filter(HeaderBlock::is_ours).map(|block| block.element());
        at_most_one(blocks.filter(|block| block.is(WSSE, "Security")))
            .and_then(|block| block.map(read_header).transpose())
            .map_err(|kind| ReadError::in_envelope(envelope.version(), kind))
    }
}

fn read_header(header: Element<'_>) -> Result<Security<'_>, ReadErrorKind> {
    if header.stray_text() {
        return Err(ReadErrorKind::SecurityInvalid);
    }
    let read_here = |child: &Element<'_>| child.is(WSSE, "UsernameToken") || child.is(WSU, "Timestamp");
    if !header.children().all(|child| read_here(&child)) {
        return Err(ReadErrorKind::SecurityTokenUnsupported);
    }
    let token = only(header, WSSE, "UsernameToken")?.map(read_token).transpose()?;
    let timestamp = only(header, WSU, "Timestamp")?.map(read_timestamp).transpose()?;
    Ok(Security { token, timestamp })
}

fn read_token(token: Element<'_>) -> Result<UsernameToken<'_>, ReadErrorKind> {
    let known = |child: &Element<'_>| match child.name().namespace {
        WSSE => matches!(child.name().local, "Username" | "Password" | "Nonce"),
        // Others may extend a token; wsse11:Salt and wsse11:Iteration, for keys derived from it, do so.
        _ => true,
    };
    if token.stray_text() || !token.children().all(|child| known(&child)) {
        return Err(ReadErrorKind::SecurityInvalid);
    }
    let username = only_text(token, WSSE, "Username")?.ok_or(ReadErrorKind::SecurityInvalid)?;
    let password_type = match only(token, WSSE, "Password")?.and_then(|password| password.attribute("", "Type")) {
        None => PasswordType::Text,
        Some(uri) if uri.trim().ends_with("#PasswordText") => PasswordType::Text,
        Some(uri) if uri.trim().ends_with("#PasswordDigest") => PasswordType::Digest,
        Some(_) => return Err(ReadErrorKind::SecurityTokenUnsupported),
    };
    let encoding = only(token, WSSE, "Nonce")?.and_then(|nonce| nonce.attribute("", "EncodingType"));
    if encoding.is_some_and(|uri| !uri.trim().ends_with("#Base64Binary")) {
        return Err(ReadErrorKind::SecurityInvalid);
    }
    Ok(UsernameToken {
        username,
        password: only_text(token, WSSE, "Password")?,
        password_type,
        nonce: only_text(token, WSSE, "Nonce")?,
        created: only_text(token, WSU, "Created")?,
    })
}

fn read_timestamp(timestamp: Element<'_>) -> Result<SecurityTimestamp<'_>, ReadErrorKind> {
    Ok(SecurityTimestamp {
        created: only_text(timestamp, WSU, "Created")?,
        expires: only_text(timestamp, WSU, "Expires")?,
    })
}

fn only<'d>(parent: Element<'d>, namespace: &str, local: &str) -> Result<Option<Element<'d>>, ReadErrorKind> {
    at_most_one(parent.children().filter(|child| child.is(namespace, local)))
}

/// The text of the one child of this name, which must not hold elements: what they would mean is anybody's guess.
fn only_text<'d>(parent: Element<'d>, namespace: &str, local: &str) -> Result<Option<&'d str>, ReadErrorKind> {
    match only(parent, namespace, local)? {
        Some(child) if child.has_children() => Err(ReadErrorKind::SecurityInvalid),
        child => Ok(child.map(|child| child.text())),
    }
}

fn at_most_one<'d>(mut elements: impl Iterator<Item = Element<'d>>) -> Result<Option<Element<'d>>, ReadErrorKind> {
    let first = elements.next();
    if elements.next().is_some() { Err(ReadErrorKind::SecurityInvalid) } else { Ok(first) }
}
