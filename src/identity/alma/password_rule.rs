//! Which passwords the Ex Libris Identity Service takes, as far as the vendor says: at least eight characters, not the
//! user's name in them, none that is commonly used.

use passwords::analyzer;

use crate::domain::NewPasswordRule;

/// The vendor's rule. What is commonly used the vendor does not say: a public list of a hundred thousand stands for it,
/// compared as a whole and as it is spelled. Taken at its word ("not include any commonly used password") the rule would
/// forbid nearly every text, as such lists hold words of one letter.
pub(crate) const RULE: NewPasswordRule = NewPasswordRule { characters_min: 8, is_common };

fn is_common(password: &str) -> bool {
    analyzer::is_common_password(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_many_people_use() {
        for common in ["12345678", "password1", "iloveyou", "qwertyuiop", "football", "sunshine"] {
            assert!(is_common(common), "{common}");
        }
        for other in ["correct horse battery", "p&<>\"'é€ ", "Tr0ub4dor&3-not-listed", ""] {
            assert!(!is_common(other), "{other}");
        }
    }
}
