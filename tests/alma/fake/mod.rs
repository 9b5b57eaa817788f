//! A fake Alma, written from the documented facts: it speaks real HTTP, takes blanks off header values as HTTP does,
//! locks after fifteen failed sign-ins, and counts what it is asked. It shows our reading of the facts, not Alma.

mod faults;
mod server;
mod tls;
mod users;

pub(crate) use faults::Fault;
pub(crate) use server::FakeAlma;
pub(crate) use tls::{Certificate, certificate};
pub(crate) use users::User;
