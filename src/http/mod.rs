//! hyper: listeners, limits, the SOAP endpoint, health and metrics.

mod settings;

pub use settings::{HttpLimits, ServerSettings};
