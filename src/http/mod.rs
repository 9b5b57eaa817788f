//! hyper: listeners, limits, the SOAP endpoint, health and metrics.

mod body;
mod endpoint;
mod head;
mod listener;
mod management;
mod pace;
mod room;
mod settings;
mod unread;

pub use endpoint::SoapEndpoint;
pub use listener::{Handler, bind, serve};
pub use management::{Management, Readiness};
pub use settings::{HttpLimits, ServerSettings, SharedLimits};
pub use unread::Unread;
