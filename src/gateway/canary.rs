//! A random account with a random password, which must not be let in: an identity service that accepts it would accept
//! anybody. A canary is a message like any other, read by its route's contract, and its answer ends in a reply; it takes
//! no slot, is not remembered and raises no flag.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arc_swap::Guard;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
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
use crate::gateway::table::{InstitutionEntry, Place, Route, RouteTable, Served};
use crate::gateway::usage::UserAgent;
use crate::identity::{Ask, IdentityError, Nobody};
use crate::soap::Version;
use crate::telemetry::{Health, Status};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Canaries that one service is asked about at once: more would wait for each other's turns there.
const AT_ONCE: usize = 2;

/// What became of a canary.
enum Landing {
    /// It was let in.
    LetIn,
    /// It was refused.
    Refused,
    /// Nobody knows.
    Lost(IdentityError),
}

/// Where one canary goes, and how.
struct Flight {
    table: Arc<RouteTable>,
    path: String,
    source: AccountSource,
    code: Institution,
    choice: Option<IdentityChoice>,
    used: IdentityUse,
}

/// What became of all canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canaries {
    /// No route is out of service.
    pub all_fit: bool,
    /// Of some of them nobody knows.
    pub any_lost: bool,
}

/// The canaries of one route.
struct Round<'t> {
    route: &'t Route,
    under_way: usize,
    accepted: Option<String>,
    unanswered: Option<String>,
}

impl Round<'_> {
    /// Why nobody knows what became of one of them.
    fn lost(&self) -> Option<&str> {
        let ended = (self.under_way > 0).then_some("a canary ended without an answer");
        self.unanswered.as_deref().or(ended)
    }
}

impl Gateway {
    /// Sends canaries to every identity service through every route, one from each place where its accounts' credentials
    /// may stand. No service waits for another. A route whose canary is let in is out of service at once and until one is
    /// refused there; no answer changes nothing.
    pub async fn send_canaries(self: &Arc<Self>, health: &Health) -> Canaries {
        let table = self.table();
        let (mut rounds, mut under_way) = (Vec::new(), JoinSet::new());
        let mut rooms: HashMap<String, Arc<Semaphore>> = HashMap::new();
        for (path, route) in table.routes_with_paths() {
            let flights = flights(&table, path, route);
            let round = rounds.len();
            rounds.push(Round { route, under_way: flights.len(), accepted: None, unanswered: None });
            for flight in flights {
                let service = flight.used.service.name().to_owned();
                let room = rooms.entry(service.clone()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
                let (gateway, room) = (Arc::clone(self), Arc::clone(room));
                under_way.spawn(async move {
                    // It is never closed.
                    let _room = room.acquire().await;
                    (round, service, gateway.send_canary(&flight).await)
                });
            }
        }
        while let Some(ended) = under_way.join_next().await {
            match ended {
                Ok((round, service, landing)) => {
                    if let Some(round) = rounds.get_mut(round) {
                        self.land(round, service, landing, health);
                    }
                }
                Err(panicked) => tracing::error!(error = %panicked, "canary.failed"),
            }
        }
        let labels: Vec<&str> = rounds.iter().map(|round| round.route.metrics.label()).collect();
        let mut all = Canaries { all_fit: true, any_lost: false };
        for round in &rounds {
            all.all_fit &= self.sum_up(round, health);
            all.any_lost |= round.lost().is_some();
        }
        health.keep("canary", &labels);
        all
    }

    /// Notes one landing; who is let in need not wait for the others.
    fn land(&self, round: &mut Round<'_>, service: String, landing: Landing, health: &Health) {
        round.under_way = round.under_way.saturating_sub(1);
        match landing {
            Landing::Refused => {}
            Landing::Lost(error) => round.unanswered = Some(format!("{service}: {error}")),
            Landing::LetIn => {
                let label = round.route.metrics.label();
                round.route.set_in_service(false);
                let now = self.clock.now();
                let text = format!("{service} let a random account in");
                health.component("canary", label, now).fails(Status::Failed, &text, now);
                tracing::error!(call.route = label, identity.name = service, "canary.accepted");
                round.accepted = Some(service);
            }
        }
    }

    /// What all canaries of a route say together: whether it is in service.
    fn sum_up(&self, round: &Round<'_>, health: &Health) -> bool {
        let (route, now) = (round.route, self.clock.now());
        if round.accepted.is_some() {
            return false;
        }
        let part = health.component("canary", route.metrics.label(), now);
        if let Some(error) = round.lost() {
            let is_fit = route.is_in_service();
            part.fails(if is_fit { Status::Degraded } else { Status::Failed }, error, now);
            tracing::warn!(call.route = route.metrics.label(), error, "canary.no_answer");
            return is_fit;
        }
        part.works(now);
        if !route.set_in_service(true) {
            tracing::warn!(call.route = route.metrics.label(), "canary.refused_again");
        }
        true
    }

    async fn send_canary(&self, flight: &Flight) -> Landing {
        let Flight { table, path, source, code, choice, used } = flight;
        let place = Place::find(Guard::from_inner(Arc::clone(table)), path);
        let (Some(place), Some(entry)) = (place, table.institutions.get(code)) else {
            return lost("its route is gone");
        };
        let route = Arc::clone(&place.endpoint().route);
        let nobody = match Nobody::random() {
            Ok(nobody) => nobody,
            Err(error) => return Landing::Lost(error),
        };
        let Some(account) = canary(&nobody, code, entry, choice.as_ref(), used) else {
            return lost("no random identifier leads to it; give its choice a pattern with a '*'");
        };
        let password = nobody.password();
        let message = match place.endpoint().served {
            Served::Alma(_) => write_alma_sign_in(&account, password),
            Served::Authenticate => write_authenticate_sign_in(*source, &account, password),
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
        let person = credentials.account();
        let ask = Ask { credentials: &credentials, person, source: SOURCE, integration: None, deadline };
        let said = timeout_at(deadline, asked.service.verify(ask))
            .await
            .unwrap_or_else(|_| Err(IdentityError::sent(NoAnswer::TimedOut, "it did not answer in time")));
        self.metrics.identity_asked(used.service.name(), "canary");
        let outcome = match said.map(|answered| answered.answer) {
            Err(error) => return Landing::Lost(error),
            Ok(Answer::Rejected(rejection)) => Outcome::Refused(rejection, *source),
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

/// Every way by which a route asks an identity service.
fn flights(table: &Arc<RouteTable>, path: &str, route: &Route) -> Vec<Flight> {
    let mut flights = Vec::new();
    for (code, entry) in &table.institutions {
        if route.settings.institution.as_ref().is_some_and(|own| own != code) {
            continue;
        }
        for (choice, used) in entry.identities() {
            flights.extend(sources(route).iter().map(|source| Flight {
                table: Arc::clone(table),
                path: path.to_owned(),
                source: *source,
                code: code.clone(),
                choice: choice.cloned(),
                used: used.clone(),
            }));
        }
    }
    flights
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
