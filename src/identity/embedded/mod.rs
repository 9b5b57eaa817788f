//! The `embedded` adapter: accounts in the gateway's own database.

mod embedded_service;

pub use embedded_service::Embedded;
