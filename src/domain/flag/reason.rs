//! Why an account is flagged.

use crate::domain::flag::Severity;

/// Why an account is flagged. The codes are public: operators filter and export by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The account's time is over.
    Expired,
    /// A known integration's own sign-in was refused.
    IntegrationRefused,
    /// The account is locked at the identity service.
    Locked,
    /// The password is right and must be changed.
    MustChange,
    /// The account has no password at the identity service.
    NoPassword,
    /// It stands in the imported list of accounts that the identity service does not hold.
    Reported,
    /// An integration goes on presenting the same password, refused, for an account that it used to sign in.
    StaleSecret,
    /// What is presented could never have become a password at the identity service.
    UnacceptablePassword,
}

impl Reason {
    /// Every reason there is, by code.
    pub const ALL: [Self; 8] = [
        Self::Expired,
        Self::IntegrationRefused,
        Self::Locked,
        Self::MustChange,
        Self::NoPassword,
        Self::Reported,
        Self::StaleSecret,
        Self::UnacceptablePassword,
    ];

    /// The public code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::IntegrationRefused => "integration-refused",
            Self::Locked => "locked",
            Self::MustChange => "must-change",
            Self::NoPassword => "no-password",
            Self::Reported => "reported",
            Self::StaleSecret => "stale-secret",
            Self::UnacceptablePassword => "unacceptable-password",
        }
    }

    /// The reason with this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// How soon somebody should act, as far as the reason alone says: an integration that cannot sign in stops
    /// everybody behind it, and a row of a list may belong to somebody who never comes.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::IntegrationRefused => Severity::Critical,
            Self::Locked | Self::NoPassword => Severity::High,
            Self::Expired | Self::MustChange | Self::StaleSecret | Self::UnacceptablePassword => Severity::Medium,
            Self::Reported => Severity::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_public_ones_in_their_order() {
        let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(
            codes.join(", "),
            "expired, integration-refused, locked, must-change, no-password, reported, stale-secret, unacceptable-password"
        );
        for reason in Reason::ALL {
            assert_eq!(Reason::of_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::of_code("Expired"), None);
    }
}
