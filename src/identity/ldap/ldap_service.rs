//! Asking a directory: finding whose entry it is, then binding as that entry with the password presented.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::domain::{AccountId, Answer, Clock, Credentials, NoAnswer, Rejection};
use crate::identity::adapter_error::AdapterError;
use crate::identity::ldap::answer::{Whom, user_bind, whom};
use crate::identity::ldap::ber::Wiped;
use crate::identity::ldap::connection::{Found, WireError};
use crate::identity::ldap::dialer::Dialer;
use crate::identity::ldap::look;
use crate::identity::ldap::message::{Scope, Search, any_entry};
use crate::identity::ldap::pool::{Lease, Pool, late};
use crate::identity::ldap::ppolicy::{PPOLICY, request_control};
use crate::identity::ldap::settings::{LdapFind, LdapFlavour, LdapSettings};
use crate::identity::port::{Answered, Asides, Ask, BoxFuture, IdentityError, IdentityService, SecondLook, Sent};
use crate::identity::rate::Rate;

/// One more than there may be, so that two are seen to be two.
const ENTRIES: u32 = 2;
/// Second looks a second, and how many more may come at once.
const LOOKS_A_SECOND: u32 = 5;
const LOOKS_AT_ONCE: u32 = 10;
/// The name of no attribute (RFC 4511, section 4.5.1.8): whether an entry is there is all that is asked.
const NOTHING: &str = "1.1";

/// The `ldap` adapter.
pub struct LdapService {
    name: String,
    find: LdapFind,
    flavour: LdapFlavour,
    is_bound: bool,
    /// Bound as the gateway itself.
    searchers: Pool,
    /// On these others are bound; nothing is ever searched here, as nobody knows in whose name.
    binders: Pool,
    control: Option<Wiped>,
    clock: Arc<dyn Clock>,
}

/// How an identifier leads to somebody.
enum Lead {
    /// No entry is called so, or none for certain.
    Nobody,
    To(Whom),
}

