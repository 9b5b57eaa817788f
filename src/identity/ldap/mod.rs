//! The `ldap` adapter: directories such as slapd and Active Directory, asked by a simple bind.

mod answer;
mod ber;
mod connection;
mod dialer;
mod filter;
mod ldap_service;
mod look;
mod message;
mod name;
mod pool;
mod ppolicy;
mod settings;

pub use filter::{DnTemplate, Filter};
pub use ldap_service::LdapService;
pub use settings::{LdapBind, LdapFind, LdapFlavour, LdapSettings, LdapUrl};
