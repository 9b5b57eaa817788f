//! What the addresses of identity services must be: nothing that holds a password crosses a network in clear.

use std::path::PathBuf;

use reqwest::Url;

use crate::config::section::{Section, quote};
use crate::identity::keeps_secrets;

/// Reads the web address under `key`, without a final slash: `https://`, or `http://` to this machine.
pub(crate) fn read_web_address(section: &Section<'_>, key: &str, example: &str) -> Option<String> {
    read_exact_address(section, key, example).map(|text| text.trim_end_matches('/').to_owned())
}

/// The same, as it stands.
pub(crate) fn read_exact_address(section: &Section<'_>, key: &str, example: &str) -> Option<String> {
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
        "https" | "http" if is_plain && keeps_secrets(&url) => {}
        "http" if is_plain => {
            let text = format!("is {}, where passwords would cross the network in clear; write https://", quote(&text));
            section.complain(key, text);
            return None;
        }
        _ => return section.wrong(key, &quote(&text), &write),
    }
    Some(text)
}

/// Reads `ca_file`.
pub(crate) fn read_ca_file(section: &Section<'_>) -> Option<PathBuf> {
    let file = section.text("ca_file", "the path of a file with certificates in PEM")?;
    Some(section.resolve(&file))
}
