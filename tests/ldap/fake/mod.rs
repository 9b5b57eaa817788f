//! A scripted directory.

mod directory;
mod messages;
mod reaction;

pub(crate) use directory::{Asked, BASE, FakeDirectory, OWN_DN, OWN_PASSWORD, Person};
pub(crate) use reaction::Reaction;
