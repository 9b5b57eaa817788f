//! What the addresses of identity services must be: nothing that holds a password crosses a network in clear.

use std::path::PathBuf;

use reqwest::Url;

use crate::config::section::{Section, quote};

/// Whether the host of `url` is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback()),
        None => false,
    }
}

/// Reads the web address under `key`, without a final slash: `https://`, or `http://` to this machine.
pub(crate) fn read_web_address(section: &Section<'_>, key: &str, example: &str) -> Option<String> {
    let write = format!("an address such as \"{example}\"");
    let text = section.required_text(key, &write)?;
    let Ok(url) = Url::parse(&text) else { return section.wrong(key, &quote(&text), &write) };
    let is_plain = url.query().is_none() && url.fragment().is_none();
    // An address with a name and a password in it is not shown.
    if !url.username().is_empty() || url.password().is_some() {
        section.complain(key, format!("holds a name or a password; write {write}"));
        return None;
    }
    match url.scheme() {
        "https" if is_plain => {}
        "http" if is_plain && is_loopback(&url) => {}
        "http" if is_plain => {
            let text = format!("is {}, where passwords would cross the network in clear; write https://", quote(&text));
            section.complain(key, text);
            return None;
        }
        _ => return section.wrong(key, &quote(&text), &write),
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// Reads `ca_file`.
pub(crate) fn read_ca_file(section: &Section<'_>) -> Option<PathBuf> {
    let file = section.text("ca_file", "the path of a file with certificates in PEM")?;
    Some(section.resolve(&file))
}
