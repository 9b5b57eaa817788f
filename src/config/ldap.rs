//! Reads the keys of an `[[identity]]` of kind `ldap`.

use std::num::NonZeroUsize;

use crate::config::secrets::read_secret;
use crate::config::section::{Choice, Section, quote};
use crate::config::upstream::read_ca_file;
use crate::identity::{DnTemplate, Filter, LdapBind, LdapFind, LdapFlavour, LdapSettings, LdapUrl};

const ADDRESS: &str = "an address such as \"ldaps://ldap.example.org\"";
const FILTER: &str = "a filter that asks for equality with {user}, such as \"(uid={user})\"";
const NAME: &str = "a name that begins with {user}, such as \"uid={user},ou=people,dc=example,dc=org\"";
/// Connections for each purpose: sixteen binds at once keep most directories busy.
const CONNECTIONS: usize = 16;

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_ldap(section: &Section<'_>) -> Option<LdapSettings> {
    let starttls = section.switch("starttls", false);
    let url = read_url(section, starttls);
    let bind = read_bind(section);
    let find = read_find(section);
    let flavours = [
        Choice::Means("ppolicy", LdapFlavour::Ppolicy),
        Choice::Means("active-directory", LdapFlavour::ActiveDirectory),
    ];
    let flavour = section.choice("flavour", &flavours).unwrap_or(LdapFlavour::Ppolicy);
    let ca_file = read_ca_file(section);
    let connections = NonZeroUsize::new(section.count("connections", CONNECTIONS, 1..=1_000))?;
    Some(LdapSettings { url: url?, starttls, bind, find: find?, flavour, ca_file, connections })
}

fn read_url(section: &Section<'_>, starttls: bool) -> Option<LdapUrl> {
    let text = section.required_text("url", ADDRESS)?;
    let Some(url) = LdapUrl::parse(&text) else {
        // An address with a name and a password in it is not shown.
        let shown = if text.contains('@') { "no address of a directory".to_owned() } else { quote(&text) };
        return section.wrong("url", &shown, ADDRESS);
    };
    if url.is_tls && starttls {
        section.complain("starttls", "is true, but ldaps:// speaks TLS already; write ldap://, or leave it out");
    }
    let is_unsure = section.is_broken("starttls");
    if !url.is_tls && !starttls && !url.is_loopback() && !is_unsure {
        let why = "where passwords would cross the network in clear";
        section.complain("url", format!("is {}, {why}; write ldaps://, or starttls = true", quote(&text)));
    }
    Some(url)
}

fn read_bind(section: &Section<'_>) -> Option<LdapBind> {
    let write = "the name of the gateway's own entry, such as \"cn=soapgate,dc=example,dc=org\"";
    let dn = section.text("bind_dn", write);
    let password = read_secret(section, "bind_password");
    let is_broken = section.is_broken("bind_password") || section.is_broken("bind_password_file");
    match (dn, password) {
        (Some(dn), _) if dn.trim().is_empty() => section.wrong("bind_dn", "empty", write),
        (Some(dn), Some(password)) => Some(LdapBind { dn, password }),
        (Some(_), None) if !is_broken => {
            let write = "write it, or bind_password_file with the path of a file that holds it";
            section.complain("bind_password", format!("is missing; {write}"));
            None
        }
        (None, Some(_)) if !section.is_broken("bind_dn") => {
            section.complain("bind_dn", "is missing; write whose the bind_password is");
            None
        }
        (None | Some(_), _) => None,
    }
}

fn read_find(section: &Section<'_>) -> Option<LdapFind> {
    let user_dn = section.text("user_dn", NAME);
    let base_dn = section.text("base_dn", "where accounts are, such as \"ou=people,dc=example,dc=org\"");
    let filter = section.text("filter", FILTER);
    match (user_dn, base_dn) {
        (Some(_), Some(_)) => {
            section.complain("user_dn", "stands beside base_dn; write one of them");
            None
        }
        (Some(text), None) => {
            if filter.is_some() {
                section.complain("filter", "stands beside user_dn, with which nothing is searched; leave it out");
            }
            let read = DnTemplate::parse(&text);
            read.map(LdapFind::Template).or_else(|why| refused(section, "user_dn", &text, why, NAME)).ok()
        }
        (None, Some(base_dn)) if base_dn.trim().is_empty() => {
            section.wrong("base_dn", "empty", "where accounts are, such as \"ou=people,dc=example,dc=org\"")
        }
        (None, Some(base_dn)) => {
            let text = filter.unwrap_or_else(|| "(uid={user})".to_owned());
            let read = Filter::parse(&text).or_else(|why| refused(section, "filter", &text, why, FILTER));
            read.map(|filter| LdapFind::Search { base_dn, filter }).ok()
        }
        (None, None) if section.is_broken("base_dn") || section.is_broken("user_dn") => None,
        (None, None) => {
            section.complain("base_dn", "is missing; write where accounts are, or user_dn");
            None
        }
    }
}

fn refused<T>(section: &Section<'_>, key: &str, text: &str, why: &str, write: &str) -> Result<T, ()> {
    section.complain(key, format!("is {}, {why}; write {write}", quote(text)));
    Err(())
}
