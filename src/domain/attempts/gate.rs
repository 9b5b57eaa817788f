//! Whether a budget has a slot left. The same rule serves the store, which counts for all nodes, and a node that counts
//! alone.

use std::time::Duration;

use crate::domain::attempts::{AttemptRule, Caller, Slot, SlotKind};
use crate::domain::{NoAnswer, Rejection, Timestamp, Verdict};

/// The span of the daily budget, and of the longest window.
pub const DAY: Duration = Duration::from_hours(24);

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may, as a guess of this kind: the password last accepted counts as any other once its own slot is taken.
    Open(SlotKind),
    /// It may not.
    Closed {
        /// Whether an attempt whose outcome nobody knows is in its way: then nobody can say that the password is wrong.
        unknown: bool,
    },
}

impl Gate {
    /// What a call is told that finds its budget closed; `None` when it is open.
    #[must_use]
    pub const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Open(_) => None,
            Self::Closed { unknown: false } => Some(Verdict::Reject(Rejection::Shielded)),
            Self::Closed { unknown: true } => Some(Verdict::Undecided(NoAnswer::Throttled(None))),
        }
    }
}

/// Whether a guess of `kind` from `caller` may be asked at `now`, when `slots` are taken and `last_success` is when
/// the account last signed in.
///
/// A window holds at most `per_account` slots and one of the password last accepted; a caller at most
/// `per_integration` of them; a day since the last success at most `per_day`. Guesses that are asked again take at most
/// half of each, and at least one: a refused password that was set right meanwhile is asked when its turn comes, however
/// small the budget.
#[must_use]
pub fn decide<'a>(
    slots: &(impl Iterator<Item = &'a Slot> + Clone),
    last_success: Option<Timestamp>,
    kind: SlotKind,
    caller: &Caller,
    rule: &AttemptRule,
    now: Timestamp,
) -> Gate {
    let in_window = |slot: &&Slot| now.since(slot.at) < rule.counted_window();
    // A slot of the very moment of the success may have come after it.
    let in_day = |slot: &&Slot| now.since(slot.at) < DAY && last_success.is_none_or(|success| slot.at >= success);
    let own_is_free = || !slots.clone().filter(in_window).any(|slot| slot.kind == SlotKind::Own);
    let kind = match kind {
        SlotKind::Own if own_is_free() => return Gate::Open(SlotKind::Own),
        SlotKind::Own | SlotKind::First => SlotKind::First,
        SlotKind::Again => SlotKind::Again,
    };
    let common = || slots.clone().filter(|slot| slot.kind != SlotKind::Own);
    let of_caller = |slot: &&Slot| slot.caller == *caller;
    let again = |slot: &&Slot| slot.kind == SlotKind::Again;
    let mut budgets = vec![
        Budget::of(common().filter(in_window), rule.per_account),
        Budget::of(common().filter(in_window).filter(of_caller), rule.per_integration),
        Budget::of(common().filter(in_day), rule.per_day),
    ];
    let half = |budget: u32| (budget / 2).max(1);
    if kind == SlotKind::Again {
        budgets.extend([
            Budget::of(common().filter(in_window).filter(again), half(rule.per_account)),
            Budget::of(common().filter(in_window).filter(of_caller).filter(again), half(rule.per_integration)),
            Budget::of(common().filter(in_day).filter(again), half(rule.per_day)),
        ]);
    }
    budgets.retain(|budget| budget.is_spent);
    if budgets.is_empty() {
        return Gate::Open(kind);
    }
    Gate::Closed { unknown: budgets.iter().any(|budget| budget.unknown) }
}

/// One budget that some slots share.
struct Budget {
    is_spent: bool,
    /// Whether nobody can say that a guess is wrong for which it has no room: the outcome of one of the slots is not
    /// known, or it has no room for any guess (a small budget that is shared by many nodes).
    unknown: bool,
}

