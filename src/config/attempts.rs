//! Reads `[attempts]`, an identity service's own `[identity.attempts]`, and what protects the service itself.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::config::section::Section;
use crate::domain::{AttemptRule, DAY, RECHECK_MAX};
use crate::gateway::{RateSettings, ShieldSettings};
use crate::identity::{GuardSettings, IdentitySettings};

const MINUTE: Duration = Duration::from_mins(1);

/// Reads the rule of `[attempts]`, for all identity services.
pub(crate) fn read_rule(section: &Section<'_>) -> AttemptRule {
    let default = AttemptRule::default();
    AttemptRule { nodes: section.count("nodes", default.nodes, 1..=64), ..read_budgets(section, &default) }
}

/// Reads what `[attempts]` says of the shield as a whole.
pub(crate) fn read_shield(section: &Section<'_>) -> ShieldSettings {
    let default = ShieldSettings::default();
    ShieldSettings {
        accounts: section.count("accounts", default.accounts, 1_000..=100_000_000),
        rates: RateSettings {
            per_source: section.count("source_rate", default.rates.per_source, 1..=100_000),
            per_integration: section.count("integration_rate", default.rates.per_integration, 1..=100_000),
        },
        store_wait: default.store_wait,
    }
}

/// Whether a kind of service leaves open after how many failed sign-ins it locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MustSayWhenItLocks {
    No,
    Yes,
}

/// Reads what one identity service has of its own: budgets over those of `rule`, when it locks, what it can bear.
pub(crate) fn read_protection(
    section: &Section<'_>,
    identity: &mut IdentitySettings,
    rule: &AttemptRule,
    must_say: MustSayWhenItLocks,
) {
    let own = section.section("attempts");
    identity.attempts = read_budgets(&own, rule);
    identity.lock_after = read_lock_after(section, identity.lock_after, must_say);
    identity.guard = read_guard(section, &identity.guard, rule.nodes);
    check_budget(section, &own, identity);
}

fn read_budgets(section: &Section<'_>, default: &AttemptRule) -> AttemptRule {
    let per_account = section.count("per_account", default.per_account, 1..=1_000);
    AttemptRule {
        per_account,
        per_integration: section.count("per_integration", default.per_integration.min(per_account), 1..=per_account),
        window: section.span("window", default.window, MINUTE..=DAY),
        on_the_way: default.on_the_way,
        per_day: section.count("per_day", default.per_day.max(per_account), per_account..=100_000),
        recheck: section.span("recheck", default.recheck, Duration::from_secs(1)..=RECHECK_MAX),
        nodes: default.nodes,
    }
}

/// Zero is written for a service that never locks, so that nobody leaves it out by mistake.
fn read_lock_after(
    section: &Section<'_>,
    default: Option<NonZeroU32>,
    must_say: MustSayWhenItLocks,
) -> Option<NonZeroU32> {
    match (section.optional_count::<u32>("lock_after", 0..=1_000_000), must_say) {
        (Some(count), _) => NonZeroU32::new(count),
        (None, MustSayWhenItLocks::No) => default,
        (None, MustSayWhenItLocks::Yes) => {
            if !section.is_broken("lock_after") {
                section.complain(
                    "lock_after",
                    "is missing; write the number of failed sign-ins after which the service locks an account, or 0 if it never does",
                );
            }
            default
        }
    }
}

fn read_guard(section: &Section<'_>, default: &GuardSettings, nodes: u32) -> GuardSettings {
    let per_second = section.optional_count::<u32>("requests_per_second", 1..=100_000).and_then(NonZeroU32::new);
    // One for each node at least.
    let days = u64::from(nodes)..=1_000_000_000;
    let per_day = section.optional_count::<u64>("requests_per_day", days).and_then(NonZeroU64::new);
    GuardSettings {
        requests_per_second: per_second.or(default.requests_per_second),
        requests_per_day: per_day.or(default.requests_per_day),
        integration_share: section.count("integration_share", default.integration_share, 1..=100),
        outages: section.count("breaker_outages", default.outages, 1..=100),
        probe_after: section.span("breaker_probe", default.probe_after, Duration::from_secs(1)..=10 * MINUTE),
        nodes,
    }
}

/// What may reach the service at worst must stay below its lock.
fn check_budget(section: &Section<'_>, own: &Section<'_>, identity: &IdentitySettings) {
    let Some(lock_after) = identity.lock_after.map(NonZeroU32::get) else { return };
    let rule = &identity.attempts;
    let most = rule.at_worst();
    if most < lock_after || own.is_broken("per_account") || section.is_broken("lock_after") {
        return;
    }
    let at_worst = |per_account| AttemptRule { per_account, ..*rule }.at_worst();
    let nodes = if rule.nodes > 1 { format!(" with nodes = {}", rule.nodes) } else { String::new() };
    let text = if let Some(fits) = (1..rule.per_account).rev().find(|per_account| at_worst(*per_account) < lock_after) {
        format!(
            "is {lock_after}, but attempts.per_account = {}{nodes} lets {most} through; write per_account = {fits} in [identity.attempts] or less",
            rule.per_account
        )
    } else {
        let least = at_worst(1);
        format!(
            "is {lock_after}, but the smallest budget, per_account = 1{nodes}, lets {least} through: no budget keeps a service from locking that locks after so few; have it lock after {} or more, and write that here",
            least + 1
        )
    };
    section.complain("lock_after", text);
}
