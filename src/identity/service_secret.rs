//! A secret of the gateway's own, with which it signs in at an identity service.

use std::fmt;
use std::sync::Arc;

use crate::domain::Password;

/// An API key, client secret, private key or bind password. Cheap to clone; shown as three stars.
#[derive(Clone)]
pub struct ServiceSecret(Arc<Password>);

impl ServiceSecret {
    /// Takes a secret; `text` is wiped when the last clone is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Password::new(text)))
    }

    /// The secret itself, for sending it to its service. Nothing else may call this.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for ServiceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for ServiceSecret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for ServiceSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = ServiceSecret::new("l8xx-planted".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, ServiceSecret::new("l8xx-other".to_owned()));
    }
}