impl Budget {
    fn of<'a>(slots: impl Iterator<Item = &'a Slot>, most: u32) -> Self {
        let (mut taken, mut unknown) = (0_usize, most == 0);
        for slot in slots {
            taken += 1;
            unknown |= !slot.refused;
        }
        Self { is_spent: taken >= usize::try_from(most).unwrap_or(usize::MAX), unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(100 * 3_600_000);

    fn minutes_ago(minutes: i64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
    }

    fn slot(minutes: i64, caller: &str, kind: SlotKind) -> Slot {
        Slot { at: minutes_ago(minutes), caller: Caller::stored(caller), kind, refused: true }
    }

    fn gate(slots: &[Slot], success: Option<i64>, kind: SlotKind, caller: &str) -> Gate {
        decide(&slots.iter(), success.map(minutes_ago), kind, &Caller::stored(caller), &AttemptRule::default(), NOW)
    }

    const OPEN: Gate = Gate::Open(SlotKind::First);
    const CLOSED: Gate = Gate::Closed { unknown: false };

    #[test]
    fn a_caller_has_four_slots_and_an_account_ten() {
        let four: Vec<Slot> = (0..4).map(|_| slot(29, "a", SlotKind::First)).collect();
        assert_eq!(gate(&four, None, SlotKind::First, "a"), CLOSED);
        assert_eq!(gate(&four, None, SlotKind::First, "b"), OPEN);
        assert_eq!(gate(&four[1..], None, SlotKind::First, "a"), OPEN);
        let ten: Vec<Slot> = (0..10).map(|n| slot(29, &n.to_string(), SlotKind::First)).collect();
        assert_eq!(gate(&ten, None, SlotKind::First, "new"), CLOSED);
        assert_eq!(gate(&ten[1..], None, SlotKind::First, "new"), OPEN);
    }

    #[test]
    fn slots_leave_the_window_by_age_and_the_day_by_a_success() {
        let old: Vec<Slot> = (0..10).map(|n| slot(30, &n.to_string(), SlotKind::First)).collect();
        assert_eq!(gate(&old, None, SlotKind::First, "a"), OPEN);
        let forty: Vec<Slot> = (0..40).map(|n| slot(60 + n, "a", SlotKind::First)).collect();
        assert_eq!(gate(&forty, None, SlotKind::First, "b"), CLOSED);
        assert_eq!(gate(&forty, Some(45), SlotKind::First, "b"), OPEN);
        let past: Vec<Slot> = (0..40).map(|_| slot(24 * 60, "a", SlotKind::First)).collect();
        assert_eq!(gate(&past, None, SlotKind::First, "b"), OPEN);
        // A success does not open the window: the service may count on.
        let ten: Vec<Slot> = (0..10).map(|n| slot(5, &n.to_string(), SlotKind::First)).collect();
        assert_eq!(gate(&ten, Some(1), SlotKind::First, "a"), CLOSED);
    }

    #[test]
    fn a_slot_counts_until_its_password_has_left_the_services_own_window_however_late_it_came_there() {
        let rule = AttemptRule { on_the_way: Duration::from_mins(2), ..AttemptRule::default() };
        let opens = |minutes, kind| {
            let mut slots: Vec<Slot> = (0..10).map(|n| slot(minutes, &n.to_string(), SlotKind::First)).collect();
            slots.push(slot(minutes, "a", SlotKind::Own));
            decide(&slots.iter(), None, kind, &Caller::stored("a"), &rule, NOW)
        };
        for kind in SlotKind::ALL {
            assert_eq!((opens(31, kind), opens(32, kind)), (CLOSED, Gate::Open(kind)));
        }
    }

    #[test]
    fn the_password_last_accepted_has_one_slot_of_its_own() {
        let mut slots: Vec<Slot> = (0..10).map(|n| slot(5, &n.to_string(), SlotKind::First)).collect();
        assert_eq!(gate(&slots, None, SlotKind::Own, "a"), Gate::Open(SlotKind::Own));
        slots.push(slot(5, "a", SlotKind::Own));
        assert_eq!(gate(&slots, None, SlotKind::Own, "a"), CLOSED);
        let only = &slots[10..];
        assert_eq!(gate(only, None, SlotKind::First, "a"), OPEN, "it takes nobody else's");
        assert_eq!(gate(only, None, SlotKind::Own, "a"), OPEN, "once it is taken it counts as any other");
    }

    #[test]
    fn guesses_that_are_asked_again_take_half_of_each_budget() {
        let again = |count: usize, caller: &str| vec![slot(5, caller, SlotKind::Again); count];
        assert_eq!(gate(&again(2, "a"), None, SlotKind::Again, "a"), CLOSED);
        assert_eq!(gate(&again(2, "a"), None, SlotKind::First, "a"), OPEN);
        assert_eq!(gate(&again(1, "a"), None, SlotKind::Again, "a"), Gate::Open(SlotKind::Again));
        let five: Vec<Slot> = (0..5).map(|n| slot(5, &n.to_string(), SlotKind::Again)).collect();
        assert_eq!(gate(&five, None, SlotKind::Again, "new"), CLOSED);
        assert_eq!(gate(&five, None, SlotKind::First, "new"), OPEN);
    }

    fn small(slots: &[Slot], kind: SlotKind, rule: &AttemptRule) -> Gate {
        decide(&slots.iter(), None, kind, &Caller::stored("a"), rule, NOW)
    }

    #[test]
    fn a_budget_of_one_asks_again_when_the_window_has_moved_on() {
        let again = Gate::Open(SlotKind::Again);
        for rule in [
            AttemptRule { per_account: 1, per_integration: 1, per_day: 1, ..AttemptRule::default() },
            AttemptRule { per_integration: 1, ..AttemptRule::default() },
            AttemptRule { per_account: 3, per_integration: 1, ..AttemptRule::default() },
        ] {
            assert_eq!(small(&[], SlotKind::Again, &rule), again, "{rule:?}");
            for kind in [SlotKind::Again, SlotKind::First] {
                assert_eq!(small(&[slot(29, "a", kind)], SlotKind::Again, &rule), CLOSED, "{rule:?}");
                let may = if rule.per_day == 1 { CLOSED } else { again };
                assert_eq!(small(&[slot(30, "a", kind)], SlotKind::Again, &rule), may, "{rule:?}");
            }
        }
    }

    #[test]
    fn a_budget_in_which_there_is_room_for_nobody_says_no_to_nobody() {
        let rule = AttemptRule { per_account: 1, per_integration: 1, nodes: 2, ..AttemptRule::default() };
        for kind in [SlotKind::Again, SlotKind::First] {
            assert_eq!(small(&[], kind, &rule.of_one_node()), Gate::Closed { unknown: true });
        }
        assert_eq!(small(&[], SlotKind::Own, &rule.of_one_node()), Gate::Open(SlotKind::Own));
    }

    #[test]
    fn a_closed_budget_says_no_only_when_every_slot_in_the_way_was_refused() {
        let mut slots = vec![slot(5, "a", SlotKind::First); 4];
        assert_eq!(gate(&slots, None, SlotKind::First, "a").verdict(), Some(Verdict::Reject(Rejection::Shielded)));
        slots[2].refused = false;
        assert_eq!(gate(&slots, None, SlotKind::First, "a"), Gate::Closed { unknown: true });
        assert!(matches!(gate(&slots, None, SlotKind::First, "a").verdict(), Some(Verdict::Undecided(_))));
        assert_eq!(OPEN.verdict(), None);
    }
}
