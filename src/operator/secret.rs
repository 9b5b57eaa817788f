//! Which passwords are taken, and secrets that the gateway makes itself.

use zeroize::Zeroize as _;

use crate::domain::{CREDENTIAL_BYTES_MAX, Password};
use crate::operator::OperatorError;

/// Lower-case letters and digits that nobody takes for each other on paper or on the telephone: no i, l, o, 0, 1.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// 28 of 31 characters are 138 bits.
const GENERATED_CHARACTERS: usize = 28;

/// Why a text cannot be a password: nobody could ever sign in with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// It holds a NUL character.
    #[error("holds a NUL character")]
    Nul,
    /// It is longer than 1,024 bytes.
    #[error("is longer than {CREDENTIAL_BYTES_MAX} bytes")]
    TooLong,
}

/// Refuses what a sign-in would refuse before asking anybody. There is no rule of strength: most of these passwords
/// are those that old systems already send.
pub(crate) fn check(password: &Password) -> Result<(), PasswordRule> {
    let text = password.expose();
    if text.is_empty() {
        return Err(PasswordRule::Empty);
    }
    if text.len() > CREDENTIAL_BYTES_MAX {
        return Err(PasswordRule::TooLong);
    }
    if text.contains('\0') {
        return Err(PasswordRule::Nul);
    }
    Ok(())
}

/// A new secret.
pub(crate) fn generate() -> Result<Password, OperatorError> {
    let mut text = String::with_capacity(GENERATED_CHARACTERS);
    let mut random = [0; 64];
    while text.len() < GENERATED_CHARACTERS {
        getrandom::fill(&mut random)?;
        // 248 is the greatest multiple of 31 in a byte: beyond it some characters would come up more often.
        let fair = random.iter().filter(|byte| **byte < 248);
        let characters = fair.filter_map(|byte| ALPHABET.get(usize::from(byte % 31)));
        text.extend(characters.take(GENERATED_CHARACTERS - text.len()).map(|byte| char::from(*byte)));
    }
    random.zeroize();
    Ok(Password::new(text))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_what_nobody_could_sign_in_with_is_refused() {
        let cases = [
            (String::new(), Err(PasswordRule::Empty)),
            (String::from("a\0b"), Err(PasswordRule::Nul)),
            ("x".repeat(1_025), Err(PasswordRule::TooLong)),
            ("ë".repeat(513), Err(PasswordRule::TooLong)),
            ("x".repeat(1_024), Ok(())),
            (String::from(" "), Ok(())),
            (String::from("1"), Ok(())),
            (String::from("p&<>\"'é€ "), Ok(())),
        ];
        for (text, expected) in cases {
            assert_eq!(check(&Password::new(text.clone())), expected, "{text:?}");
        }
    }

    #[test]
    fn generated_secrets_are_long_clear_and_never_the_same() {
        let secrets: HashSet<String> =
            (0..200).map(|_| generate().expect("random numbers").expose().to_owned()).collect();
        assert_eq!(secrets.len(), 200);
        let characters: HashSet<u8> = secrets.iter().flat_map(|secret| secret.bytes()).collect();
        assert_eq!(characters, ALPHABET.iter().copied().collect(), "every character comes up, and no other");
        assert!(secrets.iter().all(|secret| secret.len() == GENERATED_CHARACTERS));
    }
}
