//! A stored password hash: not a password, but not for anybody's eyes either.

use std::fmt;

/// A PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$…`. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(Box<str>);

impl StoredHash {
    /// Takes a PHC string as it stands; whoever verifies against it reads it.
    #[must_use]
    pub fn new(phc: impl Into<Box<str>>) -> Self {
        Self(phc.into())
    }

    /// The PHC string, for the database and for verification.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_shows_nothing_of_itself() {
        let hash = StoredHash::new("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA");
        assert_eq!(format!("{hash:?} {:#?}", Some(&hash)), "StoredHash(..) Some(\n    StoredHash(..),\n)");
    }
}
