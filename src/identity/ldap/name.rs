//! Whose entry a search has found: the one that is called as was asked, by our own folding, and nobody else's.
//!
//! Directories read many spellings as one (full-width letters, accents, runs of blanks, characters that are not seen at
//! all; RFC 4518), each of which would have a budget of attempts of its own. So a password is never sent for an entry
//! that only the directory takes for the one asked about. Several values of one entry are several identifiers of one
//! person, as many as the directory's people wrote down; they share the budget of the first of them.

use crate::domain::AccountId;
use crate::identity::ldap::filter::Naming;
use crate::identity::ldap::message::Entry;

/// Under which identifier all of an entry's are counted, when `asked` is one of them.
pub(crate) fn person(namings: &[Naming], entry: &Entry, asked: &AccountId) -> Option<AccountId> {
    let own: Vec<Vec<AccountId>> = namings.iter().map(|naming| identifiers(naming, entry, asked)).collect();
    if !own.iter().flatten().any(|own| own == asked) {
        return None;
    }
    // Servers may tell values in any order.
    own.into_iter().find_map(|own| own.into_iter().min())
}

fn identifiers(naming: &Naming, entry: &Entry, asked: &AccountId) -> Vec<AccountId> {
    let (before, after) = (naming.before.to_lowercase(), naming.after.to_lowercase());
    let values = entry.texts(&naming.attribute).map(str::to_lowercase);
    values
        .filter_map(|value| {
            let identifier = value.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
            AccountId::parse(asked.institution(), identifier).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Institution;
    use crate::identity::ldap::filter::Filter;

    fn found(filter: &str, entry: &Entry, asked: &str) -> Option<String> {
        let filter = Filter::parse(filter).expect("a filter");
        let institution = Institution::parse("01X").expect("a code");
        let asked = AccountId::parse(&institution, asked).expect("an identifier");
        person(filter.namings(), entry, &asked).map(|person| person.identifier().to_owned())
    }

    #[test]
    fn an_entry_is_the_one_asked_about_when_it_is_called_so_letter_case_aside() {
        let entry = Entry::new("uid=ok,dc=org", &[("UID", &["Ok"])]);
        assert_eq!(found("(uid={user})", &entry, "OK").as_deref(), Some("ok"));
        for spelling in ["\u{ff4f}k", "o\u{ad}k", "ók", "o k"] {
            assert_eq!(found("(uid={user})", &entry, spelling), None, "{spelling:?}");
        }
        assert_eq!(found("(uid={user})", &Entry::new("cn=x", &[("cn", &["ok"])]), "ok"), None, "nothing to compare");
    }

    #[test]
    fn all_identifiers_of_an_entry_are_counted_under_one() {
        let values: &[&str] = &["zoe", "Alias"];
        let entry = Entry::new("uid=zoe,dc=org", &[("mail", &["zoe@example.org"]), ("uid", values)]);
        let filter = "(|(uid={user})(mail={user}@example.org)(mail={user}))";
        for asked in ["zoe", "alias", "zoe@example.org", "ZOE"] {
            assert_eq!(found(filter, &entry, asked).as_deref(), Some("alias"), "{asked}");
        }
        assert_eq!(found("(mail={user})", &entry, "zoe@example.org").as_deref(), Some("zoe@example.org"));
        assert_eq!(found("(mail={user}@EXAMPLE.org)", &entry, "zoe").as_deref(), Some("zoe"));
        assert_eq!(found("(mail={user}@other.org)", &entry, "zoe"), None);
    }
}
