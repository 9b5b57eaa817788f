//! A random account with a random password, which must not be let in: an identity service that accepts it would accept
//! anybody.

use std::net::{IpAddr, Ipv4Addr};

use tokio::time::Instant;

use crate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password};
use crate::gateway::question::IdentityUse;
use crate::gateway::state::Gateway;
use crate::gateway::table::Route;
use crate::identity::{Ask, IdentityError};
use crate::telemetry::{Health, Status};

impl Gateway {
    /// Asks every identity service about a canary, through every route. A route whose canary is accepted is out of
    /// service until one is refused there; no answer changes nothing. Canaries take no slot and raise no flag. True
    /// when no route is out of service.
    pub async fn send_canaries(&self, health: &Health) -> bool {
        let table = self.table();
        let mut labels = Vec::new();
        let mut all_fit = true;
        for route in table.routes() {
            labels.push(route.metrics.label());
            let (mut accepted, mut unanswered) = (None, None);
            for (code, entry) in &table.institutions {
                if route.settings.institution.as_ref().is_some_and(|own| own != code) {
                    continue;
                }
                for used in entry.identities() {
                    match self.send_canary(code, used).await {
                        Ok(Answer::Rejected(_)) => {}
                        Ok(Answer::Accepted | Answer::MustChange) => accepted = Some(used.service.name().to_owned()),
                        Err(error) => unanswered = Some(format!("{}: {error}", used.service.name())),
                    }
                }
            }
            let is_fit =
                if accepted.is_none() && unanswered.is_some() { route.is_in_service() } else { accepted.is_none() };
            all_fit &= is_fit;
            self.conclude_canary(route, is_fit, accepted.as_deref(), unanswered.as_deref(), health);
        }
        health.keep("canary", &labels);
        all_fit
    }

    fn conclude_canary(
        &self,
        route: &Route,
        is_fit: bool,
        accepted: Option<&str>,
        unanswered: Option<&str>,
        health: &Health,
    ) {
        let now = self.clock.now();
        let part = health.component("canary", route.metrics.label(), now);
        let was_fit = route.set_in_service(is_fit);
        if let Some(service) = accepted {
            part.fails(Status::Failed, &format!("{service} let a random account in"), now);
            tracing::error!(call.route = route.metrics.label(), identity.name = service, "canary.accepted");
        } else if let Some(error) = unanswered {
            part.fails(if is_fit { Status::Degraded } else { Status::Failed }, error, now);
            tracing::warn!(call.route = route.metrics.label(), error, "canary.no_answer");
        } else {
            part.works(now);
            if !was_fit {
                tracing::warn!(call.route = route.metrics.label(), "canary.refused_again");
            }
        }
    }

    async fn send_canary(&self, institution: &Institution, used: &IdentityUse) -> Result<Answer, IdentityError> {
        let no_canary = || IdentityError::unsent(NoAnswer::Misconfigured, "no canary can be made");
        let account = AccountId::parse(institution, &format!("canary-{}", self.incident())).map_err(|_| no_canary())?;
        let password = Password::new(format!("{}-{}", self.incident(), self.incident()));
        let credentials = Credentials::new(account, password).ok_or_else(no_canary)?;
        let deadline = Instant::now() + used.timeout;
        let ask =
            Ask { credentials: &credentials, source: IpAddr::V4(Ipv4Addr::LOCALHOST), integration: None, deadline };
        let said = tokio::time::timeout_at(deadline, used.service.verify(ask))
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")));
        self.metrics.identity_asked(used.service.name(), "canary");
        said.map(|answered| answered.answer)
    }
}
