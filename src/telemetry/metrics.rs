//! Every metric in one place; the HELP text stands beside its name. Handles of a route are resolved when it is made,
//! so that a call never looks a label up.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::domain::{NoAnswer, Rejection};
use crate::telemetry::FlagMetrics;

/// Bounds in seconds of the call histogram: from a cached yes to the whole call's deadline.
const CALL_SECONDS: [f64; 10] = [0.000_1, 0.001, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    route: String,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    route: String,
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IdentityLabels {
    service: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: String,
}

/// Labels of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FaultLabels {
    /// The route's label; `none` where no route was found.
    pub route: String,
    /// The kind of fault.
    pub kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    route: String,
    operation: &'static str,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The account was let in.
    Accepted,
    /// The reply is a fault of this kind.
    Fault(&'static str),
    /// A known operation that is not served.
    NotServed,
    /// The account was refused.
    Refused(Rejection),
    /// Nobody knows.
    Undecided(NoAnswer),
    /// The caller did not sign in, for this reason.
    Unauthorized(&'static str),
}

impl CallKind {
    /// The outcome's name in logs and metrics.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fault(_) => "fault",
            Self::NotServed => "not-served",
            Self::Refused(_) => "refused",
            Self::Unauthorized(_) => "unauthorized",
            Self::Undecided(_) => "undecided",
        }
    }

    /// The reason's name in logs and metrics; empty where the outcome says it all.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Accepted | Self::NotServed => "",
            Self::Fault(reason) | Self::Unauthorized(reason) => reason,
            Self::Refused(rejection) => rejection.label(),
            Self::Undecided(why) => why.label(),
        }
    }
}

/// All metrics of one process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: std::sync::Arc<Registry>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<StepLabels, Histogram, fn() -> Histogram>,
    identity_calls: Family<IdentityLabels, Counter>,
    not_served: Family<OperationLabels, Counter>,
    upstream_remaining: Family<ServiceLabels, Gauge>,
    /// Replies that are faults, by kind; alert on their rate: fail-open clients let patrons in on a fault.
    pub faults: Family<FaultLabels, Counter>,
    /// Those of flags.
    pub flags: FlagMetrics,
    /// Cached yes answers given.
    pub cache_hits: Counter,
    /// Attempts that an identity service may have counted as failed sign-ins.
    pub attempts_spent: Counter,
    /// Questions that were not asked, because the guess was refused lately or the budget is spent.
    pub attempts_saved: Counter,
    /// Outcomes of attempts that could not be told to the store: they stay counted.
    pub attempts_unsettled: Counter,
    /// 1 while this node counts attempts alone, because the store does not answer.
    pub attempts_alone: Gauge,
    /// Integrations' sign-ins refused under names that are not registered.
    pub unknown_integrations: Counter,
    /// Calls whose SOAPAction names another operation than the body.
    pub soap_action_mismatches: Counter,
    /// Calls that are in no counter of who calls, because they ended faster than they could be counted.
    pub usage_not_recorded: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("soapgate");
        let histogram: fn() -> Histogram = || Histogram::new(CALL_SECONDS);
        let calls = Family::default();
        let call_seconds = Family::new_with_constructor(histogram);
        let identity_calls = Family::default();
        let not_served = Family::default();
        let upstream_remaining = Family::default();
        let faults = Family::default();
        let cache_hits = Counter::default();
        let attempts_spent = Counter::default();
        let attempts_saved = Counter::default();
        let attempts_unsettled = Counter::default();
        let attempts_alone = Gauge::default();
        let unknown_integrations = Counter::default();
        let soap_action_mismatches = Counter::default();
        let usage_not_recorded = Counter::default();
        registry.register("calls", "Calls by route, outcome and reason", calls.clone());
        registry.register("call_seconds", "Seconds by route and step of a call", call_seconds.clone());
        registry.register(
            "identity_calls",
            "Questions asked of an identity service, by outcome",
            identity_calls.clone(),
        );
        registry.register("calls_not_served", "Calls of known operations that are not served", not_served.clone());
        registry.register(
            "upstream_remaining",
            "Calls that a metered identity service says are left today",
            upstream_remaining.clone(),
        );
        registry.register("faults", "Replies that are faults, by route and kind", faults.clone());
        let flags = FlagMetrics::register(&mut registry);
        registry.register("cache_hits", "Sign-ins answered from a recent yes", cache_hits.clone());
        registry.register(
            "attempts_spent",
            "Attempts that an identity service may have counted as failed sign-ins",
            attempts_spent.clone(),
        );
        registry.register(
            "attempts_saved",
            "Questions not asked, because the guess was refused lately or the budget is spent",
            attempts_saved.clone(),
        );
        registry.register(
            "attempts_unsettled",
            "Outcomes of attempts that could not be told to the store",
            attempts_unsettled.clone(),
        );
        registry.register(
            "attempts_alone",
            "1 while this node counts attempts alone, because the store does not answer",
            attempts_alone.clone(),
        );
        registry.register(
            "unknown_integrations",
            "Sign-ins of integrations under names that are not registered",
            unknown_integrations.clone(),
        );
        registry.register(
            "soap_action_mismatches",
            "Calls whose SOAPAction names another operation than the body",
            soap_action_mismatches.clone(),
        );
        registry.register(
            "usage_not_recorded",
            "Calls that are in no counter of who calls, because they ended faster than they could be counted",
            usage_not_recorded.clone(),
        );
        Self {
            registry: std::sync::Arc::new(registry),
            calls,
            call_seconds,
            identity_calls,
            not_served,
            upstream_remaining,
            faults,
            flags,
            cache_hits,
            attempts_spent,
            attempts_saved,
            attempts_unsettled,
            attempts_alone,
            unknown_integrations,
            soap_action_mismatches,
            usage_not_recorded,
        }
    }

    /// Resolves the handles of one route.
    #[must_use]
    pub fn route(&self, route: &str) -> RouteMetrics {
        let seconds = |step| self.call_seconds.get_or_create(&StepLabels { route: route.to_owned(), step }).clone();
        let accepted = CallKind::Accepted;
        RouteMetrics {
            route: route.to_owned(),
            accepted: self.call(route, accepted),
            total_seconds: seconds("total"),
            integration_seconds: seconds("integration"),
            account_seconds: seconds("account"),
            metrics: self.clone(),
        }
    }

    /// Counts one question asked of an identity service.
    pub fn identity_asked(&self, service: &str, outcome: &'static str) {
        self.identity_calls.get_or_create(&IdentityLabels { service: service.to_owned(), outcome }).inc();
    }

    /// Sets how many calls an identity service says are left today.
    pub fn upstream_remaining(&self, service: &str, left: u64) {
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        self.upstream_remaining.get_or_create(&ServiceLabels { service: service.to_owned() }).set(left);
    }

    /// The text that `/metrics` serves (OpenMetrics).
    ///
    /// # Errors
    /// When a metric cannot be written.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn call(&self, route: &str, kind: CallKind) -> Counter {
        let labels = CallLabels { route: route.to_owned(), outcome: kind.outcome(), reason: kind.reason() };
        self.calls.get_or_create(&labels).clone()
    }
}

