//! What could not be written: when a server stopped while its store was away, or because the store cannot take it. One
//! file, that is worked through from the next start on. It holds identifiers, so nobody but its owner reads it; nothing
//! of a password is in it.

mod file;
mod line;
#[cfg(test)]
mod tests;
mod unreadable;

pub use file::{LEFTOVERS, forget_leftovers};
pub(crate) use file::{change, read};
pub(crate) use unreadable::unreadable;
