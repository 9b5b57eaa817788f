//! Reads `[[route]]`.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::checks::Keyed;
use crate::config::identities::{instead, parse_code};
use crate::config::section::{Choice, Section, quote};
use crate::domain::{Institution, Timestamp};
use crate::gateway::{
    AccountSource, ContractKind, FaultStatus, InstitutionSettings, IntegrationCheck, IntegrationRule,
    LifecycleSettings, MustChangeRule, OutageRule, RefusalForm, RouteSettings,
};
use crate::soap::Limits;

const NOT_SERVED: &str = "is not served yet";
const ACCOUNT: &str = "a list of \"token\", \"body\", \"basic\", such as [\"token\", \"body\"]";
/// The last second of a day, from its beginning.
const LAST_SECOND: Duration = Duration::from_secs(24 * 60 * 60 - 1);
const PATH: &str = "a path such as \"/soap/authenticate\"";

/// Reads every `[[route]]` whose contract is known; `institutions` are those that one may name.
pub(crate) fn read_routes(root: &Section<'_>, institutions: &[InstitutionSettings]) -> Keyed<RouteSettings> {
    let read =
        |section: &Section<'_>| read_route(section, institutions).map(|route| (section.name().to_owned(), route));
    root.entries("route").iter().filter_map(read).collect()
}

fn read_route(section: &Section<'_>, institutions: &[InstitutionSettings]) -> Option<RouteSettings> {
    let contracts =
        [Choice::Means("alma", ContractKind::Alma), Choice::Means("authenticate", ContractKind::Authenticate)];
    let contract = section.choice("contract", &contracts);
    if contract.is_none() {
        section.complain("contract", "is missing; write \"alma\" or \"authenticate\"");
    }
    let mut route = RouteSettings::new(contract.unwrap_or(ContractKind::Authenticate));
    route.path = read_path(section);
    route.institution = read_institution(section, institutions);
    route.integration = read_integration(section).unwrap_or(route.integration);
    let checks =
        [Choice::Means("registry", IntegrationCheck::Registry), Choice::Means("identity", IntegrationCheck::Identity)];
    route.integration_check = section.choice("integration_check", &checks).unwrap_or(route.integration_check);
    route.account = read_account(section).unwrap_or(route.account);
    route.refusal = read_refusal(section, contract);
    let outages = [Choice::Means("fault", OutageRule::Fault), Choice::Means("refuse", OutageRule::Refuse)];
    route.outage = section.choice("outage", &outages).unwrap_or(route.outage);
    let must_changes =
        [Choice::Means("accept", MustChangeRule::Accept), Choice::Means("refuse", MustChangeRule::Refuse)];
    route.must_change = section.choice("must_change", &must_changes).unwrap_or(route.must_change);
    route.fault_status = read_fault_status(&section.section("fault_status"));
    route.strict_encoding_style = section.switch("strict_encoding_style", route.strict_encoding_style);
    route.lifecycle = read_lifecycle(section);
    route.limits = read_limits(&section.section("limits"));
    match contract? {
        ContractKind::Alma => check_alma(section, &route),
        ContractKind::Authenticate => check_authenticate(section, &route),
    }
    Some(route)
}

fn read_path(section: &Section<'_>) -> Option<String> {
    let path = section.text("path", PATH)?;
    let problem = if !path.starts_with('/') {
        "which does not begin with '/'"
    } else if path.contains(['?', '#']) {
        "which has a query or a fragment"
    } else if path.split('/').any(|part| part == "." || part == "..") {
        "which has a part that proxies rewrite ('.' or '..')"
    } else if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b)) {
        "which has a character that no path has as clients send it (percent-encode it)"
    } else {
        return Some(path);
    };
    section.wrong("path", &format!("{}, {problem}", quote(&path)), PATH)
}

fn read_institution(section: &Section<'_>, institutions: &[InstitutionSettings]) -> Option<Institution> {
    let text = section.text("institution", "the code of an [[institution]]")?;
    let code = parse_code(section, "institution", &text)?;
    if !institutions.iter().any(|institution| institution.code == code) {
        let codes = institutions.iter().map(|institution| institution.code.as_str());
        let text = format!("is \"{code}\", which is no [[institution]]'s code; {}", instead(&text, codes));
        section.complain("institution", text);
    }
    Some(code)
}

fn read_integration(section: &Section<'_>) -> Option<IntegrationRule> {
    let rules = [
        Choice::Means("basic", IntegrationRule::Basic),
        Choice::Means("none", IntegrationRule::None),
        Choice::Refused("address", NOT_SERVED),
        Choice::Refused("certificate", NOT_SERVED),
    ];
    section.choice("integration", &rules)
}

