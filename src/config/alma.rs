//! Reads the keys of an `[[identity]]` of kind `alma`.

use crate::config::section::Section;
use crate::identity::AlmaSettings;

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_alma(section: &Section<'_>) -> Option<AlmaSettings> {
    section.complain("kind", "is not served yet");
    section.skip();
    None
}
