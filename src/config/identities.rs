//! Reads `[[identity]]`, `[[institution]]` and `[hashing]`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::config::alma::read_alma;
use crate::config::attempts::{MustSayWhenItLocks, read_protection};
use crate::config::checks::Keyed;
use crate::config::document::nearest;
use crate::config::ldap::read_ldap;
use crate::config::oidc::read_oidc;
use crate::config::section::{Choice, Section, quote};
use crate::domain::{AccountId, AttemptRule, IdentifierPattern, Institution};
use crate::gateway::{IdentityChoice, InstitutionSettings};
use crate::identity::{HashingSettings, IdentityKind, IdentitySettings};

/// Names and codes are at most this long: they stand in logs, metrics and variables.
const NAME_BYTES_MAX: usize = 64;
/// The weakest of the parameter sets that OWASP's password storage sheet calls equal: 7 MiB, 5 passes.
const HASHING_WORK_MIN: u32 = 7 * 1024 * 5;

/// Reads every `[[identity]]` that has a name; `rule` is what `[attempts]` says for all.
pub(crate) fn read_identities(root: &Section<'_>, rule: &AttemptRule) -> Keyed<IdentitySettings> {
    let mut identities: Keyed<IdentitySettings> = Vec::new();
    for mut section in root.entries("identity") {
        let name = section.required_text("name", "a name of your choice, such as \"accounts\"");
        let name = name.filter(|name| is_name(&section, name));
        if let Some(name) = &name {
            section.enter("identity", name);
            if identities.iter().any(|(_, other)| other.name == *name) {
                section.complain("name", format!("is {}, as another [[identity]] is; give each its own", quote(name)));
            }
        }
        if let Some(identity) = read_identity(&section, name, rule) {
            identities.push((section.name().to_owned(), identity));
        }
    }
    identities
}

fn is_name(section: &Section<'_>, name: &str) -> bool {
    let fine = name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !fine {
        section.complain("name", format!("is {}; write at most 64 letters, digits, '_', '-' or '.'", quote(name)));
    }
    fine
}

fn read_identity(section: &Section<'_>, name: Option<String>, rule: &AttemptRule) -> Option<IdentitySettings> {
    let kinds = [
        Choice::Means("alma", Kind::Alma),
        Choice::Means("embedded", Kind::Embedded),
        Choice::Means("ldap", Kind::Ldap),
        Choice::Means("oidc", Kind::Oidc),
    ];
    let word = section.choice("kind", &kinds);
    let kind = match word {
        Some(Kind::Alma) => read_alma(section).map(IdentityKind::Alma),
        Some(Kind::Embedded) => Some(IdentityKind::Embedded),
        Some(Kind::Ldap) => read_ldap(section).map(IdentityKind::Ldap),
        Some(Kind::Oidc) => read_oidc(section).map(IdentityKind::Oidc),
        None => {
            section.complain("kind", "is missing; write \"alma\" or \"embedded\" or \"ldap\" or \"oidc\"");
            // Nobody can say what the other keys mean.
            section.skip();
            section.section("attempts").skip();
            None
        }
    };
    let mut identity = IdentitySettings::new(name.clone().unwrap_or_default(), kind.unwrap_or(IdentityKind::Embedded));
    identity.timeout = section.span("timeout", identity.timeout, Duration::from_millis(100)..=Duration::from_mins(1));
    if let Some(word) = word {
        let must_say = match word {
            Kind::Alma | Kind::Embedded => MustSayWhenItLocks::No,
            Kind::Ldap | Kind::Oidc => MustSayWhenItLocks::Yes,
        };
        read_protection(section, &mut identity, rule, must_say);
    }
    name.map(|_| identity)
}

/// The word that says which adapter.
#[derive(Clone, Copy)]
enum Kind {
    Alma,
    Embedded,
    Ldap,
    Oidc,
}

