//! File and environment to the settings that each part owns; cross checks; all errors at once.

mod alma;
mod attempts;
mod calls;
mod checks;
mod database;
mod document;
mod environment;
mod identities;
#[cfg(test)]
mod identity_tests;
mod ldap;
#[cfg(test)]
mod list_tests;
mod load;
mod oidc;
#[cfg(test)]
mod oidc_tests;
mod problem;
mod retention;
mod routes;
mod secrets;
mod section;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod upstream;

pub use load::load;
pub use problem::{Problem, Problems};
pub use settings::Settings;
