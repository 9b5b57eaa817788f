//! Bytes to SOAP and back. Knows no accounts. Pure.
//!
//! In: [`decode`] (bytes to text), [`Document::read`] (text to elements, to the end or not at all), [`Envelope::read`]
//! (version, header blocks, the operation), [`Security::read`] (WS-Security). Out: [`write_reply`] and
//! [`Fault::write`]. Whatever cannot be read is a [`ReadError`].

mod chars;
#[cfg(test)]
mod counted;
mod declaration;
mod document;
mod encoding;
mod envelope;
mod error;
mod escape;
mod fault;
mod header;
mod limits;
mod name;
pub mod namespaces;
mod operation;
mod parse;
mod reference;
mod reply;
mod scope;
mod security;
mod tag;
mod text;
mod version;

pub use document::{Children, Document, Element};
pub use encoding::{Decoded, decode};
pub use envelope::Envelope;
pub use error::{Flaw, ReadError, ReadErrorKind};
pub use fault::{Fault, FaultCode};
pub use header::HeaderBlock;
pub use limits::Limits;
pub use name::Name;
pub use operation::{Argument, Operation};
pub use reply::{BodyWriter, write_fragment, write_reply};
pub use security::{PasswordType, Security, SecurityTimestamp, UsernameToken};
pub use version::Version;
