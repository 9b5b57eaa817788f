//! Scripted servers that speak real HTTP, by TLS where a test wants it, and go wrong in every way that is known.

pub(crate) mod fault;
pub(crate) mod http;
pub(crate) mod tls;
