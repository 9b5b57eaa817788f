//! One file per legacy API: how credentials are read from a message and how each outcome is written. Pure.

mod alma;
mod alma_services;
mod authenticate;
mod basic;
mod error;
mod freshness;
mod request;
mod wsdl;

pub use alma::{AlmaCall, AlmaRefusal, read_alma, write_accepted, write_not_served, write_refused};
pub use alma_services::{ALMA_NAMESPACE, ALMA_SERVICES, AlmaOperation, AlmaService};
pub(crate) use authenticate::AUTHENTICATE_OPERATION;
pub use authenticate::{
    AUTHENTICATE_NAMESPACE, AUTHENTICATE_PATH, AUTHENTICATE_SERVICE, AccountSource, AuthenticateCall, AuthenticateRule,
    Claim, read_authenticate, write_return,
};
pub use basic::{Authorization, Basic};
pub use error::ContractError;
pub use freshness::{Freshness, NonceClaim};
pub use request::{SignInMessage, write_alma_sign_in, write_authenticate_sign_in};
pub use wsdl::{Wsdl, WsdlError, check_documents};
