//! The tag that stands for an account in the log, where the identifier itself has no place.

use crate::domain::AccountId;

/// Sixteen hexadecimal digits that are the same for every spelling of one account, on every node and after every
/// restart, so that lines about one account can be found together. It hides the identifier from a reader, not from
/// somebody who tries identifiers one by one: identifiers are not secrets.
#[must_use]
pub fn account_tag(account: &AccountId) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("soapgate account tag 1");
    hasher.update(account.institution().as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(account.identifier().as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Institution;

    #[test]
    fn spellings_share_a_tag_and_institutions_do_not() {
        let (one, two) = (Institution::parse("01A").expect("valid"), Institution::parse("01B").expect("valid"));
        let tag = |institution, identifier| account_tag(&AccountId::parse(institution, identifier).expect("valid"));
        assert_eq!(tag(&one, "JDoe"), tag(&one, "jdoe"));
        assert_ne!(tag(&one, "jdoe"), tag(&two, "jdoe"));
        assert_eq!(tag(&one, "jdoe").len(), 16);
    }
}
