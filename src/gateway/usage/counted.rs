//! What of an ended call is counted, and how it is spelled in the store.

use std::hash::Hash;
use std::net::IpAddr;

use crate::contract::{ALMA_SERVICES, AUTHENTICATE_OPERATION, AUTHENTICATE_SERVICE};
use crate::domain::{AccountId, CallEnd, Institution, IntegrationName, Rejection, Timestamp};
use crate::gateway::outcome::Outcome;
use crate::gateway::table::Served;
use crate::gateway::usage::agent::UserAgent;
use crate::store::UsageValue;

/// A call that has ended, for the counters. It owns what it holds, so that its end copies nothing.
pub(crate) struct EndedCall {
    pub(crate) at: Timestamp,
    pub(crate) end: CallEnd,
    /// Only an integration that is known: a name that somebody invented may be a password in the wrong field.
    pub(crate) integration: Option<IntegrationName>,
    pub(crate) account: Option<AccountId>,
    /// Whether the account is known to exist.
    pub(crate) account_exists: bool,
    pub(crate) operation: Operation,
    pub(crate) source: IpAddr,
    pub(crate) agent: UserAgent,
}

/// What was asked for: a service, and its operation where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    service: &'static str,
    operation: &'static str,
}

impl Operation {
    /// What a call to `served` that ended so asked for. A service with a single operation is asked for nothing else.
    pub(crate) fn of(served: Served, outcome: &Outcome) -> Self {
        let (service, only) = match served {
            Served::Alma(service) => match service.operations {
                [only] => (service.name, only.name),
                _ => (service.name, ""),
            },
            Served::Authenticate => (AUTHENTICATE_SERVICE, AUTHENTICATE_OPERATION),
        };
        let operation = match outcome {
            Outcome::NotServed(operation) => operation,
            Outcome::Accepted | Outcome::Refused(..) | Outcome::Undecided(..) => only,
            // The message was not read, or cannot be.
            Outcome::Failed(_) | Outcome::Unauthorized(_) => "",
        };
        Self { service, operation }
    }
}

/// How a call counts that ended so.
pub(crate) const fn end_of(outcome: &Outcome) -> CallEnd {
    match outcome {
        Outcome::Accepted => CallEnd::Accepted,
        Outcome::Refused(..) | Outcome::Unauthorized(_) => CallEnd::Refused,
        Outcome::Failed(_) | Outcome::NotServed(_) | Outcome::Undecided(..) => CallEnd::Unanswered,
    }
}

/// Whether an account exists whose call ended so: it was let in, or refused as only an account that is there can be.
pub(crate) const fn exists(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted => true,
        Outcome::Refused(rejection, _) => match rejection {
            Rejection::Disabled
            | Rejection::Expired
            | Rejection::Locked
            | Rejection::MustChange
            | Rejection::NoPassword
            | Rejection::Policy
            | Rejection::SetUpPending => true,
            Rejection::Shielded | Rejection::Unacceptable | Rejection::UnknownAccount | Rejection::WrongPassword => {
                false
            }
        },
        Outcome::Failed(_) | Outcome::NotServed(_) | Outcome::Unauthorized(_) | Outcome::Undecided(..) => false,
    }
}

/// What values are counted by: how one is spelled in the store, and read again.
pub(crate) trait Counted: Sized + Eq + Hash {
    fn written(&self) -> UsageValue;
    /// `None` for what this program did not write.
    fn read(stored: &UsageValue) -> Option<Self>;
}

fn plain(value: &str) -> UsageValue {
    UsageValue { institution: Box::from(""), value: Box::from(value) }
}

impl Counted for AccountId {
    fn written(&self) -> UsageValue {
        UsageValue { institution: self.institution().as_str().into(), value: self.identifier().into() }
    }

    fn read(stored: &UsageValue) -> Option<Self> {
        AccountId::parse(&Institution::parse(&stored.institution).ok()?, &stored.value).ok()
    }
}

impl Counted for Operation {
    fn written(&self) -> UsageValue {
        if self.operation.is_empty() {
            return plain(self.service);
        }
        plain(&format!("{}.{}", self.service, self.operation))
    }

    fn read(stored: &UsageValue) -> Option<Self> {
        let (service, operation) = stored.value.split_once('.').unwrap_or((&stored.value, ""));
        if service == AUTHENTICATE_SERVICE {
            let operation = if operation.is_empty() { "" } else { AUTHENTICATE_OPERATION };
            return Some(Self { service: AUTHENTICATE_SERVICE, operation });
        }
        let known = ALMA_SERVICES.iter().find(|known| known.name == service)?;
        let operation = known.operation(operation).map_or("", |operation| operation.name);
        Some(Self { service: known.name, operation })
    }
}

/// IPv6 addresses stand for their /64.
impl Counted for IpAddr {
    fn written(&self) -> UsageValue {
        plain(&match self {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(network) => format!("{network}/64"),
        })
    }

    fn read(stored: &UsageValue) -> Option<Self> {
        stored.value.strip_suffix("/64").unwrap_or(&stored.value).parse().ok()
    }
}

impl Counted for UserAgent {
    fn written(&self) -> UsageValue {
        plain(self.as_str())
    }

    fn read(stored: &UsageValue) -> Option<Self> {
        Some(Self::read(stored.value.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::AccountSource;

    #[test]
    fn what_is_written_is_read_again() {
        let institution = Institution::parse("01X").expect("a code");
        let account = AccountId::parse(&institution, "zoë").expect("an identifier");
        assert_eq!(AccountId::read(&account.written()), Some(account));
        for text in ["192.0.2.1", "2001:db8:1:2::"] {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(IpAddr::read(&address.written()), Some(address));
        }
        assert_eq!(&*"2001:db8:1:2::".parse::<IpAddr>().expect("an address").written().value, "2001:db8:1:2::/64");
        let agent = UserAgent::read(b"Axis/1.4");
        assert_eq!(UserAgent::read(agent.as_str().as_bytes()), agent);
    }

    #[test]
    fn an_operation_is_named_where_it_is_known() {
        let named = |served, outcome: &Outcome| Operation::of(served, outcome).written().value.to_string();
        let (sign_in, users) = (Served::Alma(&ALMA_SERVICES[0]), Served::Alma(&ALMA_SERVICES[1]));
        let stranger = Outcome::Unauthorized(crate::gateway::Stranger::NoCredential);
        let refused = Outcome::Refused(Rejection::WrongPassword, AccountSource::Body);
        let cases = [
            (sign_in, &Outcome::Accepted, "UserAuthenticationWebServices.authenticateUser"),
            (sign_in, &stranger, "UserAuthenticationWebServices"),
            (users, &Outcome::NotServed("createUser"), "UserWebServices.createUser"),
            (users, &refused, "UserWebServices"),
            (Served::Authenticate, &refused, "authenticate.authenticateUser"),
        ];
        for (served, outcome, name) in cases {
            assert_eq!(named(served, outcome), name);
            let operation = Operation::of(served, outcome);
            assert_eq!(Operation::read(&operation.written()), Some(operation), "{name}");
        }
    }
}
