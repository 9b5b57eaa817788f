//! Settings of the `ldap` adapter.

use std::path::PathBuf;

use crate::identity::ServiceSecret;

/// How a directory is reached, and how an account is found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapSettings {
    /// `ldap://host:389` or `ldaps://host:636`.
    pub url: String,
    /// Whether an `ldap://` connection is upgraded to TLS before anything is said.
    pub starttls: bool,
    /// How the gateway itself signs in to search; `None` searches anonymously, or needs no search.
    pub bind: Option<LdapBind>,
    /// How an identifier leads to an entry.
    pub find: LdapFind,
    /// How the directory says what is wrong with an account.
    pub flavour: LdapFlavour,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// The gateway's own name and password in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapBind {
    /// The distinguished name.
    pub dn: String,
    /// Its password.
    pub password: ServiceSecret,
}

/// How an identifier leads to an entry; `{user}` stands for the identifier, escaped as its place asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LdapFind {
    /// The one entry below `base_dn` that `filter` finds.
    Search {
        /// Where to search, with everything below.
        base_dn: String,
        /// Such as `(uid={user})`.
        filter: String,
    },
    /// The entry with this name, such as `uid={user},ou=people,dc=example,dc=org`.
    Template(String),
}

/// How a directory says what is wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapFlavour {
    /// Sub-codes in the diagnostic text of result 49.
    ActiveDirectory,
    /// The password policy control (draft-behera-ldap-password-policy).
    Ppolicy,
}
