//! Which passwords a service could have taken by the rules that it documents.

use crate::domain::Credentials;

/// A shorter user name stands in too many words to say anything.
const USER_NAME_CHARACTERS_MIN: usize = 3;

/// What a service documents of the passwords that it takes. One answer for all of it: which of the rules a password
/// breaks would be something to guess it by.
#[derive(Clone, Copy)]
pub struct NewPasswordRule {
    /// The fewest characters.
    pub characters_min: usize,
    /// Whether a password is one that many people use.
    pub is_common: fn(&str) -> bool,
}

impl NewPasswordRule {
    /// Whether this password could have been set for this account. It must not hold the user's name, in whatever case,
    /// for which the identifier stands that was presented.
    #[must_use]
    pub fn allows(&self, credentials: &Credentials) -> bool {
        let (password, user_name) = (credentials.password().expose(), credentials.account().identifier());
        let is_telling = user_name.chars().count() >= USER_NAME_CHARACTERS_MIN;
        password.chars().count() >= self.characters_min
            && !(is_telling && holds(password, user_name))
            && !(self.is_common)(password)
    }
}

/// Whether `password` holds `folded`, in whatever case. Makes no copy of it, folded or not, that would have to be wiped.
fn holds(password: &str, folded: &str) -> bool {
    let mut rest = password.chars();
    loop {
        let mut lower = rest.clone().flat_map(char::to_lowercase);
        if folded.chars().all(|wanted| lower.next() == Some(wanted)) {
            return true;
        }
        if rest.next().is_none() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, Institution, Password};

    fn allows(user: &str, password: &str) -> bool {
        let institution = Institution::parse("01DEMO_INST").expect("a valid code");
        let account = AccountId::parse(&institution, user).expect("a valid identifier");
        let credentials = Credentials::new(account, Password::new(password.to_owned())).expect("acceptable");
        NewPasswordRule { characters_min: 8, is_common: |text| text == "password1" }.allows(&credentials)
    }

    #[test]
    fn a_password_has_so_many_characters_and_not_bytes() {
        assert!(!allows("reader", "1234567"));
        assert!(!allows("reader", "éééé€€€"));
        assert!(allows("reader", "éééé€€€€"));
        assert!(allows("reader", "        "));
    }

    #[test]
    fn a_password_does_not_hold_the_user_name_in_whatever_case() {
        for (user, password) in
            [("reader", "xxREADERxx"), ("Reader", "reader12"), ("zoë", "my ZOË is here"), ("2001", "20012001")]
        {
            assert!(!allows(user, password), "{user}");
        }
        for (user, password) in [("reader", "reade r12"), ("zoë", "my zoe is here"), ("bo", "bobobobobo")] {
            assert!(allows(user, password), "{user}");
        }
        assert!(!allows("x@example.org", "x@Example.Org"));
    }

    #[test]
    fn a_password_is_not_one_that_many_people_use() {
        assert!(!allows("reader", "password1"));
        assert!(allows("reader", "password1 and more"));
    }
}
