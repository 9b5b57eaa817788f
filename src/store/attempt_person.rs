//! Under whom attempts are counted: digests of identifiers, and which of them are known to be one person's.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use crate::domain::AccountId;
use crate::store::attempt_table::hold;
use crate::store::database::Write;
use crate::store::{StoreError, row};

/// What an account is counted under. Not its identifier: that may be a password that somebody typed in the wrong field.
pub(crate) fn subject(account: &AccountId) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("soapgate attempts of an account 1");
    // No institution code holds a NUL.
    hasher.update(account.institution().as_str().as_bytes()).update(&[0]).update(account.identifier().as_bytes());
    hasher.finalize().to_hex().as_str()[..32].to_owned()
}

/// The subject of the person behind an account.
pub(crate) async fn person(write: &mut Write, account: &AccountId) -> Result<String, StoreError> {
    let connection: &mut AnyConnection = write;
    let subject = subject(account);
    let found = sqlx::query("SELECT person FROM attempt_alias WHERE subject = $1")
        .bind(&subject)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("look an identifier's person up"))?;
    found.as_ref().map_or(Ok(subject), |row| row::text(row, "person"))
}

/// Makes sure, once the row of `subject` is held, that `account` is still counted under it: another node may have joined
/// it with another's before.
pub(crate) async fn still_is(write: &mut Write, account: &AccountId, subject: &str) -> Result<(), StoreError> {
    if person(write, account).await? == subject { Ok(()) } else { Err(StoreError::conflict()) }
}

/// Forgets everything that is counted for the people behind `accounts`, and which identifiers are theirs; gives how many
/// rows there were. A digest of an identifier is a trace too: whoever guesses the identifier can find it.
pub(crate) async fn forget(write: &mut Write, accounts: &[AccountId]) -> Result<u64, StoreError> {
    let mut people = Vec::new();
    for account in accounts {
        people.push(person(write, account).await?);
    }
    let (mut rows, subjects) = (0, accounts.iter().map(subject).chain(people.clone()).collect::<BTreeSet<_>>());
    // Nobody counts anything for them from now on, nor has anybody's identifier become theirs before.
    for held in &subjects {
        rows += u64::from(is_counted(write, held).await?);
        hold(write, held).await?;
    }
    for (account, person) in accounts.iter().zip(&people) {
        still_is(write, account, person).await?;
    }
    for held in &subjects {
        remove(write, "DELETE FROM attempt_account WHERE subject = $1", held).await?;
        for statement in [
            "DELETE FROM attempt_slot WHERE subject = $1",
            "DELETE FROM attempt_alias WHERE subject = $1 OR person = $1",
        ] {
            rows += remove(write, statement, held).await?;
        }
    }
    Ok(rows)
}

/// Whether there is a row by which attempts of a subject are counted.
async fn is_counted(write: &mut Write, subject: &str) -> Result<bool, StoreError> {
    let connection: &mut AnyConnection = write;
    let found = sqlx::query("SELECT subject FROM attempt_account WHERE subject = $1")
        .bind(subject)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::during("forget an account's attempts"))?;
    Ok(found.is_some())
}

async fn remove(write: &mut Write, statement: &'static str, subject: &str) -> Result<u64, StoreError> {
    let connection: &mut AnyConnection = write;
    let done = sqlx::query(statement)
        .bind(subject)
        .execute(connection)
        .await
        .map_err(StoreError::during("forget an account's attempts"))?;
    Ok(done.rows_affected())
}

pub(crate) async fn join(write: &mut Write, alias: &AccountId, with: &AccountId) -> Result<(), StoreError> {
    let (before, person, own) = (person(write, alias).await?, person(write, with).await?, subject(alias));
    if before == person || person == own {
        return Ok(());
    }
    for held in BTreeSet::from([&before, &person, &own]) {
        hold(write, held).await?;
    }
    still_is(write, alias, &before).await?;
    still_is(write, with, &person).await?;
    let connection: &mut AnyConnection = write;
    // Whoever was counted under the alias is counted under the person too: no chain is ever longer than one.
    for statement in [
        "INSERT INTO attempt_alias (subject, person) VALUES ($1, $2) \
         ON CONFLICT (subject) DO UPDATE SET person = excluded.person",
        "UPDATE attempt_alias SET person = $2 WHERE person = $1",
        "UPDATE attempt_slot SET subject = $2 WHERE subject = $1",
        "UPDATE attempt_account SET touched_at = \
         (SELECT MAX(touched_at) FROM attempt_account WHERE subject IN ($1, $2)) WHERE subject = $2",
    ] {
        sqlx::query(statement)
            .bind(&own)
            .bind(&person)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::during("join two identifiers"))?;
    }
    Ok(())
}
