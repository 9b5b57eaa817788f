//! Random lives of one account behind two nodes that share its slots, under budgets of every size: whatever is called,
//! changed and lost, no more possibly counted failures are sent than the rule allows, in any window; nobody is told no
//! because of an outage; and whoever waits long enough is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::domain::attempts::{AttemptRule, Caller, Gate, Guesses, Recall, Said, Slot, SlotKind, decide};
use crate::domain::{Rejection, Timestamp};

#[derive(Clone, Debug)]
enum Event {
    /// Minutes go by.
    Wait(u16),
    /// A caller presents one of a few passwords to a node; it reaches the service so many seconds later, which may not
    /// answer.
    Call { node: usize, caller: u8, guess: u8, late: u8, answers: bool },
    /// Somebody changes the password at the service.
    Change(u8),
    /// A node is started again: its guesses are forgotten, slots are not.
    Restart(usize),
}

/// How late a password may reach the service.
const LATEST: Duration = Duration::from_secs(10);

fn rule() -> impl Strategy<Value = AttemptRule> {
    (1..=10_u32).prop_flat_map(|per_account| {
        (Just(per_account), 1..=per_account, per_account..=40).prop_map(|(per_account, per_integration, per_day)| {
            AttemptRule { per_account, per_integration, per_day, on_the_way: LATEST, ..AttemptRule::default() }
        })
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..40_u16).prop_map(Event::Wait),
        12 => (0..2_usize, 0..6_u8, 0..30_u8, 0..=10_u8, prop::bool::weighted(0.85))
            .prop_map(|(node, caller, guess, late, answers)| Event::Call { node, caller, guess, late, answers }),
        1 => (0..30_u8).prop_map(Event::Change),
        1 => (0..2_usize).prop_map(Event::Restart),
    ]
}

/// What a node remembers of the account.
#[derive(Default)]
struct Node {
    guesses: Guesses,
    last_accepted: Option<u8>,
    /// What was last said here of each guess.
    said: BTreeMap<u8, Said>,
}

/// What the service may have counted as a failure.
#[derive(Debug)]
struct Counted {
    /// When the slot was taken.
    at: Timestamp,
    /// When it came to the service.
    arrived: Timestamp,
    by: Caller,
    /// Whether it had the slot of the password last accepted.
    is_own: bool,
}

/// Both nodes' view of the account, and what the service saw of it.
struct Life {
    rule: AttemptRule,
    now: Timestamp,
    right: u8,
    nodes: [Node; 2],
    slots: Vec<Slot>,
    last_success: Option<Timestamp>,
    /// Everything that the service may have counted as a failure.
    counted: Vec<Counted>,
}

impl Life {
    fn of(rule: AttemptRule) -> Self {
        Self {
            rule,
            now: Timestamp::from_millis(0),
            right: 0,
            nodes: Default::default(),
            slots: Vec::new(),
            last_success: None,
            counted: Vec::new(),
        }
    }

    /// Calls; whether the call was let in.
    fn call(&mut self, node: usize, caller: u8, guess: u8, late: u8, answers: bool) -> bool {
        let caller = Caller::stored(&caller.to_string());
        let by = caller.clone();
        let was_refused = matches!(self.nodes[node].said.get(&guess), Some(Said::Refused(_)));
        let kind = match self.nodes[node].guesses.recall(&[guess; 16], false, self.now) {
            Recall::Refused(_) => {
                assert!(was_refused, "nobody refused it here");
                return false;
            }
            Recall::Ask(kind) => kind,
        };
        if self.nodes[node].last_accepted == Some(guess) {
            assert_eq!(kind, SlotKind::Own, "the password last accepted asks with a slot of its own");
        }
        let gate = decide(&self.slots.iter(), self.last_success, kind, &caller, &self.rule, self.now);
        let kind = match gate {
            Gate::Open(kind) => kind,
            Gate::Closed { unknown } => {
                assert!(kind != SlotKind::Own || !self.own_is_free(), "its own slot is nobody else's");
                assert!(unknown || was_refused || self.is_spent_by_refusals(&caller), "an outage read as a refusal");
                return false;
            }
        };
        let slot = Slot { at: self.now, caller: caller.clone(), kind, refused: false };
        let said = match (answers, guess == self.right) {
            (false, _) => Said::Unknown,
            (true, true) => Said::Accepted,
            (true, false) => Said::Refused(Rejection::WrongPassword),
        };
        match said {
            Said::Accepted | Said::MustChange => {
                (self.last_success, self.nodes[node].last_accepted) = (Some(self.now), Some(guess));
            }
            Said::Refused(_) | Said::Unknown => {
                self.slots.push(Slot { refused: said != Said::Unknown, ..slot });
                let arrived = self.now.after(Duration::from_secs(late.into()));
                self.counted.push(Counted { at: self.now, arrived, by: caller, is_own: kind == SlotKind::Own });
            }
        }
        self.nodes[node].said.insert(guess, said);
        self.nodes[node].guesses.note([guess; 16], said, &by, &self.rule, self.now);
        said == Said::Accepted
    }

