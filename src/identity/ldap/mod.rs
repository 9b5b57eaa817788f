//! The `ldap` adapter.

mod settings;

pub use settings::{LdapBind, LdapFind, LdapFlavour, LdapSettings};