/// The handles of one route.
#[derive(Clone)]
pub struct RouteMetrics {
    route: String,
    accepted: Counter,
    /// From the whole body to the reply.
    pub total_seconds: Histogram,
    /// The integration's sign-in, where an answer was awaited.
    pub integration_seconds: Histogram,
    /// The account's sign-in, where an answer was awaited.
    pub account_seconds: Histogram,
    metrics: Metrics,
}

impl RouteMetrics {
    /// The route's label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.route
    }

    /// Counts a call by its end.
    pub fn ended(&self, kind: CallKind) {
        if kind == CallKind::Accepted {
            self.accepted.inc();
        } else {
            self.metrics.call(&self.route, kind).inc();
        }
    }

    /// Counts a fault by its kind.
    pub fn fault(&self, kind: &'static str) {
        self.metrics.faults.get_or_create(&FaultLabels { route: self.route.clone(), kind }).inc();
    }

    /// Counts a call whose SOAPAction names another operation than the body.
    pub fn soap_action_mismatch(&self) {
        self.metrics.soap_action_mismatches.inc();
    }

    /// Counts a call of a known operation that is not served.
    pub fn not_served(&self, operation: &'static str) {
        let labels = OperationLabels { route: self.route.clone(), operation };
        self.metrics.not_served.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FlagState, Reason};

    #[test]
    fn the_public_names_are_served() {
        let metrics = Metrics::new();
        let route = metrics.route("/soap");
        route.ended(CallKind::Accepted);
        route.ended(CallKind::Refused(Rejection::Locked));
        route.fault("malformed");
        route.total_seconds.observe(0.002);
        metrics.identity_asked("embedded", "accepted");
        metrics.flags.are(&[(FlagState::Open, Reason::Locked, 3)]);
        let text = metrics.encode().expect("encodes");
        for line in [
            r#"soapgate_calls_total{route="/soap",outcome="accepted",reason=""} 1"#,
            r#"soapgate_calls_total{route="/soap",outcome="refused",reason="locked"} 1"#,
            r#"soapgate_faults_total{route="/soap",kind="malformed"} 1"#,
            r#"soapgate_call_seconds_count{route="/soap",step="total"} 1"#,
            r#"soapgate_identity_calls_total{service="embedded",outcome="accepted"} 1"#,
            r#"soapgate_flags{state="open",reason="locked"} 3"#,
            r#"soapgate_flags_dropped_total{what="flag"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }
}
