//! Reads the keys of an `[[identity]]` of kind `ldap`.

use reqwest::Url;

use crate::config::secrets::read_secret;
use crate::config::section::{Choice, Section, quote};
use crate::config::upstream::{is_loopback, read_ca_file};
use crate::identity::{LdapBind, LdapFind, LdapFlavour, LdapSettings};

const USER: &str = "{user}";
const ADDRESS: &str = "an address such as \"ldaps://ldap.example.org\"";

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
    Some(LdapSettings { url: url?, starttls, bind, find: find?, flavour, ca_file })
}

fn read_url(section: &Section<'_>, starttls: bool) -> Option<String> {
    let text = section.required_text("url", ADDRESS)?;
    let Ok(url) = Url::parse(&text) else { return section.wrong("url", &quote(&text), ADDRESS) };
    let is_bare = url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none();
    match url.scheme() {
        "ldaps" if is_bare && starttls => {
            section.complain("starttls", "is true, but ldaps:// speaks TLS already; write ldap:// or leave it out");
        }
        "ldaps" if is_bare => {}
        "ldap" if is_bare && !starttls && !is_loopback(&url) => {
            let text = format!(
                "is {}, where passwords would cross the network in clear; write ldaps://, or starttls = true",
                quote(&text)
            );
            section.complain("url", text);
        }
        "ldap" if is_bare => {}
        _ => return section.wrong("url", &quote(&text), ADDRESS),
    }
    Some(text)
}

fn read_bind(section: &Section<'_>) -> Option<LdapBind> {
    let dn = section.text("bind_dn", "the name of the gateway's own entry, such as \"cn=soapgate,dc=example,dc=org\"");
    let password = read_secret(section, "bind_password");
    match (dn, password) {
        (Some(dn), Some(password)) => Some(LdapBind { dn, password }),
        (Some(_), None) => {
            if !section.is_broken("bind_password") && !section.is_broken("bind_password_file") {
                section.complain(
                    "bind_password",
                    "is missing; write it, or bind_password_file with the path of a file that holds it",
                );
            }
            None
        }
        (None, Some(_)) => {
            section.complain("bind_dn", "is missing; write whose the bind_password is");
            None
        }
        (None, None) => None,
    }
}

fn read_find(section: &Section<'_>) -> Option<LdapFind> {
    let write = "a name with {user} in it, such as \"uid={user},ou=people,dc=example,dc=org\"";
    let user_dn = section.text("user_dn", write);
    let base_dn = section.text("base_dn", "where accounts are, such as \"ou=people,dc=example,dc=org\"");
    let write_filter = "a filter with {user} in it, such as \"(uid={user})\"";
    let filter = section.text("filter", write_filter);
    match (user_dn, base_dn) {
        (Some(_), Some(_)) => {
            section.complain("user_dn", "stands beside base_dn; write one of them");
            None
        }
        (Some(user_dn), None) => {
            if filter.is_some() {
                section.complain("filter", "stands beside user_dn, with which nothing is searched; leave it out");
            }
            let fits = user_dn.contains(USER);
            if fits { Some(LdapFind::Template(user_dn)) } else { section.wrong("user_dn", &quote(&user_dn), write) }
        }
        (None, Some(base_dn)) => {
            let filter = filter.unwrap_or_else(|| "(uid={user})".to_owned());
            let fits = filter.contains(USER) && filter.starts_with('(') && filter.ends_with(')');
            if fits {
                Some(LdapFind::Search { base_dn, filter })
            } else {
                section.wrong("filter", &quote(&filter), write_filter)
            }
        }
        (None, None) => {
            section.complain("base_dn", "is missing; write where accounts are, or user_dn");
            None
        }
    }
}
