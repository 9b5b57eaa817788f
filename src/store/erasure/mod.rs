//! What is taken out of the database for good: one person, on request, and what is older than it is kept. The trail
//! stays whole, and names nobody.

pub(crate) mod belated;
mod forget;
mod purge;
mod retention;
mod table;

pub use forget::Forgotten;
pub use purge::{Purge, Purged};
pub use retention::RetentionSettings;
pub use table::Erasure;
