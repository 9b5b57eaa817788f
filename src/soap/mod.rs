//! Bytes to SOAP and back. Knows no accounts. Pure.

mod limits;

pub use limits::Limits;