fn read_account(section: &Section<'_>) -> Option<Vec<AccountSource>> {
    let words = section.texts("account", ACCOUNT)?;
    let mut sources = Vec::new();
    for word in &words {
        let source = match word.as_str() {
            "basic" => AccountSource::Basic,
            "body" => AccountSource::Body,
            "token" => AccountSource::Token,
            _ => return section.wrong("account", &format!("a list that holds {}", quote(word)), ACCOUNT),
        };
        if sources.contains(&source) {
            return section.wrong("account", &format!("a list that holds {} twice", quote(word)), ACCOUNT);
        }
        sources.push(source);
    }
    if sources.is_empty() { section.wrong("account", "empty", ACCOUNT) } else { Some(sources) }
}

fn read_refusal(section: &Section<'_>, contract: Option<ContractKind>) -> Option<RefusalForm> {
    const OTHER: &str = "is a form of the other contract";
    let forms = match contract? {
        ContractKind::Alma => [
            Choice::Means("errors-exist", RefusalForm::ErrorsExist),
            Choice::Means("result-false", RefusalForm::ResultFalse),
            Choice::Refused("fault", "would let patrons in: a known client takes any fault for an outage of Alma"),
            Choice::Refused("false", OTHER),
            Choice::Refused("unauthorized", OTHER),
        ],
        ContractKind::Authenticate => [
            Choice::Means("false", RefusalForm::False),
            Choice::Means("fault", RefusalForm::Fault),
            Choice::Means("unauthorized", RefusalForm::Unauthorized),
            Choice::Refused("errors-exist", OTHER),
            Choice::Refused("result-false", OTHER),
        ],
    };
    section.choice("refusal", &forms)
}

fn read_fault_status(section: &Section<'_>) -> FaultStatus {
    let default = FaultStatus::default();
    FaultStatus {
        malformed: section.count("malformed", default.malformed, 400..=599),
        outage: section.count("outage", default.outage, 400..=599),
    }
}

/// Both are days in UTC: the first from its beginning, the last to its end.
fn read_lifecycle(section: &Section<'_>) -> LifecycleSettings {
    let day = |name: &str, example: &str| {
        let write = format!("a date such as \"{example}\"");
        let text = section.text(name, &write)?;
        start_of(&text).or_else(|| section.wrong(name, &quote(&text), &write))
    };
    let (deprecation, sunset) = (day("deprecation", "2026-01-01"), day("sunset", "2027-06-30"));
    if let (Some(deprecation), Some(sunset)) = (deprecation, sunset)
        && sunset < deprecation
    {
        // RFC 9745, section 4.
        section.complain("sunset", "is before deprecation; write the same day or a later one");
    }
    LifecycleSettings { deprecation, sunset: sunset.map(|start| start.after(LAST_SECOND)) }
}

/// The beginning of a day in UTC. A time without an offset would pass for a date, hence the length.
fn start_of(day: &str) -> Option<Timestamp> {
    let date: Date = day.parse().ok().filter(|_| day.len() == "2026-01-01".len())?;
    let start = date.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
}

fn read_limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    Limits {
        depth: section.count("depth", default.depth, 8..=1_000),
        elements: section.count("elements", default.elements, 16..=1_000_000),
        children: section.count("children", default.children, 8..=1_000_000),
        attributes: section.count("attributes", default.attributes, 8..=1_000),
        attribute_bytes: section.count("attribute_bytes", default.attribute_bytes, 256..=16_777_216),
        text_bytes: section.count("text_bytes", default.text_bytes, 1_024..=16_777_216),
        name_bytes: section.count("name_bytes", default.name_bytes, 64..=65_536),
        namespaces: section.count("namespaces", default.namespaces, 8..=10_000),
    }
}

fn check_alma(section: &Section<'_>, route: &RouteSettings) {
    if section.is_given("account") {
        section.complain("account", "has no place here: Alma's accounts stand in arg0 and arg1; leave it out");
    }
    if section.is_given("institution") {
        section
            .complain("institution", "has no place here: the integration's name carries the institution; leave it out");
    }
    if route.integration == IntegrationRule::None {
        let text =
            "is \"none\", but Alma's integrations sign in and their name carries the institution; write \"basic\"";
        section.complain("integration", text);
    }
}

fn check_authenticate(section: &Section<'_>, route: &RouteSettings) {
    let takes_basic = route.account.contains(&AccountSource::Basic);
    match route.integration {
        IntegrationRule::Basic if takes_basic => section.complain(
            "integration",
            "is \"basic\", but account has \"basic\" too and a call has one Basic name; write \"none\", or take \"basic\" out of account",
        ),
        IntegrationRule::None if route.integration_check == IntegrationCheck::Identity => section.complain(
            "integration_check",
            "is \"identity\", but with integration = \"none\" there is nobody to check; leave it out",
        ),
        IntegrationRule::Basic | IntegrationRule::None => {}
    }
}
