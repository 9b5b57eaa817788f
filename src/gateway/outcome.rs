//! How a call ended, whoever is to blame.

use crate::contract::{AccountSource, ContractError};
use crate::domain::{NoAnswer, Rejection};
use crate::soap::FaultCode;

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// The account was let in.
    Accepted,
    /// It could not be answered.
    Failed(CallError),
    /// A known operation of an Alma service that is not served.
    NotServed(&'static str),
    /// The account was refused; where its credentials stood decides how that is written.
    Refused(Rejection, AccountSource),
    /// The caller did not sign in, or not with a right password.
    Unauthorized(Stranger),
    /// Nobody knows; where the credentials stood, should the route refuse in an outage.
    Undecided(NoAnswer, AccountSource),
}

/// Why a caller is nobody who may call. Only the log and the metrics tell; the wire has one reply for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// No HTTP Basic credential.
    NoCredential,
    /// A name that no integration has, or that of an institution which is not served.
    NoIntegration,
    /// Whoever knows the integration refused it.
    Rejected(Rejection),
    /// More than one credential.
    SeveralCredentials,
    /// A Basic credential that cannot be read.
    UnreadableCredential,
}

impl Stranger {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoCredential => "no-credential",
            Self::NoIntegration => "no-integration",
            Self::Rejected(rejection) => rejection.label(),
            Self::SeveralCredentials => "several-credentials",
            Self::UnreadableCredential => "unreadable-credential",
        }
    }
}

/// Why a call could not be answered.
#[derive(Debug)]
pub enum CallError {
    /// The request's framing or its Host field is broken.
    BadRequest,
    /// A transfer coding that is not read.
    Coding,
    /// The message is none that the contract takes.
    Contract(ContractError),
    /// An `Expect` that nobody can meet.
    Expectation,
    /// The request's head breaks HTTP's rules.
    HeadMalformed,
    /// The head did not arrive in time.
    HeadSlow,
    /// The head is too large, or has too many fields.
    HeadTooLarge,
    /// A fault of our own.
    Internal,
    /// Neither Content-Length nor Transfer-Encoding.
    LengthRequired,
    /// A media type or content encoding that is not read.
    MediaType,
    /// A method other than POST.
    MethodNotAllowed,
    /// No room to remember a nonce.
    NoncesFull,
    /// Nothing is served at this path.
    NotFound,
    /// Mandatory header blocks that are not understood: their namespaces and local names.
    NotUnderstood(Vec<(String, String)>),
    /// A token that let in before.
    Replayed,
    /// The body did not arrive in time.
    Slow,
    /// The body is too large.
    TooLarge,
}

impl From<ContractError> for CallError {
    fn from(error: ContractError) -> Self {
        Self::Contract(error)
    }
}

impl CallError {
    /// The name in logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Coding => "transfer-coding",
            Self::Contract(error) => error.label(),
            Self::Expectation => "expectation",
            Self::HeadMalformed => "head-malformed",
            Self::HeadSlow => "head-slow",
            Self::HeadTooLarge => "head-too-large",
            Self::Internal => "internal",
            Self::LengthRequired => "length-required",
            Self::MediaType => "media-type",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NoncesFull => "nonces-full",
            Self::NotFound => "not-found",
            Self::NotUnderstood(_) => "must-understand",
            Self::Replayed => "replayed",
            Self::Slow => "slow",
            Self::TooLarge => "too-large",
        }
    }

    /// The code of the fault.
    #[must_use]
    pub fn fault_code(&self) -> FaultCode {
        match self {
            Self::Contract(error) => error.fault_code(),
            Self::Internal | Self::NoncesFull => FaultCode::Server,
            Self::NotUnderstood(_) => FaultCode::MustUnderstand,
            Self::Replayed => FaultCode::InvalidSecurity,
            Self::BadRequest
            | Self::Coding
            | Self::Expectation
            | Self::HeadMalformed
            | Self::HeadSlow
            | Self::HeadTooLarge
            | Self::LengthRequired
            | Self::MediaType
            | Self::MethodNotAllowed
            | Self::NotFound
            | Self::Slow
            | Self::TooLarge => FaultCode::Client,
        }
    }

    /// The text of the fault.
    #[must_use]
    pub fn wire_text(&self) -> &'static str {
        match self {
            Self::BadRequest | Self::HeadMalformed => "The request is malformed",
            Self::Coding => "The request must be sent as it is or in chunks",
            Self::Contract(error) => error.wire_text(),
            Self::Expectation => "The request expects what this server cannot do",
            Self::HeadTooLarge => "The head of the request is too large",
            Self::Internal => "The server failed to answer",
            Self::LengthRequired => "The request must say its length",
            Self::MediaType => "The request must be text/xml or application/soap+xml, not compressed",
            Self::MethodNotAllowed => "The service takes POST only",
            Self::NoncesFull => "The server cannot take this token now",
            Self::NotFound => "No service has this address",
            Self::NotUnderstood(_) => "A mandatory header block is not understood",
            Self::Replayed => "The security token was used before",
            Self::HeadSlow | Self::Slow => "The request did not arrive in time",
            Self::TooLarge => "The request is too large",
        }
    }
}
