//! Who is asked whether a password is right.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::domain::{Credentials, IntegrationName, NoAnswer};
use crate::identity::{Answered, Ask, IdentityError, IdentityService, IntegrationRegistry};

/// Whom a question goes to.
#[derive(Clone)]
pub(crate) enum Asked {
    /// The gateway's own registry of integrations, about one that bears this name.
    Registry(Arc<IntegrationRegistry>, IntegrationName),
    /// An identity service, and the time that one question to it may take.
    Service(Arc<dyn IdentityService>, Duration),
}

impl Asked {
    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Registry(..) => "registry",
            Self::Service(service, _) => service.name(),
        }
    }

    /// Asks once. An identity service has its own time, since others may join the question whose time is not over when
    /// the first caller's is; the registry, which only hashes, has until `deadline`.
    pub(crate) async fn verify(
        &self,
        credentials: &Credentials,
        source: IpAddr,
        integration: Option<&IntegrationName>,
        deadline: Instant,
    ) -> Result<Answered, IdentityError> {
        match self {
            Self::Registry(registry, name) => registry
                .verify(Some(name), credentials.password(), source, deadline)
                .await
                .map(|said| said.answer().into()),
            Self::Service(service, timeout) => {
                let deadline = Instant::now() + *timeout;
                timeout_at(deadline, service.verify(Ask { credentials, source, integration, deadline }))
                    .await
                    .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it took too long")))
            }
        }
    }
}
