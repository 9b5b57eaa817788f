//! The `alma` adapter.

mod settings;

pub use settings::{AlmaSettings, PasswordEncoding};