impl LdapService {
    /// An adapter that goes by `name`.
    ///
    /// # Errors
    /// When passwords would cross a network in clear, or certificates cannot be used.
    pub fn new(name: &str, settings: &LdapSettings, clock: Arc<dyn Clock>) -> Result<Self, AdapterError> {
        if let Some(bind) = &settings.bind
            && (bind.dn.trim().is_empty() || bind.password.expose().is_empty())
        {
            // A bind without a password is nobody's, and many directories say yes to it (RFC 4513, section 5.1.2).
            return Err(AdapterError::new("bind_dn or bind_password is empty; write both, or neither"));
        }
        let dialer = Arc::new(Dialer::new(settings)?);
        let connections = settings.connections.get();
        Ok(Self {
            name: name.to_owned(),
            find: settings.find.clone(),
            flavour: settings.flavour,
            is_bound: settings.bind.is_some(),
            searchers: Pool::new(Arc::clone(&dialer), settings.bind.clone(), connections),
            binders: Pool::new(dialer, None, connections),
            control: match settings.flavour {
                LdapFlavour::ActiveDirectory => None,
                LdapFlavour::Ppolicy => Some(request_control()),
            },
            clock,
        })
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answered, IdentityError> {
        if let Some(rejection) = self.unsendable(ask.credentials) {
            return Ok(Answer::Rejected(rejection).into());
        }
        let password = ask.credentials.password();
        let whom = match self.lead(ask.credentials.account(), ask.deadline).await? {
            Lead::To(whom) => whom,
            Lead::Nobody => return Ok(Answer::Rejected(Rejection::UnknownAccount).into()),
        };
        let mut lease = self.binders.take(ask.deadline).await?;
        if Instant::now() >= ask.deadline {
            return Err(IdentityError::unsent(NoAnswer::TimedOut, "no time was left for the bind"));
        }
        let control = self.control.as_ref().map(|control| control.as_slice());
        let bind = lease.connection.bind(&whom.dn, password.expose(), control);
        // From here on the directory may have counted a failed sign-in, and nothing is ever sent again.
        let outcome = timeout_at(ask.deadline, bind)
            .await
            .map_err(|_| IdentityError::sent(NoAnswer::TimedOut, "the bind had no answer in time"))?
            .map_err(|error| IdentityError::sent(error.no_answer(), format!("the bind: {error}")))?;
        lease.give_back();
        let answer = user_bind(self.flavour, &outcome)?;
        Ok(Answered { answer, person: whom.person })
    }

    async fn lead(&self, account: &AccountId, deadline: Instant) -> Result<Lead, IdentityError> {
        match &self.find {
            LdapFind::Template(template) => {
                Ok(template.name(account.identifier()).map_or(Lead::Nobody, |dn| Lead::To(Whom { dn, person: None })))
            }
            LdapFind::Search { base_dn, filter } => {
                let attributes: Vec<&str> = filter.namings().iter().map(|naming| naming.attribute.as_str()).collect();
                let search = Search {
                    base: base_dn,
                    scope: Scope::Subtree,
                    filter: &filter.encode(account.identifier()),
                    attributes: &attributes,
                    most: ENTRIES,
                    seconds: seconds_until(deadline),
                };
                let found = self.search(&search, deadline).await?;
                Ok(whom(filter.namings(), &found, account)?.map_or(Lead::Nobody, Lead::To))
            }
        }
    }

    /// Searches; once more on a new connection where a kept one had ended unnoticed, as no password is in it.
    async fn search(&self, asked: &Search<'_>, deadline: Instant) -> Result<Found, IdentityError> {
        let lease = self.searchers.take(deadline).await?;
        let is_kept = lease.is_kept;
        let found = match search_on(lease, asked, deadline).await? {
            Err(WireError::Closed | WireError::Lost(_)) if is_kept => {
                search_on(self.searchers.take_new(deadline).await?, asked, deadline).await?
            }
            found => found,
        };
        found.map_err(|error| IdentityError::named(error.no_answer(), format!("the search: {error}")))
    }

    /// Reads one entry by its name.
    async fn read(&self, dn: &str, attributes: &[&str], deadline: Instant) -> Result<Found, IdentityError> {
        let (filter, seconds) = (any_entry(), seconds_until(deadline));
        let asked = Search { base: dn, scope: Scope::Base, filter: &filter, attributes, most: ENTRIES, seconds };
        self.search(&asked, deadline).await
    }

    async fn know(&self, account: &AccountId, deadline: Instant) -> Result<Option<AccountId>, IdentityError> {
        if !self.searches() {
            return Ok(None);
        }
        Ok(match self.lead(account, deadline).await? {
            Lead::To(whom) => whom.person,
            Lead::Nobody => None,
        })
    }

    fn searches(&self) -> bool {
        matches!(self.find, LdapFind::Search { .. })
    }

    fn may_look(&self) -> bool {
        self.is_bound || self.searches()
    }

    async fn look(&self, account: &AccountId, deadline: Instant) -> Result<Option<SecondLook>, IdentityError> {
        if !self.may_look() {
            return Ok(None);
        }
        let Lead::To(whom) = self.lead(account, deadline).await? else { return Ok(None) };
        let found = self.read(&whom.dn, look::attributes(self.flavour), deadline).await?;
        let [entry] = found.entries.as_slice() else { return Ok(None) };
        let look = look::read(self.flavour, entry, self.clock.now());
        Ok(Some(SecondLook { identifiers: whom.person.into_iter().collect(), ..look }))
    }

    /// Connects, signs in, and looks for what is needed.
    async fn try_out(&self, deadline: Instant) -> Result<String, IdentityError> {
        let who = if self.is_bound { "signed in as bind_dn" } else { "connected, anonymous" };
        let (base, key) = match &self.find {
            LdapFind::Search { base_dn, .. } => (base_dn.as_str(), "base_dn"),
            LdapFind::Template(template) => (template.parent(), "the entry above user_dn"),
        };
        let root = self.read("", &["supportedControl"], deadline).await?;
        let found = self.read(base, &[NOTHING], deadline).await?;
        let is_there = found.outcome.code == 0 && found.entries.len() == 1;
        if !is_there && self.may_look() {
            let code = found.outcome.code;
            let detail = format!("{who}, but {key} is not there, or not to be seen (search result {code})");
            return Err(IdentityError::unsent(NoAnswer::Misconfigured, detail));
        }
        let seen = if is_there { format!("{key} is there") } else { format!("{key} is not to be seen by everybody") };
        let control = match (self.flavour, root.entries.as_slice()) {
            (LdapFlavour::ActiveDirectory, _) => "",
            (LdapFlavour::Ppolicy, [root]) if root.texts("supportedControl").any(|name| name == PPOLICY) => {
                ", the password policy control is offered"
            }
            (LdapFlavour::Ppolicy, _) => {
                ", no password policy control is offered: what must be changed, is locked or expired is not told"
            }
        };
        Ok(format!("{who}, {seen}{control}"))
    }
}

/// An error for what may not be tried again, or what the wire made of the search.
async fn search_on(
    mut lease: Lease<'_>,
    asked: &Search<'_>,
    deadline: Instant,
) -> Result<Result<Found, WireError>, IdentityError> {
    let late = |_| IdentityError { sent: Sent::Name, ..late("the search") };
    let found = timeout_at(deadline, lease.connection.search(asked)).await.map_err(late)?;
    if found.is_ok() {
        lease.give_back();
    }
    Ok(found)
}

/// Whole seconds, at least one: zero is no limit.
fn seconds_until(deadline: Instant) -> u32 {
    let left = deadline.saturating_duration_since(Instant::now()).as_secs();
    u32::try_from(left).unwrap_or(u32::MAX).saturating_add(1)
}

impl IdentityService for LdapService {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(self.ask(ask))
    }

    fn unsendable(&self, credentials: &Credentials) -> Option<Rejection> {
        // An empty password would be an anonymous bind, which succeeds.
        let is_carried = !credentials.password().is_empty()
            && match &self.find {
                LdapFind::Search { .. } => true,
                // A name that the directory might take for somebody else's is nobody's.
                LdapFind::Template(template) => template.name(credentials.account().identifier()).is_some(),
            };
        (!is_carried).then_some(Rejection::Unacceptable)
    }

    fn asides(&self) -> Asides {
        let looks = self.may_look().then(|| Rate::new(LOOKS_A_SECOND, LOOKS_AT_ONCE));
        Asides { looks, tells_person: self.searches() }
    }

    fn person<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<AccountId>, IdentityError>> {
        Box::pin(self.know(account, deadline))
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(self.look(account, deadline))
    }

    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(self.try_out(deadline))
    }
}
