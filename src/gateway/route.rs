//! A route: a path where a contract is served, with its institution and its reply profile.

use crate::contract::AccountSource;
use crate::domain::Institution;
use crate::gateway::lifecycle::LifecycleSettings;
use crate::soap::Limits;

/// The legacy API a route speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractKind {
    /// Alma's deprecated services.
    Alma,
    /// Our own `urn:soapgate:authenticate:1`.
    Authenticate,
}

/// How the integration signs in, outside the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationRule {
    /// HTTP Basic `AlmaSDK-<user>-institutionCode-<INST>`.
    Basic,
    /// Not at all.
    None,
}

/// Who knows whether an integration's own password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationCheck {
    /// The institution's identity service.
    Identity,
    /// The gateway's own registry.
    Registry,
}

/// How a refusal is written; `None` in the settings means the contract's own default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalForm {
    /// Alma: `errorsExist` true with error 401866.
    ErrorsExist,
    /// `authenticate`: `return` false.
    False,
    /// `authenticate`: a fault `wsse:FailedAuthentication`.
    Fault,
    /// Alma: `errorsExist` false, `result` false.
    ResultFalse,
    /// `authenticate`: HTTP 401 and a challenge.
    Unauthorized,
}

/// What is said when nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageRule {
    /// A server fault.
    Fault,
    /// The ordinary refusal.
    Refuse,
}

/// What an answer "accepted, but must change" becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MustChangeRule {
    /// Let in.
    Accept,
    /// Refused.
    Refuse,
}

/// HTTP statuses of SOAP 1.1 faults that integrations disagree about; SOAP 1.2 keeps to the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultStatus {
    /// Of a request that cannot be read.
    pub malformed: u16,
    /// Of an outage.
    pub outage: u16,
}

impl Default for FaultStatus {
    fn default() -> Self {
        Self { malformed: 500, outage: 500 }
    }
}

/// One `[[route]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// The path; `None` serves the contract's own paths.
    pub path: Option<String>,
    /// The legacy API.
    pub contract: ContractKind,
    /// The institution where no name carries one; where given it wins.
    pub institution: Option<Institution>,
    /// How the integration signs in.
    pub integration: IntegrationRule,
    /// Who checks the integration's password.
    pub integration_check: IntegrationCheck,
    /// Where the account's credentials may stand (`authenticate` only; empty on Alma routes).
    pub account: Vec<AccountSource>,
    /// How a refusal is written; `None` is the contract's default.
    pub refusal: Option<RefusalForm>,
    /// What is said when nobody knows.
    pub outage: OutageRule,
    /// What "accepted, but must change" becomes.
    pub must_change: MustChangeRule,
    /// Statuses of SOAP 1.1 faults.
    pub fault_status: FaultStatus,
    /// Whether SOAP 1.2's `encodingStyle` rules are enforced.
    pub strict_encoding_style: bool,
    /// What every reply says of the route's end.
    pub lifecycle: LifecycleSettings,
    /// XML limits of this route.
    pub limits: Limits,
}

impl RouteSettings {
    /// A route of `contract` with every default.
    #[must_use]
    pub fn new(contract: ContractKind) -> Self {
        Self {
            path: None,
            contract,
            institution: None,
            integration: IntegrationRule::Basic,
            integration_check: IntegrationCheck::Registry,
            account: match contract {
                ContractKind::Alma => Vec::new(),
                ContractKind::Authenticate => vec![AccountSource::Token, AccountSource::Body],
            },
            refusal: None,
            outage: OutageRule::Fault,
            must_change: MustChangeRule::Accept,
            fault_status: FaultStatus::default(),
            strict_encoding_style: false,
            lifecycle: LifecycleSettings::default(),
            limits: Limits::default(),
        }
    }
}
