//! Why a message that SOAP allows is none that a contract takes.

use crate::soap::{FaultCode, ReadError, ReadErrorKind};

/// A message that its contract does not take. Every text is fixed; nothing of the message is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.label())]
pub enum ContractError {
    /// More than one credential, or two that differ.
    Ambiguous,
    /// Arguments that the operation does not have, or that are no plain text.
    BadArguments,
    /// A token or timestamp from the future, or a time that cannot be read.
    BadTime,
    /// A token or timestamp that is too old.
    Expired,
    /// Nothing that could be signed in with, on a route that takes no HTTP Basic.
    NoCredential,
    /// The body holds no operation.
    NoOperation,
    /// The message cannot be read.
    Read(ReadError),
    /// An operation that this service does not have.
    UnknownOperation,
}

impl From<ReadError> for ContractError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl ContractError {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous-credentials",
            Self::BadArguments => "bad-arguments",
            Self::BadTime => "bad-time",
            Self::Expired => "message-expired",
            Self::NoCredential => "no-credential",
            Self::NoOperation => "no-operation",
            Self::Read(error) => error.label(),
            Self::UnknownOperation => "unknown-operation",
        }
    }

    /// The code of the fault.
    #[must_use]
    pub const fn fault_code(self) -> FaultCode {
        match self {
            Self::Ambiguous | Self::BadTime | Self::NoCredential => FaultCode::InvalidSecurity,
            Self::BadArguments => FaultCode::BadArguments,
            Self::Expired => FaultCode::MessageExpired,
            Self::NoOperation => FaultCode::Client,
            Self::Read(error) => error.fault_code(),
            Self::UnknownOperation => FaultCode::ProcedureNotPresent,
        }
    }

    /// The text of the fault.
    #[must_use]
    pub const fn wire_text(self) -> &'static str {
        match self {
            Self::Ambiguous => "The message carries more than one credential",
            Self::BadArguments => "The operation does not take these arguments",
            Self::BadTime => "The message carries a time that lies in the future or cannot be read",
            Self::Expired => "The message is too old",
            Self::NoCredential => "The message carries no credential",
            Self::NoOperation => "The message body holds no operation",
            Self::Read(error) => error.wire_text(),
            Self::UnknownOperation => "The service has no such operation",
        }
    }
}

/// The error of a character that XML forbids, given by reference.
pub(crate) const FORBIDDEN_REFERENCE: ContractError =
    ContractError::Read(ReadError { kind: ReadErrorKind::ForbiddenReference, version: None });

/// The error of a token whose password is a digest.
pub(crate) const PASSWORD_DIGEST: ContractError =
    ContractError::Read(ReadError { kind: ReadErrorKind::PasswordDigest, version: None });
