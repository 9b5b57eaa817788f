//! Random lives of one account behind two nodes that share its slots: whatever is called, changed and lost, no more
//! possibly counted failures are sent than the rule allows, in any window.

use std::time::Duration;

use proptest::prelude::*;

use crate::domain::attempts::{AttemptRule, Caller, Gate, Guesses, Recall, Said, Slot, SlotKind, decide};
use crate::domain::{Rejection, Timestamp};

#[derive(Clone, Debug)]
enum Event {
    /// Minutes go by.
    Wait(u16),
    /// A caller presents one of a few passwords to a node; the service may not answer.
    Call { node: usize, caller: u8, guess: u8, answers: bool },
    /// Somebody changes the password at the service.
    Change(u8),
    /// A node is started again: its guesses are forgotten, slots are not.
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..40_u16).prop_map(Event::Wait),
        12 => (0..2_usize, 0..6_u8, 0..30_u8, prop::bool::weighted(0.85))
            .prop_map(|(node, caller, guess, answers)| Event::Call { node, caller, guess, answers }),
        1 => (0..30_u8).prop_map(Event::Change),
        1 => (0..2_usize).prop_map(Event::Restart),
    ]
}

/// What a node remembers of the account.
#[derive(Default)]
struct Node {
    guesses: Guesses,
    last_accepted: Option<u8>,
}

/// Both nodes' view of the account, and what the service saw of it.
struct Life {
    rule: AttemptRule,
    now: Timestamp,
    right: u8,
    nodes: [Node; 2],
    slots: Vec<Slot>,
    last_success: Option<Timestamp>,
    /// Everything that the service may have counted as a failure: when, by whom, and whether in the slot of its own.
    counted: Vec<(Timestamp, Caller, bool)>,
}

impl Life {
    fn call(&mut self, node: usize, caller: u8, guess: u8, answers: bool) {
        let caller = Caller::stored(&caller.to_string());
        let by = caller.clone();
        let kind = match self.nodes[node].guesses.recall(&[guess; 16], false, self.now) {
            Recall::Refused(_) => return,
            Recall::Ask(kind) => kind,
        };
        if self.nodes[node].last_accepted == Some(guess) {
            assert_eq!(kind, SlotKind::Own, "the password last accepted asks with a slot of its own");
        }
        let gate = decide(self.slots.iter(), self.last_success, kind, &caller, &self.rule, self.now);
        let Gate::Open(kind) = gate else {
            assert!(kind != SlotKind::Own || !self.own_is_free(), "its own slot is nobody else's");
            return;
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
                self.counted.push((self.now, caller, kind == SlotKind::Own));
            }
        }
        self.nodes[node].guesses.note([guess; 16], said, &by, &self.rule, self.now);
    }

    fn own_is_free(&self) -> bool {
        !self.slots.iter().any(|slot| slot.kind == SlotKind::Own && self.now.since(slot.at) < self.rule.window)
    }

    /// Looks at the window that ends now.
    fn check(&self) {
        let in_window = || self.counted.iter().filter(|(at, ..)| self.now.since(*at) < self.rule.window);
        assert!(in_window().count() <= 11, "{:?}", self.counted);
        assert!(in_window().filter(|(.., own)| *own).count() <= 1);
        for (_, caller, _) in in_window() {
            let by = in_window().filter(|(_, other, own)| other == caller && !own).count();
            assert!(by <= 4, "{by} by {caller:?}");
        }
        let since = |at: Timestamp| self.last_success.is_none_or(|success| at > success);
        let day = self
            .counted
            .iter()
            .filter(|(at, _, own)| !own && since(*at) && self.now.since(*at) < Duration::from_hours(24));
        assert!(day.count() <= 40);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_life_of_an_account_sends_more_than_its_budget(events in prop::collection::vec(event(), 1..400)) {
        let mut life = Life {
            rule: AttemptRule::default(),
            now: Timestamp::from_millis(0),
            right: 0,
            nodes: Default::default(),
            slots: Vec::new(),
            last_success: None,
            counted: Vec::new(),
        };
        for event in events {
            match event {
                Event::Wait(minutes) => life.now = life.now.after(Duration::from_mins(minutes.into())),
                Event::Call { node, caller, guess, answers } => life.call(node, caller, guess, answers),
                Event::Change(right) => life.right = right,
                Event::Restart(node) => life.nodes[node] = Node::default(),
            }
            life.check();
        }
    }
}
