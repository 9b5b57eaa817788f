//! Why something that an operator asked for was not done.

use crate::domain::MoveError;
use crate::identity::HashingError;
use crate::operator::PasswordRule;
use crate::store::StoreError;

/// Why something that an operator asked for was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is one of that name already.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// A page is asked for behind something that no page said.
    #[error("what to go on after is not what a page of this order said")]
    Cursor,
    /// The password could not be hashed.
    #[error("the password cannot be hashed")]
    Hashing(#[from] HashingError),
    /// The flag's state does not allow it.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Somebody must say why.
    #[error("a flag is dismissed with a note that says why")]
    NoteMissing,
    /// There is none of that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// The password cannot be one.
    #[error("the password {0}")]
    Password(#[from] PasswordRule),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
