//! Settings of the `ldap` adapter.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use reqwest::Url;

use crate::identity::ServiceSecret;
use crate::identity::ldap::filter::{DnTemplate, Filter};

/// How a directory is reached, and how an account is found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapSettings {
    /// Where it is.
    pub url: LdapUrl,
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
    /// Connections at once for signing in, and as many for searching.
    pub connections: NonZeroUsize,
}

impl LdapSettings {
    /// Whether a password would be read by everybody on the way.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        !self.url.is_tls && !self.starttls && !self.url.is_loopback()
    }
}

/// The address of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapUrl {
    /// Whether TLS begins with the connection.
    pub is_tls: bool,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl LdapUrl {
    /// Reads `ldap://host`, `ldaps://host`, each perhaps with a port; `None` for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let (is_tls, usual) = match url.scheme() {
            "ldap" => (false, 389),
            "ldaps" => (true, 636),
            _ => return None,
        };
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|host| is_bare && !host.is_empty())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Some(Self { is_tls, host, port: url.port().unwrap_or(usual) })
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "ldaps" } else { "ldap" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// The gateway's own name and password in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapBind {
    /// The distinguished name, or whatever else the directory takes for one.
    pub dn: String,
    /// Its password.
    pub password: ServiceSecret,
}

/// How an identifier leads to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LdapFind {
    /// The one entry below `base_dn` that `filter` finds.
    Search {
        /// Where to search, with everything below.
        base_dn: String,
        /// What to search for.
        filter: Filter,
    },
    /// The entry with this name.
    Template(DnTemplate),
}

/// How a directory says what is wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapFlavour {
    /// Sub-codes in the diagnostic text of result 49.
    ActiveDirectory,
    /// The password policy control (draft-behera-ldap-password-policy).
    Ppolicy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        let cases = [
            ("ldap://127.0.0.1", "ldap://127.0.0.1:389", true),
            ("ldaps://ldap.example.org/", "ldaps://ldap.example.org:636", false),
            ("ldap://LOCALHOST:1389", "ldap://localhost:1389", true),
            ("ldap://[::1]", "ldap://[::1]:389", true),
            ("ldap://[::ffff:127.0.0.1]", "ldap://[::ffff:7f00:1]:389", true),
        ];
        for (text, shown, loopback) in cases {
            let url = LdapUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((url.to_string().as_str(), url.is_loopback()), (shown, loopback), "{text}");
        }
        for text in
            ["", "ldap://", "ldap:///", "http://h", "ldap://h/dc=x", "ldap://h?x", "ldap://u:p@h", "ldapi://x", "h"]
        {
            assert_eq!(LdapUrl::parse(text), None, "{text}");
        }
    }
}
