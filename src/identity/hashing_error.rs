//! Why a hash was not computed. None of these says anything about a password, and none is ever a rejection.

use crate::domain::NoAnswer;

/// Why a hash was not computed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HashingError {
    kind: Kind,
}

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("the hashing pool has ended")]
    Ended,
    #[error("argon2 failed, probably for want of memory")]
    Failed(#[source] argon2::password_hash::Error),
    #[error("too many password checks are waiting")]
    Full,
    #[error("argon2 cannot work with the parameters")]
    Parameters(#[source] argon2::Error),
    #[error("too many password checks of one address are waiting")]
    SourceFull,
    #[error("the password check did not end in time")]
    TimedOut,
    #[error("the argon2 parameters are above 256 MiB, 16 passes or 16 lanes")]
    TooCostly,
    #[error("the stored hash is not one of argon2's")]
    Unreadable,
}

impl HashingError {
    /// What this is to somebody who waits for an answer.
    #[must_use]
    pub fn no_answer(&self) -> NoAnswer {
        match self.kind {
            // argon2 fails when there is no memory for it, which is another way of being too busy.
            Kind::Failed(_) | Kind::Full | Kind::SourceFull => NoAnswer::Throttled(None),
            Kind::Parameters(_) | Kind::TooCostly | Kind::Unreadable => NoAnswer::Misconfigured,
            Kind::Ended => NoAnswer::Unreachable,
            Kind::TimedOut => NoAnswer::TimedOut,
        }
    }

    pub(crate) fn ended() -> Self {
        Self { kind: Kind::Ended }
    }

    pub(crate) fn failed(source: argon2::password_hash::Error) -> Self {
        Self { kind: Kind::Failed(source) }
    }

    pub(crate) fn full() -> Self {
        Self { kind: Kind::Full }
    }

    pub(crate) fn parameters(source: argon2::Error) -> Self {
        Self { kind: Kind::Parameters(source) }
    }

    pub(crate) fn source_full() -> Self {
        Self { kind: Kind::SourceFull }
    }

    pub(crate) fn timed_out() -> Self {
        Self { kind: Kind::TimedOut }
    }

    pub(crate) fn too_costly() -> Self {
        Self { kind: Kind::TooCostly }
    }

    pub(crate) fn unreadable() -> Self {
        Self { kind: Kind::Unreadable }
    }
}