    /// Whether some budget of a caller holds no attempt of unknown outcome and is spent.
    fn is_spent_by_refusals(&self, caller: &Caller) -> bool {
        let (rule, now) = (&self.rule, self.now);
        let in_window = |slot: &&Slot| now.since(slot.at) < rule.counted_window();
        let in_day = |slot: &&Slot| {
            now.since(slot.at) < Duration::from_hours(24) && self.last_success.is_none_or(|last| slot.at >= last)
        };
        let is_spent = |slots: &mut dyn Iterator<Item = &Slot>, most: u32| {
            let slots: Vec<&Slot> = slots.filter(|slot| slot.kind != SlotKind::Own).collect();
            slots.len() >= most as usize && slots.iter().all(|slot| slot.refused)
        };
        let slots = || self.slots.iter();
        is_spent(&mut slots().filter(in_window), rule.per_account)
            || is_spent(&mut slots().filter(in_window).filter(|slot| slot.caller == *caller), rule.per_integration)
            || is_spent(&mut slots().filter(in_day), rule.per_day)
    }

    fn own_is_free(&self) -> bool {
        !self
            .slots
            .iter()
            .any(|slot| slot.kind == SlotKind::Own && self.now.since(slot.at) < self.rule.counted_window())
    }

    /// Looks at every window of the service that ends now or later.
    fn check(&self) {
        let ends = self.counted.iter().map(|counted| counted.arrived).filter(|at| *at >= self.now);
        for end in ends.chain([self.now]) {
            let in_window = || {
                let came = |counted: &&Counted| counted.arrived <= end && end.since(counted.arrived) < self.rule.window;
                self.counted.iter().filter(came)
            };
            assert!(in_window().count() <= self.rule.per_account as usize + 1, "{:?}", self.counted);
            assert!(in_window().filter(|counted| counted.is_own).count() <= 1);
            for one in in_window() {
                let by = in_window().filter(|other| other.by == one.by && !other.is_own).count();
                assert!(by <= self.rule.per_integration as usize, "{by} by {:?}", one.by);
            }
        }
        let since = |at: Timestamp| self.last_success.is_none_or(|success| at > success);
        let is_of_day = |counted: &&Counted| {
            !counted.is_own && since(counted.at) && self.now.since(counted.at) < Duration::from_hours(24)
        };
        assert!(self.counted.iter().filter(is_of_day).count() <= self.rule.per_day as usize);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_life_of_an_account_sends_more_than_its_budget(
        rule in rule(),
        events in prop::collection::vec(event(), 1..400),
    ) {
        let mut life = Life::of(rule);
        for event in events {
            match event {
                Event::Wait(minutes) => life.now = life.now.after(Duration::from_mins(minutes.into())),
                Event::Call { node, caller, guess, late, answers } => drop(life.call(node, caller, guess, late, answers)),
                Event::Change(right) => life.right = right,
                Event::Restart(node) => life.nodes[node] = Node::default(),
            }
            life.check();
        }
        // A day without calls, and the service is there.
        for node in 0..2 {
            life.now = life.now.after(Duration::from_hours(24));
            assert!(life.call(node, 0, life.right, 0, true), "the right password is let in");
            life.check();
        }
    }

    #[test]
    fn a_stale_password_that_becomes_right_is_asked_when_its_turn_comes(rule in rule(), others in 0..12_u8) {
        let mut life = Life::of(rule);
        for other in 0..others {
            life.call(0, other, 100 + other, 0, true);
        }
        life.now = life.now.after(rule.counted_window());
        prop_assert!(!life.call(0, 0, 1, 0, true));
        life.right = 1;
        let has_room = rule.per_account > 1 && rule.per_integration > 1 && rule.per_day > u32::from(others) + 1;
        life.now = life.now.after(if has_room { rule.recheck } else { Duration::from_hours(24) });
        prop_assert!(life.call(0, 0, 1, 0, true), "within the recheck, or when the window and the day have moved on");
    }
}
