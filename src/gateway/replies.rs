//! Every outcome becomes a reply here, and nowhere else.

use std::sync::Arc;

use bytes::Bytes;

use crate::contract::{AccountSource, AlmaRefusal, write_accepted, write_not_served, write_refused, write_return};
use crate::domain::{IncidentId, NoAnswer};
use crate::gateway::call::Reply;
use crate::gateway::lifecycle::LifecycleFields;
use crate::gateway::outcome::{CallError, Outcome};
use crate::gateway::route::{ContractKind, FaultStatus, OutageRule, RefusalForm, RouteSettings};
use crate::soap::{Fault, FaultCode, Name, Version};

const CHALLENGE: &[(&str, &str)] = &[("www-authenticate", "Basic realm=\"soapgate\", charset=\"UTF-8\"")];
const ALLOW_POST: &[(&str, &str)] = &[("allow", "POST")];
const ACCEPT: &[(&str, &str)] = &[("accept-encoding", "identity"), ("accept-post", "text/xml, application/soap+xml")];
const RETRY_LATER: &[(&str, &str)] = &[("retry-after", "1")];
const OUTAGE: &str = "The sign-in cannot be checked now";
const REFUSED: &str = "The account could not be signed in";
const UNAUTHORIZED: &str = "Sign in with HTTP Basic";

/// A reply whose bytes never change, in both versions.
struct Fixed([Bytes; 2]);

impl Fixed {
    fn new(write: impl Fn(Version) -> Vec<u8>) -> Self {
        Self([Version::Soap11, Version::Soap12].map(|version| Bytes::from(write(version))))
    }

    fn of(&self, version: Version) -> Bytes {
        let [soap11, soap12] = &self.0;
        match version {
            Version::Soap11 => soap11.clone(),
            Version::Soap12 => soap12.clone(),
        }
    }
}

/// A route's reply profile, its fixed replies written beforehand.
pub(crate) struct Replies {
    accepted: Fixed,
    refused: Fixed,
    refusal: Option<RefusalForm>,
    contract: ContractKind,
    sources: Vec<AccountSource>,
    outage: OutageRule,
    status: FaultStatus,
    lifecycle: Option<Arc<LifecycleFields>>,
}

impl Replies {
    pub(crate) fn new(settings: &RouteSettings) -> Self {
        let alma_refusal = match settings.refusal {
            Some(RefusalForm::ResultFalse) => AlmaRefusal::ResultFalse,
            Some(RefusalForm::ErrorsExist | RefusalForm::False | RefusalForm::Fault | RefusalForm::Unauthorized)
            | None => AlmaRefusal::ErrorsExist,
        };
        let (accepted, refused) = match settings.contract {
            ContractKind::Alma => {
                (Fixed::new(write_accepted), Fixed::new(|version| write_refused(version, alma_refusal)))
            }
            ContractKind::Authenticate => {
                (Fixed::new(|version| write_return(version, true)), Fixed::new(|version| write_return(version, false)))
            }
        };
        Self {
            accepted,
            refused,
            refusal: settings.refusal,
            contract: settings.contract,
            sources: settings.account.clone(),
            outage: settings.outage,
            status: settings.fault_status,
            lifecycle: settings.lifecycle.fields(),
        }
    }

    /// Writes how a call ended. Every reply but an acceptance carries `incident`.
    pub(crate) fn write(&self, version: Version, outcome: &Outcome, incident: impl FnOnce() -> IncidentId) -> Reply {
        Reply { lifecycle: self.lifecycle.clone(), ..self.write_outcome(version, outcome, incident) }
    }

    /// What every reply of the route says of its end.
    pub(crate) fn lifecycle(&self) -> Option<&LifecycleFields> {
        self.lifecycle.as_deref()
    }

    fn write_outcome(&self, version: Version, outcome: &Outcome, incident: impl FnOnce() -> IncidentId) -> Reply {
        match outcome {
            Outcome::Accepted => Reply {
                status: 200,
                version,
                headers: &[],
                lifecycle: None,
                incident: None,
                body: self.accepted.of(version),
                not_before: None,
            },
            Outcome::Failed(error) => {
                let status = failure_status(error, version, self.status);
                failure(version, error, status, incident())
            }
            Outcome::NotServed(operation) => Reply {
                status: 200,
                version,
                headers: &[],
                lifecycle: None,
                incident: Some(incident()),
                body: Bytes::from(write_not_served(version, operation)),
                not_before: None,
            },
            Outcome::Refused(_, source) => self.refuse(version, *source, incident()),
            Outcome::Unauthorized(_) => unauthorized(version, incident()),
            Outcome::Undecided(why, source) => match self.outage {
                OutageRule::Fault => self.out(version, *why, incident()),
                OutageRule::Refuse => self.refuse(version, *source, incident()),
            },
        }
    }

