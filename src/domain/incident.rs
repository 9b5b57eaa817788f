//! The short id by which an operator finds the truth behind a reply.

use std::fmt;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 16 characters of `a-z2-7`: 80 bits, made by the gateway, never taken from a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IncidentId([u8; 16]);

impl IncidentId {
    /// Spells ten random bytes in base32 (RFC 4648, lower case).
    #[must_use]
    pub fn from_random(bytes: [u8; 10]) -> Self {
        let mut text = [0_u8; 16];
        let mut bits = bytes.iter().fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
        for character in text.iter_mut().rev() {
            *character = ALPHABET[usize::try_from(bits & 31).unwrap_or(0)];
            bits >>= 5;
        }
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_base32_of_the_bytes() {
        assert_eq!(IncidentId::from_random([0; 10]).as_str(), "aaaaaaaaaaaaaaaa");
        assert_eq!(IncidentId::from_random([255; 10]).as_str(), "7777777777777777");
        assert_eq!(IncidentId::from_random(*b"0123456789").as_str(), "gaytemzugu3doobz");
    }
}
