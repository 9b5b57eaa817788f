//! Reads the keys of an `[[identity]]` of kind `alma`.

use crate::config::secrets::require_secret;
use crate::config::section::{Choice, Section, quote};
use crate::config::upstream::{read_ca_file, read_web_address};
use crate::identity::{AlmaSettings, PasswordEncoding};

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_alma(section: &Section<'_>) -> Option<AlmaSettings> {
    let base_url = read_web_address(section, "base_url", "https://api-eu.hosted.exlibrisgroup.com");
    let api_key = require_secret(section, "api_key");
    let write = "a type of identifier in Alma's words, such as \"all_unique\"";
    let user_id_type = section.text("user_id_type", write).unwrap_or_else(|| "all_unique".to_owned());
    let is_word =
        !user_id_type.is_empty() && user_id_type.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if !is_word {
        section.complain("user_id_type", format!("is {}; write {write}", quote(&user_id_type)));
    }
    let encodings =
        [Choice::Means("utf-8", PasswordEncoding::Utf8), Choice::Means("latin-1", PasswordEncoding::Latin1)];
    let password_encoding = section.choice("password_encoding", &encodings).unwrap_or(PasswordEncoding::Utf8);
    let second_look = section.switch("second_look", true);
    let ca_file = read_ca_file(section);
    Some(AlmaSettings { base_url: base_url?, api_key: api_key?, user_id_type, second_look, password_encoding, ca_file })
}
