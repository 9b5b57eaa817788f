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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::namespaces::SOAP_11;
    use crate::soap::{Document, Limits, Version};

    const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

    fn read<T>(header: &str, see: impl FnOnce(Option<Security<'_>>) -> T) -> Result<T, ReadErrorKind> {
        let text = format!(
            "<s:Envelope xmlns:s='{SOAP_11}' xmlns:w='{WSSE}' xmlns:u='{WSU}' xmlns:x='urn:x'>\
             <s:Header>{header}</s:Header><s:Body/></s:Envelope>"
        );
        let document = Document::read(&text, &Limits::default()).expect("a document");
        let envelope = Envelope::read(&document).expect("an envelope");
        let security = Security::read(&envelope);
        assert!(security.as_ref().err().is_none_or(|error| error.version == Some(Version::Soap11)));
        security.map(see).map_err(|error| error.kind)
    }

    fn check_refused(kind: ReadErrorKind, header: &str) {
        assert_eq!(read(header, |_| ()), Err(kind), "{header}");
    }

    fn check_token_refused(kind: ReadErrorKind, children: &str) {
        check_refused(kind, &format!("<w:Security><w:UsernameToken>{children}</w:UsernameToken></w:Security>"));
    }

    #[test]
    fn a_token_and_a_timestamp_are_read_as_they_stand() {
        let header = format!(
            "<w:Security s:mustUnderstand='true'><u:Timestamp u:Id='t'><u:Created>c1</u:Created><u:Expires>e1</u:Expires>\
             </u:Timestamp><w:UsernameToken u:Id='i'><w:Username> zoë</w:Username>\
             <w:Password Type='{PROFILE}#PasswordText'>p&amp;&lt;  </w:Password>\
             <w:Nonce EncodingType='urn:n#Base64Binary'>bm9uY2U=</w:Nonce><u:Created>c2</u:Created>\
             <x:other/></w:UsernameToken></w:Security>"
        );
        let seen = read(&header, |security| {
            let security = security.expect("a header");
            let token = security.token.expect("a token");
            assert_eq!(security.timestamp, Some(SecurityTimestamp { created: Some("c1"), expires: Some("e1") }));
            assert_eq!((token.username, token.password), (" zoë", Some("p&<  ")));
            assert_eq!(token.password_type, PasswordType::Text);
            assert_eq!((token.nonce, token.created), (Some("bm9uY2U="), Some("c2")));
        });
        assert_eq!(seen, Ok(()));
    }

    #[test]
    fn what_is_not_said_is_absent() {
        let token = "<w:Security><w:UsernameToken><w:Username/><w:Password/></w:UsernameToken></w:Security>";
        let seen = read(token, |security| {
            let token = security.and_then(|security| security.token).expect("a token");
            assert_eq!((token.username, token.password, token.password_type), ("", Some(""), PasswordType::Text));
            assert_eq!((token.nonce, token.created), (None, None));
        });
        assert_eq!(seen, Ok(()));
        assert_eq!(read("", |security| security.is_none()), Ok(true));
        assert_eq!(read("<x:Security/>", |security| security.is_none()), Ok(true));
        assert_eq!(read("<w:Security/>", |security| security.is_some_and(|it| it.token.is_none())), Ok(true));
        assert_eq!(
            read("<w:Security s:actor='urn:other'><x:a/></w:Security>", |security| security.is_none()),
            Ok(true)
        );
        let no_password = "<w:Security><w:UsernameToken><w:Username>a</w:Username></w:UsernameToken></w:Security>";
        let password =
            |security: Option<Security<'_>>| security.and_then(|it| it.token).and_then(|it| it.password).is_none();
        assert_eq!(read(no_password, password), Ok(true));
    }

    #[test]
    fn a_digest_is_told_and_unknown_types_are_refused() {
        let token = |uri: &str| {
            format!(
                "<w:Security><w:UsernameToken><w:Username>a</w:Username><w:Password Type='{uri}'>x</w:Password>\
                 </w:UsernameToken></w:Security>"
            )
        };
        let kind = |security: Option<Security<'_>>| security.and_then(|it| it.token).map(|it| it.password_type);
        assert_eq!(read(&token(&format!("{PROFILE}#PasswordDigest")), kind), Ok(Some(PasswordType::Digest)));
        assert_eq!(read(&token(&format!("{PROFILE}#PasswordText")), kind), Ok(Some(PasswordType::Text)));
        check_refused(ReadErrorKind::SecurityTokenUnsupported, &token("urn:other"));
        check_refused(ReadErrorKind::SecurityTokenUnsupported, &token(""));
    }

    #[test]
    fn other_tokens_are_unsupported() {
        for child in ["<w:BinarySecurityToken/>", "<x:Signature/>", "<x:EncryptedData/>", "<UsernameToken/>"] {
            check_refused(ReadErrorKind::SecurityTokenUnsupported, &format!("<w:Security>{child}</w:Security>"));
        }
    }

    #[test]
    fn doubles_are_refused() {
        let token = "<w:UsernameToken><w:Username>a</w:Username></w:UsernameToken>";
        check_refused(ReadErrorKind::SecurityInvalid, "<w:Security/><w:Security/>");
        check_refused(ReadErrorKind::SecurityInvalid, "<w:Security/><w:Security s:actor=''/>");
        check_refused(ReadErrorKind::SecurityInvalid, &format!("<w:Security>{token}{token}</w:Security>"));
        check_refused(ReadErrorKind::SecurityInvalid, "<w:Security><u:Timestamp/><u:Timestamp/></w:Security>");
        let created = "<u:Created>1</u:Created>";
        let timestamp = format!("<w:Security><u:Timestamp>{created}{created}</u:Timestamp></w:Security>");
        check_refused(ReadErrorKind::SecurityInvalid, &timestamp);
        for child in ["<w:Username>a</w:Username>", "<w:Password/>", "<w:Nonce/>", created] {
            let children = format!("<w:Username>a</w:Username>{child}{child}");
            check_token_refused(ReadErrorKind::SecurityInvalid, &children);
        }
        assert_eq!(read("<w:Security/><w:Security s:actor='urn:other'/>", |security| security.is_some()), Ok(true));
    }

    #[test]
    fn incomplete_and_odd_tokens_are_refused() {
        for children in [
            "",
            "<w:Password>x</w:Password>",
            "<Username>a</Username>",
            "<w:Username>a<x:b/></w:Username>",
            "<w:Username>a</w:Username><w:Password>p<x:b/>w</w:Password>",
            "<w:Username>a</w:Username><w:Created/>",
            "text<w:Username>a</w:Username>",
            "<w:Username>a</w:Username><w:Nonce EncodingType='urn:n#HexBinary'>00</w:Nonce>",
        ] {
            check_token_refused(ReadErrorKind::SecurityInvalid, children);
        }
    }
}
