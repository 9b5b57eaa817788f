//! Names of metrics and log fields, and the settings of logs.

mod settings;

pub use settings::LogSettings;
