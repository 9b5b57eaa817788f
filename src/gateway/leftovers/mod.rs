//! What could not be written: when a server stopped while its store was away, or because the store cannot take it. One
//! file, that is worked through from the next start on. It holds identifiers, so nobody but its owner reads it; nothing
//! of a password is in it. Whoever reads or changes it is alone with it (`lock`), and what a stop cannot put into it is
//! left in a further file (`further`).

mod file;
mod further;
mod line;
mod lock;
mod names;
mod replace;
#[cfg(test)]
mod tests;
mod unreadable;

pub use file::{LEFTOVERS, Leftovers};
pub(crate) use file::{add_beside, change, read};
pub(crate) use unreadable::unreadable;
