//! What may flag an account on its way to the store: gathered account by account in bounded room (`queue`), and the
//! worker that writes it (`writer`). Neither ever delays or changes a reply.

mod accepted;
mod file;
mod filed;
mod gathering;
mod pace;
mod queue;
#[cfg(test)]
mod tests;
mod writer;

pub use accepted::AcceptedReceiver;
pub use queue::FlagReceiver;
pub(crate) use queue::{FlagQueue, Sighting};
pub use writer::FlagWriter;
