//! Accounts of the embedded identity service.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::{AccountId, Clock, Institution, Password, Timestamp};
use crate::gateway::{LEFTOVERS, Leftovers};
use crate::identity::HashingPool;
use crate::operator::{OperatorError, moment, secret};
use crate::store::{
    AccountChange, AccountRecord, AccountTable, AttemptTable, Database, Erasure, Forgotten, NewAccountRecord,
    StoredHash,
};

/// An account to be added.
pub struct NewAccount {
    /// Whose it is.
    pub account: AccountId,
    /// Its password; `None` is an account without a usable password.
    pub password: Option<Password>,
    /// Whether the password must be changed.
    pub must_change: bool,
    /// When its time is over.
    pub expires_at: Option<Timestamp>,
}

/// What a new password is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextSignIn {
    /// It stays.
    Free,
    /// It must be changed.
    MustChange,
}

/// One account as operators see it.
#[expect(clippy::struct_excessive_bools, reason = "each is a column of a list, and they exclude nothing")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// The code of its institution.
    pub institution: String,
    /// Its folded identifier.
    pub account: String,
    /// Whether it has a usable password.
    pub has_password: bool,
    /// Whether the password must be changed.
    pub must_change: bool,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether it is switched off.
    pub disabled: bool,
    /// When its time is over, RFC 3339 in UTC.
    pub expires: Option<String>,
    /// When it was added.
    pub created: String,
    /// When somebody last changed it.
    pub changed: String,
}

/// What was erased of a person. The names are public: other people's tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForgottenView {
    /// The code of the institution.
    pub institution: String,
    /// The identifiers that were theirs, the one asked for first.
    pub identifiers: Vec<String>,
    /// Flags.
    pub flags: u64,
    /// Notes about them.
    pub notes: u64,
    /// Rows of everything else.
    pub rows: u64,
    /// Whether the database's own log of writes still holds a copy, which its next checkpoints overwrite.
    pub lingers: bool,
}

/// What an operator can do with embedded accounts, and about everybody else's.
pub struct Accounts {
    table: AccountTable,
    attempts: AttemptTable,
    erasure: Erasure,
    pool: Arc<HashingPool>,
    clock: Arc<dyn Clock>,
}

impl Accounts {
    /// The accounts of a database.
    #[must_use]
    pub fn new(database: &Database, pool: Arc<HashingPool>, clock: Arc<dyn Clock>) -> Self {
        Self { table: database.accounts(), attempts: database.attempts(), erasure: database.erasure(), pool, clock }
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When there is one already, or the password cannot be one.
    pub async fn add(&self, new: NewAccount) -> Result<(), OperatorError> {
        // Asked before the hash is made, for a quick answer; the insertion itself decides.
        if self.table.find(&new.account).await?.is_some() {
            return Err(OperatorError::AlreadyExists(describe(&new.account)));
        }
        let hash = match &new.password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let record =
            NewAccountRecord { account: new.account, hash, must_change: new.must_change, expires_at: new.expires_at };
        if self.table.insert(&record, self.clock.now()).await? {
            Ok(())
        } else {
            Err(OperatorError::AlreadyExists(describe(&record.account)))
        }
    }

    /// Gives an account a new password, and forgets its attempts. A locked account stays locked.
    ///
    /// # Errors
    /// When there is no such account, or the password cannot be one.
    pub async fn set_password(
        &self,
        account: &AccountId,
        password: Password,
        next: NextSignIn,
    ) -> Result<(), OperatorError> {
        let hash = self.hash(&password).await?;
        let must_change = match next {
            NextSignIn::Free => false,
            NextSignIn::MustChange => true,
        };
        self.change(account, AccountChange::SetPassword { hash, must_change }).await
    }

    /// Locks an account.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn lock(&self, account: &AccountId) -> Result<(), OperatorError> {
        self.change(account, AccountChange::Lock).await
    }

    /// Unlocks an account, and forgets its attempts.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn unlock(&self, account: &AccountId) -> Result<(), OperatorError> {
        self.change(account, AccountChange::Unlock).await
    }

    /// Switches an account off.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn disable(&self, account: &AccountId) -> Result<(), OperatorError> {
        self.change(account, AccountChange::Disable).await
    }

    /// Switches an account on again.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn enable(&self, account: &AccountId) -> Result<(), OperatorError> {
        self.change(account, AccountChange::Enable).await
    }

    /// Forgets the attempts of an account that another identity service holds, so that nobody here knows whether there
    /// is such an account, and has every server forget which guesses at it were refused. That service's own lock, if it
    /// has one, is not touched.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_attempts(&self, account: &AccountId) -> Result<(), OperatorError> {
        Ok(self.attempts.clear_and_announce(account, self.clock.now()).await?)
    }

    /// The accounts of one institution, by identifier.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, institution: &Institution) -> Result<Vec<AccountView>, OperatorError> {
        Ok(self.table.list(institution).await?.iter().map(view).collect())
    }

    /// Erases a person, whatever identity service knows them; `actor` is who does it. `data` is the folder in which a
    /// server that stopped may have left something.
    ///
    /// # Errors
    /// When nothing is known of the account, or the store or a file in the folder fails.
    pub async fn forget(&self, account: &AccountId, actor: &str, data: &Path) -> Result<ForgottenView, OperatorError> {
        let failed = |(file, source)| OperatorError::File { file, source };
        // Before anything is gone: afterwards nobody knows which further identifiers are theirs.
        let leftovers = Leftovers::reach(&data.join(LEFTOVERS)).map_err(failed)?;
        let forgotten = self.erasure.forget(account, actor, self.clock.now()).await?;
        let only = [account.clone()];
        let identifiers = forgotten.as_ref().map_or(&only[..], |forgotten| &forgotten.identifiers);
        let left = leftovers.forget(identifiers).map_err(failed)?;
        let view = ForgottenView {
            institution: account.institution().to_string(),
            identifiers: identifiers.iter().map(|known| known.identifier().to_owned()).collect(),
            flags: 0,
            notes: 0,
            rows: left,
            lingers: false,
        };
        match forgotten {
            Some(Forgotten { flags, notes, rows, lingers, .. }) => {
                Ok(ForgottenView { flags, notes, rows: rows + left, lingers, ..view })
            }
            None if left > 0 => Ok(view),
            None => Err(OperatorError::NothingKnown(describe(account))),
        }
    }

    async fn change(&self, account: &AccountId, change: AccountChange) -> Result<(), OperatorError> {
        if self.table.change(account, &change, self.clock.now()).await? {
            Ok(())
        } else {
            Err(OperatorError::NotFound(describe(account)))
        }
    }

    async fn hash(&self, password: &Password) -> Result<StoredHash, OperatorError> {
        secret::check(password)?;
        Ok(self.pool.hash(password).await?)
    }
}

fn describe(account: &AccountId) -> String {
    format!("account {} at institution {}", account.identifier(), account.institution())
}

fn view(record: &AccountRecord) -> AccountView {
    AccountView {
        institution: record.account.institution().to_string(),
        account: record.account.identifier().to_owned(),
        has_password: record.hash.is_some(),
        must_change: record.must_change,
        locked: record.locked,
        disabled: record.disabled,
        expires: record.expires_at.map(moment::show),
        created: moment::show(record.created_at),
        changed: moment::show(record.changed_at),
    }
}
