//! How a command ends: the public exit codes, and which failure has which.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use crate::app::OpenError;
use crate::config::Problems;
use crate::identity::{HashingError, IdentityError};
use crate::operator::OperatorError;
use crate::store::StoreError;

/// How a command ends. The codes are public: scripts act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Refused,
    Usage,
    Configuration,
    Store,
    Identity,
}

impl Exit {
    const ALL: [Self; 6] = [Self::Ok, Self::Refused, Self::Usage, Self::Configuration, Self::Store, Self::Identity];

    /// The code that the system is told.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Store => 4,
            Self::Identity => 5,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused, or not found",
            Self::Usage => "the command line is wrong",
            Self::Configuration => "the configuration is wrong",
            Self::Store => "the store failed",
            Self::Identity => "the identity service failed",
        }
    }

    /// The codes as the help shows them.
    pub(crate) fn table() -> String {
        Self::ALL.iter().fold(String::from("Exit codes:"), |mut text, exit| {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {}  {}", exit.code(), exit.meaning());
            text
        })
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads the output any more, as `head` does after its lines: no reason to complain.
    OutputClosed,
    /// Everything else, with what to say about it.
    Told(Exit, String),
}

impl Failure {
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::Told(Exit::Refused, text.into())
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Told(Exit::Usage, text.into())
    }

    /// A failure of something that goes on with `anyhow`: the first cause that has a code of its own decides.
    pub(crate) fn of_chain(error: &anyhow::Error) -> Self {
        let decided = error.chain().find_map(|cause| {
            if cause.is::<Problems>() {
                Some(Exit::Configuration)
            } else if cause.is::<OpenError>() || cause.is::<StoreError>() {
                Some(Exit::Store)
            } else if cause.is::<IdentityError>() || cause.is::<HashingError>() {
                Some(Exit::Identity)
            } else {
                cause.downcast_ref::<OperatorError>().map(exit_of)
            }
        });
        Self::Told(decided.unwrap_or(Exit::Refused), chain(error.as_ref()))
    }
}

const fn exit_of(error: &OperatorError) -> Exit {
    match error {
        OperatorError::AlreadyExists(_)
        | OperatorError::Archive(_)
        | OperatorError::File { .. }
        | OperatorError::FileExists(_)
        | OperatorError::Move(_)
        | OperatorError::NoteMissing
        | OperatorError::NotFound(_)
        | OperatorError::NothingKnown(_)
        | OperatorError::Password(_) => Exit::Refused,
        OperatorError::Cursor => Exit::Usage,
        OperatorError::Hashing(_) | OperatorError::Random(_) => Exit::Identity,
        OperatorError::Store(_) => Exit::Store,
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Told(Exit::Configuration, problems.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Told(Exit::Store, chain(&error))
    }
}

impl From<HashingError> for Failure {
    fn from(error: HashingError) -> Self {
        Self::Told(Exit::Identity, chain(&error))
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        Self::Told(exit_of(&error), chain(&error))
    }
}

/// Only standard output is written here; what commands read has its own words.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::refused(format!("standard output cannot be written: {error}")),
        }
    }
}

/// An error and its causes in one line. Some errors' texts hold their cause's: nothing is said twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;
    use crate::operator::PasswordRule;

    fn exit(failure: &Failure) -> Option<Exit> {
        match failure {
            Failure::OutputClosed => None,
            Failure::Told(exit, _) => Some(*exit),
        }
    }

    #[test]
    fn the_codes_are_those_that_scripts_know() {
        let table = "Exit codes:\n  0  ok\n  1  refused, or not found\n  2  the command line is wrong\n  \
                     3  the configuration is wrong\n  4  the store failed\n  5  the identity service failed";
        assert_eq!(Exit::table(), table);
    }

    #[test]
    fn a_cause_deep_in_a_chain_decides() {
        let store = Err::<(), _>(StoreError::away()).context("the server cannot start").expect_err("an error");
        let failure = Failure::of_chain(&store);
        assert_eq!(exit(&failure), Some(Exit::Store));
        assert!(
            matches!(failure, Failure::Told(_, text) if text == "the server cannot start: the store cannot be reached")
        );
        assert_eq!(exit(&Failure::of_chain(&anyhow::anyhow!("something else"))), Some(Exit::Refused));
        let password = anyhow::Error::from(OperatorError::Password(PasswordRule::Empty));
        assert_eq!(exit(&Failure::of_chain(&password)), Some(Exit::Refused));
    }

    #[test]
    fn a_reader_that_left_is_no_failure_to_tell() {
        assert_eq!(exit(&Failure::from(io::Error::from(io::ErrorKind::BrokenPipe))), None);
        assert_eq!(exit(&Failure::from(io::Error::from(io::ErrorKind::StorageFull))), Some(Exit::Refused));
    }
}
