//! Which verdicts mean that somebody must act.

use crate::domain::{Rejection, Verdict};

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
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 5] =
        [Self::Expired, Self::IntegrationRefused, Self::Locked, Self::MustChange, Self::NoPassword];

    /// The public code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::IntegrationRefused => "integration-refused",
            Self::Locked => "locked",
            Self::MustChange => "must-change",
            Self::NoPassword => "no-password",
        }
    }

    /// How soon somebody should act: an integration that cannot sign in stops everybody behind it.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::IntegrationRefused => Severity::Critical,
            Self::Locked | Self::NoPassword => Severity::High,
            Self::Expired | Self::MustChange => Severity::Medium,
        }
    }
}

/// How soon somebody should act; higher compares greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// This week.
    Medium,
    /// Today.
    High,
    /// Now.
    Critical,
}

impl Severity {
    /// The public name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Low => "low",
            Self::Medium => "medium",
        }
    }
}

/// Whose sign-in a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A person's account.
    Account,
    /// A known integration's own: registered, or accepted before.
    KnownIntegration,
}

/// The reason to flag an account after one verdict, if there is one. A wrong password alone never flags a person.
#[must_use]
pub fn review(sign_in: SignIn, verdict: Verdict) -> Option<Reason> {
    match (sign_in, verdict) {
        (SignIn::KnownIntegration, Verdict::Reject(_)) => Some(Reason::IntegrationRefused),
        (_, Verdict::Accept { must_change: true }) => Some(Reason::MustChange),
        (_, Verdict::Accept { must_change: false } | Verdict::Undecided(_)) => None,
        (SignIn::Account, Verdict::Reject(rejection)) => match rejection {
            Rejection::Expired => Some(Reason::Expired),
            Rejection::Locked => Some(Reason::Locked),
            Rejection::MustChange | Rejection::SetUpPending => Some(Reason::MustChange),
            Rejection::NoPassword => Some(Reason::NoPassword),
            Rejection::Disabled
            | Rejection::Policy
            | Rejection::Shielded
            | Rejection::Unacceptable
            | Rejection::UnknownAccount
            | Rejection::WrongPassword => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NoAnswer;

    #[test]
    fn only_what_somebody_must_act_on_flags() {
        let accounts = [
            (Verdict::Accept { must_change: false }, None),
            (Verdict::Accept { must_change: true }, Some(Reason::MustChange)),
            (Verdict::Reject(Rejection::Disabled), None),
            (Verdict::Reject(Rejection::Expired), Some(Reason::Expired)),
            (Verdict::Reject(Rejection::Locked), Some(Reason::Locked)),
            (Verdict::Reject(Rejection::MustChange), Some(Reason::MustChange)),
            (Verdict::Reject(Rejection::NoPassword), Some(Reason::NoPassword)),
            (Verdict::Reject(Rejection::Policy), None),
            (Verdict::Reject(Rejection::SetUpPending), Some(Reason::MustChange)),
            (Verdict::Reject(Rejection::Shielded), None),
            (Verdict::Reject(Rejection::Unacceptable), None),
            (Verdict::Reject(Rejection::UnknownAccount), None),
            (Verdict::Reject(Rejection::WrongPassword), None),
            (Verdict::Undecided(NoAnswer::Unreachable), None),
        ];
        for (verdict, reason) in accounts {
            assert_eq!(review(SignIn::Account, verdict), reason, "{verdict:?}");
        }
    }

    #[test]
    fn a_refused_integration_flags_and_its_outage_does_not() {
        assert_eq!(
            review(SignIn::KnownIntegration, Verdict::Reject(Rejection::WrongPassword)),
            Some(Reason::IntegrationRefused)
        );
        assert_eq!(review(SignIn::KnownIntegration, Verdict::Undecided(NoAnswer::TimedOut)), None);
        assert_eq!(Reason::IntegrationRefused.severity(), Severity::Critical);
    }
}
