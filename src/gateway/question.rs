//! Who is asked whether a password is right.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{Answer, Credentials, IntegrationName};
use crate::identity::{Ask, IdentityError, IdentityService, IntegrationRegistry, RegistryAnswer};

/// Whom a question goes to.
#[derive(Clone)]
pub(crate) enum Asked {
    /// The gateway's own registry of integrations, about one that bears this name.
    Registry(Arc<IntegrationRegistry>, IntegrationName),
    /// An identity service.
    Service(Arc<dyn IdentityService>),
}

impl Asked {
    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Registry(..) => "registry",
            Self::Service(service) => service.name(),
        }
    }

    /// Asks once, within the deadline.
    pub(crate) async fn verify(
        &self,
        credentials: &Credentials,
        source: IpAddr,
        deadline: Instant,
    ) -> Result<Answer, IdentityError> {
        match self {
            Self::Registry(registry, name) => {
                registry.verify(Some(name), credentials.password(), source, deadline).await.map(RegistryAnswer::answer)
            }
            Self::Service(service) => service.verify(Ask { credentials, source, deadline }).await,
        }
    }
}
