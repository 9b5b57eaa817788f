//! The metrics of flags: how many there are, and what became of those that could not be written.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::{FlagState, Reason};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlagLabels {
    state: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
    what: &'static str,
}

/// What of a flag was dropped for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedFlag {
    /// A sign-in that was let in: the next one says the same.
    Accepted,
    /// One of many facts about an account that waits.
    Fact,
    /// All that may flag an account.
    Flag,
}

impl DroppedFlag {
    const ALL: [Self; 3] = [Self::Accepted, Self::Fact, Self::Flag];

    const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fact => "fact",
            Self::Flag => "flag",
        }
    }
}

/// The metrics of flags. Cheap to clone.
#[derive(Clone)]
pub struct FlagMetrics {
    standing: Family<FlagLabels, Gauge>,
    dropped: Family<DroppedLabels, Counter>,
    /// Accounts that the database cannot take: they are set aside and tried again.
    pub unwritable: Counter,
}

impl FlagMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let (standing, unwritable) = (Family::default(), Counter::default());
        let dropped: Family<DroppedLabels, Counter> = Family::default();
        for what in DroppedFlag::ALL {
            // There from the beginning, so that an alarm on it sees the first one.
            drop(dropped.get_or_create(&DroppedLabels { what: what.label() }));
        }
        registry.register("flags", "Flags by state and reason", standing.clone());
        registry.register(
            "flags_dropped",
            "What was dropped because the queue of flags was full, by what it was",
            dropped.clone(),
        );
        registry.register(
            "flags_unwritable",
            "Accounts whose flags the database cannot take, set aside and tried again",
            unwritable.clone(),
        );
        Self { standing, dropped, unwritable }
    }

    /// Counts something of a flag that was dropped for want of room.
    pub fn dropped(&self, what: DroppedFlag) {
        self.dropped.get_or_create(&DroppedLabels { what: what.label() }).inc();
    }

    /// Sets how many flags stand in a state for a reason.
    pub fn are(&self, counts: &[(FlagState, Reason, i64)]) {
        for (state, reason, count) in counts {
            self.standing.get_or_create(&FlagLabels { state: state.label(), reason: reason.code() }).set(*count);
        }
    }
}
