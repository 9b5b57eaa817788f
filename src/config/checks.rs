//! What must fit together across sections.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::config::document::Document;
use crate::config::settings::Settings;
use crate::gateway::{ContractKind, RouteSettings};

/// Where a route of each contract is served that has no path of its own.
const AUTHENTICATE_PATH: &str = "/soap/authenticate";
/// Alma's own paths all lie in here.
const ALMA_FOLDER: &str = "/almaws/";

/// Notes every problem between sections. `routes` are keys with what stands at them.
pub(crate) fn check(document: &Document<'_>, settings: &Settings, routes: &[(String, RouteSettings)]) {
    check_listeners(document, settings);
    check_times(document, settings);
    check_paths(document, routes);
    for (list, is_missing, entry) in [
        ("identity", settings.identities.is_empty(), "a name and a kind"),
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
    for (key, address) in &listeners[..2] {
        if !address.ip().to_canonical().is_loopback() && !settings.server.plaintext_behind_proxy {
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
fn check_times(document: &Document<'_>, settings: &Settings) {
    let limits = &settings.server.limits;
    let call_key = "server.limits.call_time";
    let call = humantime::format_duration(limits.call_time);
    if document.is_broken(call_key) {
        return;
    }
    for (index, identity) in settings.identities.iter().enumerate() {
        if identity.timeout >= limits.call_time {
            let timeout = humantime::format_duration(identity.timeout);
            let text = format!("is {timeout}, but a call has only {call} ({call_key}); write less than that");
            document.complain(&format!("identity[{index}].timeout"), text);
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

fn check_paths(document: &Document<'_>, routes: &[(String, RouteSettings)]) {
    let mut served: BTreeMap<&str, &str> = BTreeMap::new();
    let mut alma: Option<&str> = None;
    for (key, route) in routes {
        let path_key = format!("{key}.path");
        if document.is_broken(&path_key) {
            continue;
        }
        let path = match (&route.path, route.contract) {
            (Some(path), _) => path.as_str(),
            (None, ContractKind::Authenticate) => AUTHENTICATE_PATH,
            (None, ContractKind::Alma) => {
                if let Some(other) = alma {
                    document.complain(
                        &path_key,
                        format!("is missing, and {other} serves all of Alma's paths already; write a path of its own"),
                    );
                }
                alma = alma.or(Some(key));
                continue;
            }
        };
        match served.get(path) {
            Some(other) => {
                document.complain(&path_key, format!("is \"{path}\", which {other} serves; write another path"));
            }
            None => drop(served.insert(path, key)),
        }
    }
    let Some(alma) = alma else { return };
    for (path, key) in served.range(ALMA_FOLDER..).take_while(|(path, _)| path.starts_with(ALMA_FOLDER)) {
        let text = format!(
            "is \"{path}\", but {alma} has no path and serves all of Alma's ({ALMA_FOLDER}…); write another path, or give {alma} one"
        );
        document.complain(&format!("{key}.path"), text);
    }
}
