//! What must fit together across sections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::document::Document;
use crate::config::settings::Settings;
use crate::contract::{ALMA_SERVICES, AUTHENTICATE_PATH};
use crate::domain::AttemptRule;
use crate::gateway::{CALLERS_WAIT, ContractKind, InstitutionSettings, RouteSettings};
use crate::identity::{IdentityKind, IdentitySettings};

/// Below this no time for a question fits in.
const SHORTEST_ROOM: Duration = Duration::from_secs(2);

/// Entries of a list with the keys at which they stand: what has no name or contract is no entry.
pub(crate) type Keyed<T> = Vec<(String, T)>;

/// Notes every problem between sections.
pub(crate) fn check(
    document: &Document<'_>,
    settings: &Settings,
    identities: &Keyed<IdentitySettings>,
    routes: &Keyed<RouteSettings>,
) {
    check_listeners(document, settings);
    check_times(document, settings, identities);
    check_paths(document, routes);
    check_shared_budgets(document, &settings.institutions, identities);
    for (list, is_missing, entry) in [
        ("identity", identities.is_empty(), "a name and a kind"),
        ("institution", settings.institutions.is_empty(), "a code and the name of an identity service"),
        ("route", routes.is_empty(), "a contract"),
    ] {
        if is_missing && !document.is_given(&format!("{list}[0]")) {
            document.complain(list, format!("is missing; write [[{list}]] with {entry} below"));
        }
    }
}

fn check_listeners(document: &Document<'_>, settings: &Settings) {
    let listeners = [
        ("server.listen", settings.server.listen),
        ("console.listen", settings.console_listen),
        ("management.listen", settings.management_listen),
    ];
    let is_confirmed = settings.server.plaintext_behind_proxy || document.is_broken("server.plaintext_behind_proxy");
    for (key, address) in &listeners[..2] {
        if !address.ip().to_canonical().is_loopback() && !is_confirmed {
            let text = format!(
                "is {address}, where passwords would cross the network in clear; write a loopback address, or put a proxy that speaks TLS in front and set server.plaintext_behind_proxy = true"
            );
            document.complain(key, text);
        }
    }
    for (index, (key, address)) in listeners.iter().enumerate() {
        for (other_key, other) in &listeners[..index] {
            if collide(*address, *other) && !document.is_broken(other_key) {
                document
                    .complain(key, format!("is {address}, which {other_key} = \"{other}\" takes; write another port"));
            }
        }
    }
}

fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let same_place = one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_place
}

/// A longer time inside a shorter one never ends by itself: the outer one cuts it off with a worse answer.
fn check_times(document: &Document<'_>, settings: &Settings, identities: &Keyed<IdentitySettings>) {
    let limits = &settings.server.limits;
    let call_key = "server.limits.call_time";
    let call = humantime::format_duration(limits.call_time);
    if document.is_broken(call_key) {
        return;
    }
    let room = limits.call_time.saturating_sub(CALLERS_WAIT);
    for (key, identity) in identities {
        if identity.timeout >= room {
            let timeout = humantime::format_duration(identity.timeout);
            let wait = humantime::format_duration(CALLERS_WAIT);
            let remedy = if room < SHORTEST_ROOM {
                "write more there".to_owned()
            } else {
                format!("write less than {}", humantime::format_duration(room))
            };
            let text = format!(
                "is {timeout}, but a call has only {call} ({call_key}), of which it may wait {wait} for its turn; {remedy}"
            );
            document.complain(&format!("{key}.timeout"), text);
        }
    }
    if settings.slow_down.longest >= limits.call_time {
        let longest = humantime::format_duration(settings.slow_down.longest);
        let text = format!("is {longest}, but a call has only {call} ({call_key}); write less than that");
        document.complain("slow_down.longest", text);
    }
    if settings.server.drain_deadline < limits.call_time {
        let drain = humantime::format_duration(settings.server.drain_deadline);
        let text = format!("is {drain}, but a call may take {call} ({call_key}); write that or more");
        document.complain("server.drain_deadline", text);
    }
}

/// Attempts are counted for each institution, and a service that knows no institutions counts those at one identifier
/// together. The embedded one knows them.
fn check_shared_budgets(
    document: &Document<'_>,
    institutions: &[InstitutionSettings],
    identities: &Keyed<IdentitySettings>,
) {
    for (key, identity) in identities {
        let asks = |institution: &&InstitutionSettings| institution.identities().any(|name| name == identity.name);
        let sharers = u32::try_from(institutions.iter().filter(asks).count()).unwrap_or(u32::MAX);
        let Some(lock_after) = identity.lock_after.map(NonZeroU32::get) else { continue };
        let rule = &identity.attempts;
        let together = |per_account| AttemptRule { per_account, ..*rule }.at_worst().saturating_mul(sharers);
        // What one alone lets through is told of by itself.
        let is_told = rule.at_worst() >= lock_after || document.is_broken(&format!("{key}.lock_after"));
        if identity.kind == IdentityKind::Embedded || is_told || together(rule.per_account) < lock_after {
            continue;
        }
        let fits = (1..rule.per_account).rev().find(|per_account| together(*per_account) < lock_after);
        let remedy = fits.map_or_else(
            || format!("have it lock after {} or more, and write that here", together(1) + 1),
            |fits| format!("write per_account = {fits} in [identity.attempts] or less"),
        );
        let text = format!(
            "is {lock_after}, but it is asked for {sharers} institutions, whose attempts are counted apart: together they let {} through; {remedy}",
            together(rule.per_account)
        );
        document.complain(&format!("{key}.lock_after"), text);
    }
}

fn check_paths(document: &Document<'_>, routes: &Keyed<RouteSettings>) {
    // A path that is broken is not left out.
    let serves_alma = |key: &str, route: &RouteSettings| {
        let has_none = route.path.is_none() && !document.is_broken(&format!("{key}.path"));
        has_none && route.contract == ContractKind::Alma
    };
    let mut all_of_alma = routes.iter().filter(|(key, route)| serves_alma(key, route)).map(|(key, _)| key);
    let alma = all_of_alma.next();
    if let Some(alma) = alma {
        for key in all_of_alma {
            let text = format!("is missing, and {alma} serves all of Alma's paths already; write a path of its own");
            document.complain(&format!("{key}.path"), text);
        }
    }
    let mut served: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, route) in routes.iter().filter(|(key, route)| !serves_alma(key, route)) {
        let path_key = format!("{key}.path");
        let path = route.path.as_deref().unwrap_or(AUTHENTICATE_PATH);
        let is_alma = ALMA_SERVICES.iter().any(|service| service.paths.contains(&path));
        match (alma, served.get(path)) {
            (Some(alma), _) if is_alma => {
                let text = format!(
                    "is \"{path}\", but {alma} has no path and serves all of Alma's; write another path, or give {alma} one"
                );
                document.complain(&path_key, text);
            }
            (_, Some(other)) => {
                document.complain(&path_key, format!("is \"{path}\", which {other} serves; write another path"));
            }
            (_, None) if document.is_broken(&path_key) => {}
            (_, None) => drop(served.insert(path, key)),
        }
    }
}
