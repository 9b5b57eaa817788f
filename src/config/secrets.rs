//! Secrets in the configuration: under their own key, or in a file that the key with `_file` behind it names.

use std::fs;

use crate::config::section::Section;
use crate::identity::ServiceSecret;

/// Reads a secret from `key`, or from the file that `<key>_file` names, of which the final line end is taken off.
/// Both at once is a problem; neither is `None`. No message shows any of it.
pub(crate) fn read_secret(section: &Section<'_>, key: &str) -> Option<ServiceSecret> {
    let file_key = format!("{key}_file");
    let own = section.text(key, "a secret as a string");
    let Some(file) = section.text(&file_key, "the path of a file that holds the secret") else {
        return own.and_then(|text| usable(section, key, text));
    };
    if own.is_some() {
        section.complain(&file_key, format!("stands beside {key}; write one of them"));
        return None;
    }
    let text = match fs::read(section.resolve(&file)) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "names a file that is not UTF-8".to_owned()),
        Err(error) => Err(format!("names a file that cannot be read: {error}")),
    };
    match text {
        Ok(text) => {
            let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
            usable(section, &file_key, line.to_owned())
        }
        Err(problem) => {
            section.complain(&file_key, format!("{problem}; write the path of a file that holds the secret"));
            None
        }
    }
}

/// Reads a secret that must be there.
pub(crate) fn require_secret(section: &Section<'_>, key: &str) -> Option<ServiceSecret> {
    let secret = read_secret(section, key);
    if secret.is_none() && !section.is_broken(&format!("{key}_file")) {
        section.complain(key, format!("is missing; write it, or {key}_file with the path of a file that holds it"));
    }
    secret
}

fn usable(section: &Section<'_>, key: &str, text: String) -> Option<ServiceSecret> {
    if text.is_empty() {
        section.complain(key, "is empty; write the secret");
        return None;
    }
    Some(ServiceSecret::new(text))
}
