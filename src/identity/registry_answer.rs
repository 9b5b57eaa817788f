//! What the registry says of an integration's sign-in.

use crate::domain::{Answer, Rejection};

/// What the registry says of an integration's sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// It is registered and the secret is right.
    Accepted,
    /// The secret is right, but the integration is switched off.
    Disabled,
    /// No such integration is registered.
    Unknown,
    /// The secret is wrong.
    WrongSecret,
}

impl RegistryAnswer {
    /// The same in the words of identity services.
    #[must_use]
    pub const fn answer(self) -> Answer {
        match self {
            Self::Accepted => Answer::Accepted,
            Self::Disabled => Answer::Rejected(Rejection::Disabled),
            Self::Unknown => Answer::Rejected(Rejection::UnknownAccount),
            Self::WrongSecret => Answer::Rejected(Rejection::WrongPassword),
        }
    }

    /// Whether there is such an integration.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        match self {
            Self::Accepted | Self::Disabled | Self::WrongSecret => true,
            Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_those_of_identity_services() {
        let cases = [
            (RegistryAnswer::Accepted, Answer::Accepted, true),
            (RegistryAnswer::Disabled, Answer::Rejected(Rejection::Disabled), true),
            (RegistryAnswer::Unknown, Answer::Rejected(Rejection::UnknownAccount), false),
            (RegistryAnswer::WrongSecret, Answer::Rejected(Rejection::WrongPassword), true),
        ];
        for (said, answer, registered) in cases {
            assert_eq!((said.answer(), said.is_registered()), (answer, registered), "{said:?}");
        }
    }
}
