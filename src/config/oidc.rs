//! Reads the keys of an `[[identity]]` of kind `oidc`.

use crate::config::section::Section;
use crate::identity::OidcSettings;

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_oidc(section: &Section<'_>) -> Option<OidcSettings> {
    section.complain("kind", "is not served yet");
    section.skip();
    None
}
