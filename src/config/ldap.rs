//! Reads the keys of an `[[identity]]` of kind `ldap`.

use crate::config::section::Section;
use crate::identity::LdapSettings;

/// Reads what the adapter needs; `None` when something of it is missing or wrong, which is noted.
pub(crate) fn read_ldap(section: &Section<'_>) -> Option<LdapSettings> {
    section.complain("kind", "is not served yet");
    section.skip();
    None
}
