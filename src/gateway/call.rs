//! What the HTTP layer hands over, and what it gets back.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::contract::Authorization;
use crate::domain::IncidentId;
use crate::gateway::lifecycle::LifecycleFields;
use crate::gateway::table::Place;
use crate::gateway::usage::UserAgent;
use crate::soap::Version;

/// A request's body as far as it could be read.
pub enum Body {
    /// The client broke off, or its framing is broken.
    Broken,
    /// It did not arrive in time.
    Slow,
    /// It is, or says it is, larger than the limit.
    TooLarge,
    /// All of it.
    Whole(Bytes),
}

/// The `Authorization` of a request.
pub enum Presented {
    /// One field, or none.
    Once(Authorization),
    /// More than one field.
    Several,
}

/// One call, as it came in.
pub struct Call {
    /// Where it was posted.
    pub place: Place,
    /// Its HTTP credentials.
    pub authorization: Presented,
    /// The version its media type speaks of: the reply's version when the envelope cannot be read.
    pub media_version: Version,
    /// The charset parameter of its media type.
    pub charset: Option<Cow<'static, str>>,
    /// Its `SOAPAction`, which decides nothing.
    pub soap_action: Option<Box<[u8]>>,
    /// What its program says it is.
    pub agent: UserAgent,
    /// Its body.
    pub body: Body,
    /// The address it came from.
    pub source: IpAddr,
    /// When its body was complete.
    pub received: Instant,
    /// When it must have been answered.
    pub deadline: Instant,
}

/// What goes back on the wire.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The version of the body, which gives the media type.
    pub version: Version,
    /// Fixed header fields that the status asks for.
    pub headers: &'static [(&'static str, &'static str)],
    /// The id by which an operator finds this call; absent only from acceptances.
    pub incident: Option<IncidentId>,
    /// What the route says of its end.
    pub lifecycle: Option<Arc<LifecycleFields>>,
    /// The whole body.
    pub body: Bytes,
    /// When it may be sent, where somebody who guesses is made to wait for it. The call itself is over before, so that
    /// the wait takes room from nobody else.
    pub not_before: Option<Instant>,
}