/// Reads every `[[institution]]` that has a code; `identities` are those that one may name.
pub(crate) fn read_institutions(root: &Section<'_>, identities: &Keyed<IdentitySettings>) -> Vec<InstitutionSettings> {
    let mut institutions: Vec<InstitutionSettings> = Vec::new();
    for mut section in root.entries("institution") {
        let code = section.required_text("code", "the institution's code in Alma, such as \"01DEMO_INST\"");
        let code = code.and_then(|code| parse_code(&section, "code", &code));
        if let Some(code) = &code {
            section.enter("institution", code.as_str());
            if institutions.iter().any(|other| other.code == *code) {
                section.complain("code", format!("is \"{code}\", as another [[institution]] is; write each code once"));
            }
        }
        let identity = read_identity_name(&section, identities);
        let others = section.entries("choice").iter().map(|choice| read_choice(choice, identities)).collect();
        let probe_accounts = read_probe_accounts(&section, code.as_ref());
        if let Some(code) = code {
            institutions.push(InstitutionSettings { code, identity, others, probe_accounts });
        }
    }
    institutions
}

fn read_choice(section: &Section<'_>, identities: &Keyed<IdentitySettings>) -> IdentityChoice {
    let write = "a list of patterns, such as [\"*@staff.example.org\"]";
    let texts = section.texts("identifiers", write).unwrap_or_default();
    if texts.is_empty() && !section.is_broken("identifiers") {
        section.complain("identifiers", format!("is missing or empty; write {write}"));
    }
    let identifiers: Vec<IdentifierPattern> = texts.iter().filter_map(|text| IdentifierPattern::parse(text)).collect();
    if identifiers.len() < texts.len() {
        section.complain("identifiers", format!("holds an empty pattern; write {write}"));
    }
    IdentityChoice { identifiers, identity: read_identity_name(section, identities) }
}

fn read_identity_name(section: &Section<'_>, identities: &Keyed<IdentitySettings>) -> String {
    let name = section.required_text("identity", "the name of an [[identity]]").unwrap_or_default();
    if !section.is_broken("identity") && !identities.iter().any(|(_, identity)| identity.name == name) {
        let names = identities.iter().map(|(_, identity)| identity.name.as_str());
        section.complain(
            "identity",
            format!("is {}, which no [[identity]] is named; {}", quote(&name), instead(&name, names)),
        );
    }
    name
}

fn read_probe_accounts(section: &Section<'_>, institution: Option<&Institution>) -> Vec<AccountId> {
    let write = "a list of account identifiers, such as [\"monitoring\"]";
    let texts = section.texts("probe_accounts", write).unwrap_or_default();
    let Some(institution) = institution else { return Vec::new() };
    let mut accounts = Vec::new();
    for text in texts {
        match AccountId::parse(institution, &text) {
            Ok(account) => accounts.push(account),
            Err(error) => {
                section.complain("probe_accounts", format!("holds {}, which {error}; write {write}", quote(&text)));
            }
        }
    }
    accounts
}

/// Reads the institution code `text`, the value of `key`.
pub(crate) fn parse_code(section: &Section<'_>, key: &str, text: &str) -> Option<Institution> {
    Institution::parse(text).ok().or_else(|| {
        section.wrong(key, &quote(text), "at most 64 letters, digits, '_', '-' or '.', such as \"01DEMO_INST\"")
    })
}

/// What to write instead of `given`, which is none of `names`.
pub(crate) fn instead<'n>(given: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(given, names.clone()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => match names.map(quote).collect::<BTreeSet<_>>() {
            known if known.is_empty() => "there is none".to_owned(),
            known => format!("write {}", Vec::from_iter(known).join(" or ")),
        },
    }
}

/// Reads `[hashing]`.
pub(crate) fn read_hashing(section: &Section<'_>) -> HashingSettings {
    let default = HashingSettings::default();
    let share = |name| section.optional_count::<usize>(name, 1..=1_024).and_then(NonZeroUsize::new);
    let settings = HashingSettings {
        // One request may cost 64 MiB in all.
        memory_kib: section.count("memory_kib", default.memory_kib, 7_168..=47_104),
        iterations: section.count("iterations", default.iterations, 1..=16),
        parallelism: section.count("parallelism", default.parallelism, 1..=8),
        accounts: share("accounts"),
        integrations: share("integrations"),
        waiting: section.count("waiting", default.waiting, 0..=100_000),
        per_source: section.count("per_source", default.per_source, 1..=100_000),
    };
    let work = settings.memory_kib.saturating_mul(settings.iterations);
    if work < HASHING_WORK_MIN && !section.is_broken("memory_kib") {
        let needed = HASHING_WORK_MIN.div_ceil(settings.memory_kib);
        section.complain(
            "iterations",
            format!("is {}, too few for {} KiB; write {needed} or more", settings.iterations, settings.memory_kib),
        );
    }
    settings
}
