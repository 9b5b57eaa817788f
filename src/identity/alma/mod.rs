//! The `alma` adapter: the Ex Libris Identity Service, through Alma's REST API.

mod alma_service;
mod answer;
mod password_rule;
mod record;
mod settings;

pub use alma_service::AlmaService;
pub use settings::{AlmaSettings, PasswordEncoding};
