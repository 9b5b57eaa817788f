//! hyper: listeners, limits, the SOAP endpoint, health and metrics.

mod body;
mod endpoint;
mod head;
mod health;
mod listener;
mod management;
mod pace;
mod readiness;
mod room;
mod settings;
mod unread;

pub use endpoint::SoapEndpoint;
pub use listener::{Handler, bind, serve};
pub use management::Management;
pub use readiness::Readiness;
pub use settings::{HttpLimits, ServerSettings, SharedLimits};
pub use unread::Unread;
