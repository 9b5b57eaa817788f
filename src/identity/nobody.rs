//! Credentials of nobody: random, so that whoever lets them in would let in anybody.

use crate::domain::NoAnswer;
use crate::identity::IdentityError;

/// A name and a password that nobody has.
pub struct Nobody {
    name: String,
    password: String,
}

impl Nobody {
    /// Another one each time.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, IdentityError> {
        Ok(Self { name: random_word()?, password: random_word()? })
    }

    /// A word in small letters and digits, to be used as an identifier or in one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A password that every service could take.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

fn random_word() -> Result<String, IdentityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        IdentityError::unsent(NoAnswer::Misconfigured, format!("the system gives no random bytes: {error}"))
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_ever_called_the_same() {
        let (one, other) = (Nobody::random().expect("made"), Nobody::random().expect("made"));
        let words = [one.name(), one.password(), other.name(), other.password()];
        assert!(words.iter().all(|word| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        assert!((1..4).all(|at| !words[..at].contains(&words[at])));
    }
}
