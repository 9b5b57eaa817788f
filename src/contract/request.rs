//! Sign-ins as a client of each contract writes them: for canaries, which go the way of every call.

use crate::contract::authenticate::AccountSource;
use crate::contract::basic::Basic;
use crate::domain::{AccountId, Password};
use crate::soap::write_fragment;

const BEGIN: &str = "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\">";
const END: &str = "</S:Envelope>";

/// A message, and what goes beside it as HTTP Basic.
pub struct SignInMessage {
    /// The message.
    pub bytes: Vec<u8>,
    /// The account's HTTP Basic credential.
    pub basic: Option<Basic>,
}

/// Alma's `authenticateUser`.
#[must_use]
pub fn write_alma_sign_in(account: &AccountId, password: &str) -> SignInMessage {
    let text = write_fragment(|out| {
        out.markup(BEGIN)
            .markup("<S:Body><a:authenticateUser xmlns:a=\"http://alma.exlibris.com/\"><arg0>")
            .text(account.identifier())
            .markup("</arg0><arg1>")
            .text(password)
            .markup("</arg1></a:authenticateUser></S:Body>")
            .markup(END);
    });
    SignInMessage { bytes: text.into_bytes(), basic: None }
}

/// Our own `authenticateUser`, with the credentials in the place that `source` says.
#[must_use]
pub fn write_authenticate_sign_in(source: AccountSource, account: &AccountId, password: &str) -> SignInMessage {
    let text = write_fragment(|out| {
        out.markup(BEGIN);
        if source == AccountSource::Token {
            out.markup(
                "<S:Header><w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
                 <w:UsernameToken><w:Username>",
            )
            .text(account.identifier())
            .markup("</w:Username><w:Password>")
            .text(password)
            .markup("</w:Password></w:UsernameToken></w:Security></S:Header>");
        }
        out.markup("<S:Body><n:authenticateUser xmlns:n=\"urn:soapgate:authenticate:1\">");
        if source == AccountSource::Body {
            out.markup("<n:userName>")
                .text(account.identifier())
                .markup("</n:userName><n:password>")
                .text(password)
                .markup("</n:password>");
        }
        out.markup("<n:institution>")
            .text(account.institution().as_str())
            .markup("</n:institution></n:authenticateUser></S:Body>")
            .markup(END);
    });
    let basic = (source == AccountSource::Basic)
        .then(|| Basic { name: account.identifier().to_owned(), password: Password::new(password.to_owned()) });
    SignInMessage { bytes: text.into_bytes(), basic }
}
