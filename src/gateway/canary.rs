//! A random account with a random password, which must not be let in: an identity service that accepts it would accept
//! anybody. A canary is a message like any other, read by its route's contract, and its answer ends in a reply; it takes
//! no slot, is not remembered and raises no flag.

use std::net::{IpAddr, Ipv4Addr};

use tokio::time::{Instant, timeout_at};

use crate::contract::{
    AccountSource, Authorization, Freshness, SignInMessage, write_alma_sign_in, write_authenticate_sign_in,
};
use crate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer, Password};
use crate::gateway::call::{Body, Call, Presented};
use crate::gateway::message::{Request, read_message};
use crate::gateway::outcome::Outcome;
use crate::gateway::question::IdentityUse;
use crate::gateway::route::{IntegrationRule, MustChangeRule};
use crate::gateway::state::Gateway;
use crate::gateway::table::{InstitutionEntry, Place, Route, Served};
use crate::gateway::usage::UserAgent;
use crate::identity::{Ask, IdentityError};
use crate::soap::Version;
use crate::telemetry::{Health, Status};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What became of a canary.
enum Landing {
    /// It was let in.
    LetIn,
    /// It was refused.
    Refused,
    /// Nobody knows.
    Lost(IdentityError),
}

impl Gateway {
    /// Sends canaries to every identity service through every route. A route whose canary is let in is out of service
    /// until one is refused there; no answer changes nothing. True when no route is out of service.
    pub async fn send_canaries(&self, health: &Health) -> bool {
        let table = self.table();
        let mut labels = Vec::new();
        let mut all_fit = true;
        for (path, route) in table.routes_with_paths() {
            labels.push(route.metrics.label());
            let (mut accepted, mut unanswered) = (None, None);
            for (code, entry) in &table.institutions {
                if route.settings.institution.as_ref().is_some_and(|own| own != code) {
                    continue;
                }
                for (account, used) in self.canaries(code, entry) {
                    match self.send_canary(path, route, account, used).await {
                        Landing::Refused => {}
                        Landing::LetIn => accepted = Some(used.service.name().to_owned()),
                        Landing::Lost(error) => unanswered = Some(format!("{}: {error}", used.service.name())),
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

    /// A random account for each identity service of an institution, of a shape by which that service is chosen. One
    /// that no random identifier leads to is asked about a random account all the same.
    fn canaries<'e>(&self, code: &Institution, entry: &'e InstitutionEntry) -> Vec<(AccountId, &'e IdentityUse)> {
        let random = || format!("canary-{}", self.incident());
        let account = |identifier: &str| AccountId::parse(code, identifier).ok();
        entry
            .identities()
            .filter_map(|(choice, used)| {
                let shaped = choice.and_then(|choice| choice.example(&random()));
                Some((account(&shaped.unwrap_or_else(random))?, used))
            })
            .collect()
    }

    async fn send_canary(&self, path: &str, route: &Route, account: AccountId, used: &IdentityUse) -> Landing {
        let password = format!("{}-{}", self.incident(), self.incident());
        let Some(place) = self.place(path) else { return Landing::Refused };
        let message = match place.endpoint().served {
            Served::Alma(_) => write_alma_sign_in(&account, &password),
            Served::Authenticate => match route.settings.account.first() {
                Some(source) => write_authenticate_sign_in(*source, &account, &password),
                None => return Landing::Refused,
            },
        };
        let deadline = Instant::now() + used.timeout;
        let (version, request) = self.read_canary(place, message, &account, deadline);
        let credentials = match request {
            Some(credentials) => credentials,
            // The route takes no credentials like these: its service is asked without it.
            None => match Credentials::new(account, Password::new(password)) {
                Some(credentials) => credentials,
                None => return Landing::Refused,
            },
        };
        let ask = Ask { credentials: &credentials, source: SOURCE, integration: None, deadline };
        let said = timeout_at(deadline, used.service.verify(ask))
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")));
        self.metrics.identity_asked(used.service.name(), "canary");
        let source = route.settings.account.first().copied().unwrap_or(AccountSource::Body);
        let outcome = match said.map(|answered| answered.answer) {
            Err(error) => return Landing::Lost(error),
            Ok(Answer::Rejected(rejection)) => Outcome::Refused(rejection, source),
            // Whatever the route would make of it: the service knows nobody of this name.
            Ok(Answer::MustChange) if route.settings.must_change == MustChangeRule::Refuse => return Landing::LetIn,
            Ok(Answer::Accepted | Answer::MustChange) => Outcome::Accepted,
        };
        // Only an acceptance bears no incident.
        let reply = route.replies.write(version, &outcome, || self.incident());
        if reply.incident.is_none() { Landing::LetIn } else { Landing::Refused }
    }

    /// Has the route's contract read a canary's message.
    fn read_canary(
        &self,
        place: Place,
        message: SignInMessage,
        account: &AccountId,
        deadline: Instant,
    ) -> (Version, Option<Credentials>) {
        let proven = match place.route().settings.integration {
            IntegrationRule::Basic => Some(account.institution()),
            IntegrationRule::None => None,
        };
        let nonces = &place.table().nonces;
        let freshness = Freshness { now: self.clock.now(), age: nonces.age, skew: nonces.skew };
        let authorization = message.basic.map_or(Authorization::None, Authorization::Basic);
        let mut call = Call {
            place,
            authorization: Presented::Once(authorization),
            media_version: Version::Soap11,
            charset: None,
            soap_action: None,
            body: Body::Broken,
            source: SOURCE,
            agent: UserAgent::default(),
            received: Instant::now(),
            deadline,
        };
        let (version, request) = read_message(&mut call, &message.bytes, proven, freshness);
        match request {
            Ok(Request::SignIn(request)) => (version, Some(request.credentials)),
            Ok(Request::NoCredential | Request::NotServed(_) | Request::Refused(..)) | Err(_) => (version, None),
        }
    }
}
