//! `soapgate accounts`.

use crate::cli::arguments::ForgetArguments;
use crate::cli::arguments::{AccountArguments, AccountsCommand};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::secret;
use crate::cli::workplace::Workplace;
use crate::domain::{AccountId, Password};
use crate::identity::IdentityKind;
use crate::operator::{AccountView, ForgottenView, NewAccount, NextSignIn};

pub(crate) async fn run(command: AccountsCommand, place: &Workplace, out: &mut Output<'_>) -> Result<(), Failure> {
    let accounts = place.accounts()?;
    let (account, done) = match command {
        AccountsCommand::Add { account, no_password, must_change, expires } => {
            let account = identify(place, &account)?;
            let password = if no_password { None } else { Some(ask(&account)?) };
            let new = NewAccount { account: account.clone(), password, must_change, expires_at: expires };
            accounts.add(new).await?;
            (account, "added")
        }
        AccountsCommand::SetPassword { account, must_change } => {
            let account = identify(place, &account)?;
            let password = ask(&account)?;
            let next = if must_change { NextSignIn::MustChange } else { NextSignIn::Free };
            accounts.set_password(&account, password, next).await?;
            (account, "has a new password")
        }
        AccountsCommand::Lock(account) => {
            let account = identify(place, &account)?;
            accounts.lock(&account).await?;
            (account, "locked")
        }
        AccountsCommand::Unlock(account) => {
            match find(place, &account)? {
                (account, true) => {
                    accounts.unlock(&account).await?;
                    (account, "unlocked")
                }
                // Its service has a lock of its own; what is ours to forget is forgotten.
                (account, false) => {
                    accounts.clear_attempts(&account).await?;
                    (account, "has its attempts cleared; a lock of its identity service stays")
                }
            }
        }
        AccountsCommand::Disable(account) => {
            let account = identify(place, &account)?;
            accounts.disable(&account).await?;
            (account, "disabled")
        }
        AccountsCommand::Enable(account) => {
            let account = identify(place, &account)?;
            accounts.enable(&account).await?;
            (account, "enabled")
        }
        AccountsCommand::Forget(ForgetArguments { account, by, format }) => {
            let (account, _) = find(place, &account)?;
            let forgotten = accounts.forget(&account, &by, &place.settings().data_dir).await?;
            return if format.json { Ok(out.json(&forgotten)?) } else { show_forgotten(&account, &forgotten, out) };
        }
        AccountsCommand::List { place: at, format } => {
            let institution = place.institution(at.institution.as_ref())?;
            let list = accounts.list(&institution).await?;
            return if format.json {
                Ok(out.json(&list)?)
            } else if list.is_empty() {
                Ok(out.line(&format!("no accounts at institution {institution}"))?)
            } else {
                Ok(out.table(["ACCOUNT", "STATE", "EXPIRES", "CHANGED"], &list.iter().map(row).collect::<Vec<_>>())?)
            };
        }
    };
    Ok(out.line(&format!("{} {done}", describe(&account)))?)
}

/// The account that is meant, at an institution all of whose accounts are kept here.
fn identify(place: &Workplace, arguments: &AccountArguments) -> Result<AccountId, Failure> {
    match find(place, arguments)? {
        (account, true) => Ok(account),
        (account, false) => {
            let text = format!("{} is not kept here; change it at its identity service", describe(&account));
            Err(Failure::refused(text))
        }
    }
}

/// The account that is meant, and whether it is kept here: by the embedded identity service.
fn find(place: &Workplace, arguments: &AccountArguments) -> Result<(AccountId, bool), Failure> {
    let institution = place.institution(arguments.place.institution.as_ref())?;
    let account = AccountId::parse(&institution, &arguments.id)
        .map_err(|error| Failure::usage(format!("the account's identifier {error}")))?;
    let settings = place.settings();
    let known = settings.institutions.iter().find(|known| known.code == institution);
    let service = known.map(|known| known.identity_of(&account));
    let kind =
        settings.identities.iter().find(|identity| service == Some(&identity.name)).map(|identity| &identity.kind);
    match kind {
        Some(IdentityKind::Embedded) => Ok((account, true)),
        Some(IdentityKind::Alma(_) | IdentityKind::Ldap(_) | IdentityKind::Oidc(_)) => Ok((account, false)),
        None => Err(Failure::refused(format!("institution {institution} has no identity service"))),
    }
}

fn ask(account: &AccountId) -> Result<Password, Failure> {
    secret::ask(&format!("password of {}", describe(account)))
}

fn describe(account: &AccountId) -> String {
    format!("account {} at institution {}", account.identifier(), account.institution())
}

fn show_forgotten(account: &AccountId, forgotten: &ForgottenView, out: &mut Output<'_>) -> Result<(), Failure> {
    let ForgottenView { flags, notes, rows, .. } = forgotten;
    out.line(&format!("{} forgotten: flags {flags}, notes {notes}, other rows {rows}", describe(account)))?;
    if let [_, others @ ..] = forgotten.identifiers.as_slice()
        && !others.is_empty()
    {
        out.line(&format!("with the identifiers that were theirs too: {}", others.join(", ")))?;
    }
    if forgotten.lingers {
        out.line("the database's log of writes holds a copy until its next checkpoints: somebody is reading")?;
    }
    Ok(())
}

fn row(account: &AccountView) -> [String; 4] {
    let ends = account.expires.as_deref().and_then(|expires| expires.parse::<jiff::Timestamp>().ok());
    let states = [
        (ends.is_some_and(|ends| ends <= jiff::Timestamp::now()), "expired"),
        (account.disabled, "disabled"),
        (account.locked, "locked"),
        (!account.has_password, "no password"),
        (account.must_change, "must change"),
    ];
    let states: Vec<&str> = states.iter().filter(|(holds, _)| *holds).map(|(_, state)| *state).collect();
    let state = if states.is_empty() { "ok".to_owned() } else { states.join(", ") };
    [account.account.clone(), state, account.expires.clone().unwrap_or_default(), account.changed.clone()]
}
