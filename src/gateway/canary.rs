//! A random account with a random password, which must not be let in: an identity service that accepts it would accept
//! anybody. A canary is a message like any other, read by its route's contract, and its answer ends in a reply; it takes
//! no slot, is not remembered and raises no flag.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::contract::{
    AccountSource, Authorization, Freshness, SignInMessage, write_alma_sign_in, write_authenticate_sign_in,
};
use crate::domain::{AccountId, Answer, Credentials, Institution, NoAnswer};
use crate::gateway::call::{Body, Call, Presented};
use crate::gateway::message::{Request, read_message};
use crate::gateway::outcome::Outcome;
use crate::gateway::question::{Asked, IdentityUse};
use crate::gateway::route::{ContractKind, IntegrationRule, MustChangeRule};
use crate::gateway::settings::IdentityChoice;
use crate::gateway::state::Gateway;
use crate::gateway::table::{InstitutionEntry, Place, Route, Served};
use crate::gateway::usage::UserAgent;
use crate::identity::{Ask, IdentityError, Nobody};
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
    /// Sends canaries to every identity service through every route, one from each place where its accounts' credentials
    /// may stand. A route whose canary is let in is out of service
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
                for (choice, used) in entry.identities() {
                    for source in sources(route) {
                        match self.send_canary((path, route), *source, (code, entry), (choice, used)).await {
                            Landing::Refused => {}
                            Landing::LetIn => accepted = Some(used.service.name().to_owned()),
                            Landing::Lost(error) => unanswered = Some(format!("{}: {error}", used.service.name())),
                        }
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

    async fn send_canary(
        &self,
        (path, route): (&str, &Route),
        source: AccountSource,
        (code, entry): (&Institution, &InstitutionEntry),
        (choice, used): (Option<&IdentityChoice>, &IdentityUse),
    ) -> Landing {
        let nobody = match Nobody::random() {
            Ok(nobody) => nobody,
            Err(error) => return Landing::Lost(error),
        };
        let Some(account) = canary(&nobody, code, entry, choice, used) else {
            return lost("no random identifier leads to it; give its choice a pattern with a '*'");
        };
        let password = nobody.password();
        let Some(place) = self.place(path) else { return Landing::Refused };
        let message = match place.endpoint().served {
            Served::Alma(_) => write_alma_sign_in(&account, password),
            Served::Authenticate => write_authenticate_sign_in(source, &account, password),
        };
        let deadline = Instant::now() + used.timeout;
        let (version, request) = self.read_canary(place, message, &account, deadline);
        // Never asked without its route: what the contract does not read is no canary.
        let Some(credentials) = request else { return lost("the route's contract does not read a sign-in") };
        let asked = match entry.asked(credentials.account()) {
            Asked::Service(asked) if is_same(&asked, used) => asked,
            Asked::Service(_) | Asked::Registry(..) => return lost("the route asks another service about it"),
        };
        if asked.service.unsendable(&credentials).is_some() {
            return lost("no identifier of its shape is ever sent there");
        }
        let ask = Ask { credentials: &credentials, source: SOURCE, integration: None, deadline };
        let said = timeout_at(deadline, asked.service.verify(ask))
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")));
        self.metrics.identity_asked(used.service.name(), "canary");
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

/// A random account of a shape for which the institution asks this identity service.
fn canary(
    nobody: &Nobody,
    code: &Institution,
    entry: &InstitutionEntry,
    choice: Option<&IdentityChoice>,
    used: &IdentityUse,
) -> Option<AccountId> {
    let name = nobody.name();
    let shaped = choice.into_iter().flat_map(|choice| choice.examples(format!("canary-{name}")));
    // Where no choice leads there, all that no choice fits does.
    let plain = [format!("canary-{name}"), format!("{name}-canary"), format!("{name}@canary.invalid")];
    let plain = plain.into_iter().filter(|_| choice.is_none());
    shaped.chain(plain).filter_map(|identifier| AccountId::parse(code, &identifier).ok()).find(|account| {
        match entry.asked(account) {
            Asked::Service(asked) => is_same(&asked, used),
            Asked::Registry(..) => false,
        }
    })
}

/// Where the credentials of a route's accounts may stand.
fn sources(route: &Route) -> &[AccountSource] {
    match route.settings.contract {
        ContractKind::Alma => &[AccountSource::Body],
        ContractKind::Authenticate => &route.settings.account,
    }
}

fn is_same(one: &IdentityUse, other: &IdentityUse) -> bool {
    Arc::ptr_eq(&one.service, &other.service)
}

fn lost(why: &str) -> Landing {
    Landing::Lost(IdentityError::unsent(NoAnswer::Misconfigured, why))
}
