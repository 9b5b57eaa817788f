//! Where flags are looked for: an index holds the flags of one kind side by side, in the order of the queue, which is a
//! stretch. A filter leaves some stretches; `statement` puts them together.

use crate::domain::{FlagState, Severity};
use crate::store::flags::filter::{FlagFilter, FlagOrder};

/// Where flags are looked for, and what the columns are called there.
pub(crate) struct Place {
    pub(crate) rows: &'static str,
    pub(crate) id: &'static str,
    pub(crate) identifier: &'static str,
    pub(crate) institution: &'static str,
    pub(crate) opened_at: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) state: &'static str,
}

pub(crate) const FLAGS: Place = Place {
    rows: "flag WHERE 1 = 1",
    id: "id",
    identifier: "identifier",
    institution: "institution",
    opened_at: "opened_at",
    severity: "severity",
    state: "state",
};

/// A reason's rows hold what orders the queue, so that their own indexes find the page.
pub(crate) const REASONS: Place = Place {
    rows: "flag_reason WHERE is_telling = 1",
    id: "flag_id",
    identifier: "flag_identifier",
    institution: "flag_institution",
    opened_at: "flag_opened_at",
    severity: "flag_severity",
    state: "flag_state",
};

/// What is the same in all of a stretch, of what differs between those of one filter.
pub(crate) type Stretch = (Option<FlagState>, Option<Severity>);

/// The stretches of a filter. By severity a state's flags stand in order, by account those of one state and severity; or
/// all there are, where all are wanted.
pub(crate) fn stretches(filter: &FlagFilter, order: FlagOrder) -> Vec<Stretch> {
    let is_any = filter.states.is_empty() && filter.severity.is_none() && filter.reason.is_none();
    if order == FlagOrder::Account && is_any {
        return vec![(None, None)];
    }
    let fits = |state: &FlagState| filter.states.is_empty() || filter.states.contains(state);
    let severities: Vec<Option<Severity>> = match (order, filter.severity) {
        (FlagOrder::Account, None) => Severity::ALL.map(Some).to_vec(),
        (_, severity) => vec![severity],
    };
    let of_state = |state| severities.iter().map(move |severity| (Some(state), *severity));
    FlagState::ALL.into_iter().filter(fits).flat_map(of_state).collect()
}

/// The columns of a key in the order of the queue, by their places.
pub(crate) const fn sorted(order: FlagOrder) -> &'static str {
    match order {
        FlagOrder::Account => "1, 2",
        FlagOrder::Severity => "1 DESC, 2 DESC, 3 DESC",
    }
}
