//! Settings of the listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

/// Settings of the SOAP listener and of what all listeners share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where SOAP is served.
    pub listen: SocketAddr,
    /// The public base that WSDL documents name, without a final slash; `None` means `http://` + the bound address.
    pub public_url: Option<String>,
    /// Whether a listener outside loopback may speak plain HTTP, because a proxy in front speaks TLS.
    pub plaintext_behind_proxy: bool,
    /// How long readiness has fallen before listeners close.
    pub drain_delay: Duration,
    /// How long calls in flight may go on after listeners closed.
    pub drain_deadline: Duration,
    /// Caps on what clients can use up.
    pub limits: HttpLimits,
}

/// Limits that a reload may replace; new connections and calls see the new ones.
pub type SharedLimits = Arc<ArcSwap<HttpLimits>>;

/// Caps on what clients can use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at once.
    pub connections: usize,
    /// Calls at once; a call beyond that gets the outage reply before its body is read.
    pub calls: usize,
    /// Bytes of a request's head (at least 8,192).
    pub head_bytes: usize,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Time for a whole head to arrive.
    pub head_time: Duration,
    /// Time for a whole body to arrive.
    pub body_time: Duration,
    /// Time a connection may stand idle between requests.
    pub idle_time: Duration,
    /// Time within which every call is answered.
    pub call_time: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            plaintext_behind_proxy: false,
            drain_delay: Duration::ZERO,
            drain_deadline: Duration::from_secs(30),
            limits: HttpLimits::default(),
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            calls: 256,
            head_bytes: 32 * 1024,
            header_fields: 100,
            body_bytes: 1024 * 1024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_mins(1),
            call_time: Duration::from_secs(8),
        }
    }
}
