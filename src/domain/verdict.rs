//! What an identity service says, and what the gateway concludes from it.

use std::time::Duration;

/// What an identity service said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The password is right.
    Accepted,
    /// The password is right, and the account must change it.
    MustChange,
    /// The identity service said no.
    Rejected(Rejection),
}

/// Why a sign-in was refused. The wire never tells them apart; the operator sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The account is switched off.
    Disabled,
    /// The account's time is over.
    Expired,
    /// The account is locked.
    Locked,
    /// The password is right, but the service or the route takes none that must be changed.
    MustChange,
    /// The account has no password at the identity service.
    NoPassword,
    /// Not at this time or from this place.
    Policy,
    /// The account is not fully set up.
    SetUpPending,
    /// The gateway itself refused, to protect the account from being locked.
    Shielded,
    /// What was presented can be no account's identifier or password, so nobody was asked.
    Unacceptable,
    /// No such account.
    UnknownAccount,
    /// The password is wrong.
    WrongPassword,
}

impl Rejection {
    const ALL: [Self; 11] = [
        Self::Disabled,
        Self::Expired,
        Self::Locked,
        Self::MustChange,
        Self::NoPassword,
        Self::Policy,
        Self::SetUpPending,
        Self::Shielded,
        Self::Unacceptable,
        Self::UnknownAccount,
        Self::WrongPassword,
    ];

    /// The rejection with this name.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.label() == label)
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Locked => "locked",
            Self::MustChange => "must-change",
            Self::NoPassword => "no-password",
            Self::Policy => "policy",
            Self::SetUpPending => "set-up-pending",
            Self::Shielded => "shielded",
            Self::Unacceptable => "unacceptable",
            Self::UnknownAccount => "unknown-account",
            Self::WrongPassword => "wrong-password",
        }
    }
}

/// Why an identity service gave no answer. Never a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoAnswer {
    /// Our own set-up at the service is wrong.
    Misconfigured,
    /// It said something that cannot be understood.
    Protocol,
    /// It, or the gateway on its behalf, takes no more now; the time to wait when known.
    Throttled(Option<Duration>),
    /// It did not answer in time.
    TimedOut,
    /// It cannot be reached.
    Unreachable,
}

impl NoAnswer {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Misconfigured => "misconfigured",
            Self::Protocol => "protocol",
            Self::Throttled(_) => "throttled",
            Self::TimedOut => "timed-out",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What the gateway concludes. A rejection is not an error, and an outage is never a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let in; `must_change` when the service says the password must be changed.
    Accept {
        /// Whether the account must change its password.
        must_change: bool,
    },
    /// Refused, for a reason that only the operator sees.
    Reject(Rejection),
    /// Nobody knows.
    Undecided(NoAnswer),
}

impl From<Result<Answer, NoAnswer>> for Verdict {
    fn from(said: Result<Answer, NoAnswer>) -> Self {
        match said {
            Ok(Answer::Accepted) => Self::Accept { must_change: false },
            Ok(Answer::MustChange) => Self::Accept { must_change: true },
            Ok(Answer::Rejected(rejection)) => Self::Reject(rejection),
            Err(why) => Self::Undecided(why),
        }
    }
}
