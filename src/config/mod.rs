//! File and environment to the settings that each part owns; cross checks; all errors at once.

mod load;
mod problem;
mod settings;

pub use load::load;
pub use problem::{Problem, Problems};
pub use settings::Settings;