    /// The ordinary refusal: the same for every reason.
    fn refuse(&self, version: Version, source: AccountSource, incident: IncidentId) -> Reply {
        // Before a message is read nobody knows where its credentials stand: then in the form of what the route takes.
        let taken = self.sources.contains(&source).then_some(source);
        let source = taken.or(self.sources.first().copied()).unwrap_or(source);
        let form = match (self.contract, self.refusal, source) {
            (ContractKind::Alma, _, _) => RefusalForm::ErrorsExist,
            (ContractKind::Authenticate, Some(form), _) => form,
            (ContractKind::Authenticate, None, AccountSource::Basic) => RefusalForm::Unauthorized,
            (ContractKind::Authenticate, None, AccountSource::Body) => RefusalForm::False,
            (ContractKind::Authenticate, None, AccountSource::Token) => RefusalForm::Fault,
        };
        match form {
            RefusalForm::ErrorsExist | RefusalForm::False | RefusalForm::ResultFalse => Reply {
                status: 200,
                version,
                headers: &[],
                lifecycle: None,
                incident: Some(incident),
                body: self.refused.of(version),
                not_before: None,
            },
            RefusalForm::Fault => {
                let code = FaultCode::FailedAuthentication;
                fault(version, code, REFUSED, code.standard_status(version), &[], incident)
            }
            RefusalForm::Unauthorized => unauthorized(version, incident),
        }
    }

    fn out(&self, version: Version, why: NoAnswer, incident: IncidentId) -> Reply {
        let (status, headers) = match (why, version) {
            (NoAnswer::Throttled(_), _) => (503, RETRY_LATER),
            (
                NoAnswer::Misconfigured | NoAnswer::Protocol | NoAnswer::TimedOut | NoAnswer::Unreachable,
                Version::Soap11,
            ) => (self.status.outage, &[][..]),
            (
                NoAnswer::Misconfigured | NoAnswer::Protocol | NoAnswer::TimedOut | NoAnswer::Unreachable,
                Version::Soap12,
            ) => (500, &[][..]),
        };
        fault(version, FaultCode::Server, OUTAGE, status, headers, incident)
    }
}

/// A failure where no route was found, or before one is looked at.
pub(crate) fn failure_without_route(version: Version, error: &CallError, incident: IncidentId) -> Reply {
    failure(version, error, failure_status(error, version, FaultStatus::default()), incident)
}

fn unauthorized(version: Version, incident: IncidentId) -> Reply {
    fault(version, FaultCode::Client, UNAUTHORIZED, 401, CHALLENGE, incident)
}

/// The status of a failure: HTTP's own where HTTP has one, else the fault's by its version and the route.
fn failure_status(error: &CallError, version: Version, route: FaultStatus) -> u16 {
    match error {
        CallError::BadRequest | CallError::HeadMalformed => 400,
        CallError::Coding => 501,
        CallError::Expectation => 417,
        CallError::HeadTooLarge => 431,
        CallError::LengthRequired => 411,
        CallError::MediaType => 415,
        CallError::MethodNotAllowed => 405,
        CallError::NotFound => 404,
        CallError::HeadSlow | CallError::Slow => 408,
        CallError::TooLarge => 413,
        CallError::NoncesFull => 503,
        CallError::Internal => match version {
            Version::Soap11 => route.outage,
            Version::Soap12 => 500,
        },
        CallError::Contract(_) | CallError::NotUnderstood(_) | CallError::Replayed => {
            let code = error.fault_code();
            match (version, code) {
                (Version::Soap11, FaultCode::MustUnderstand | FaultCode::VersionMismatch) | (Version::Soap12, _) => {
                    code.standard_status(version)
                }
                (Version::Soap11, _) => route.malformed,
            }
        }
    }
}

fn failure(version: Version, error: &CallError, status: u16, incident: IncidentId) -> Reply {
    let headers = match error {
        CallError::MediaType => ACCEPT,
        CallError::MethodNotAllowed => ALLOW_POST,
        CallError::NoncesFull => RETRY_LATER,
        CallError::BadRequest
        | CallError::Coding
        | CallError::Contract(_)
        | CallError::Expectation
        | CallError::HeadMalformed
        | CallError::HeadSlow
        | CallError::HeadTooLarge
        | CallError::Internal
        | CallError::LengthRequired
        | CallError::NotFound
        | CallError::NotUnderstood(_)
        | CallError::Replayed
        | CallError::Slow
        | CallError::TooLarge => &[],
    };
    if let CallError::NotUnderstood(blocks) = error {
        let names: Vec<Name<'_>> = blocks.iter().map(|(namespace, local)| Name::new(namespace, local)).collect();
        let written = Fault {
            not_understood: &names,
            ..Fault::new(error.fault_code(), error.wire_text()).with_incident(incident.as_str())
        };
        let body = Bytes::from(written.write(version));
        return Reply { status, version, headers, lifecycle: None, incident: Some(incident), body, not_before: None };
    }
    fault(version, error.fault_code(), error.wire_text(), status, headers, incident)
}

fn fault(
    version: Version,
    code: FaultCode,
    text: &'static str,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    incident: IncidentId,
) -> Reply {
    let body = Fault::new(code, text).with_incident(incident.as_str()).write(version);
    let body = Bytes::from(body);
    Reply { status, version, headers, lifecycle: None, incident: Some(incident), body, not_before: None }
}
