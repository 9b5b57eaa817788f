//! A fake Alma, written from the documented facts: it speaks real HTTP, takes blanks off header values as HTTP does,
//! locks after fifteen failed sign-ins, and counts what it is asked. It shows our reading of the facts, not Alma.

pub(crate) mod faults;
mod server;
mod users;

pub(crate) use server::FakeAlma;
pub(crate) use users::User;
