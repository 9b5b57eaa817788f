//! What a node remembers, alone and together with the store.

use super::*;
use crate::domain::{Institution, Rejection};

const NOW: Timestamp = Timestamp::from_millis(50 * 3_600_000);
const NO: Said = Said::Refused(Rejection::WrongPassword);

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01X").expect("a code"), identifier).expect("an identifier")
}

fn rule(nodes: u32) -> AttemptRule {
    AttemptRule { nodes, ..AttemptRule::default() }
}

fn open_alone(memory: &Memory, person: &AccountId, nodes: u32) -> usize {
    let callers = (0..30).map(|n| Caller::stored(&format!("01X/{n}")));
    callers
        .filter(|caller| {
            let gate = memory.reserve_alone(person, SlotKind::First, caller, &rule(nodes), NOW);
            matches!(gate, Gate::Open(_))
        })
        .count()
}

#[test]
fn a_node_alone_allows_its_share_and_counts_what_it_last_saw() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    assert_eq!(open_alone(&memory, &person, 3), 3);
    let seen = account("seen");
    assert!(memory.make_room(&seen, NOW));
    let slot = Slot { at: NOW, caller: Caller::stored("01X/z"), kind: SlotKind::First, refused: true };
    memory.see(&seen, vec![slot; 8], None);
    assert_eq!(open_alone(&memory, &seen, 1), 2);
}

#[test]
fn what_was_counted_alone_is_told_to_the_store_once() {
    let (memory, person, caller) = (Memory::new(100), account("reader"), Caller::stored("01X/a"));
    assert!(memory.make_room(&person, NOW));
    for counted in [Counted::Refused, Counted::Accepted, Counted::Unsent, Counted::Unknown] {
        let gate = memory.reserve_alone(&person, SlotKind::First, &caller, &rule(1), NOW);
        assert_eq!(gate, Gate::Open(SlotKind::First));
        let slot = Slot { at: NOW, caller: caller.clone(), kind: SlotKind::First, refused: false };
        memory.settle(&person, &slot, true, counted, NOW);
    }
    let unsaved = memory.take_unsaved(&person);
    assert_eq!(unsaved.iter().map(|slot| slot.refused).collect::<Vec<_>>(), [true, false]);
    assert_eq!(memory.take_unsaved(&person), []);
}

#[test]
fn a_full_table_gives_up_no_live_counter_and_takes_nobody_new() {
    let memory = Memory::new(SHARDS);
    let mut known = Vec::new();
    for n in 0..400 {
        let person = account(&format!("p{n}"));
        if memory.make_room(&person, NOW) {
            memory.note(&person, [7; 16], NO, &Caller::stored("01X/a"), &rule(1), NOW);
            known.push(person);
        }
    }
    assert_eq!(known.len(), SHARDS);
    let later = NOW.after(SWEEP);
    assert!(!memory.make_room(&account("stranger"), later));
    for person in &known {
        assert!(memory.make_room(person, later), "known ones go on");
        let recalled = memory.recall(person, &[7; 16], false, later);
        assert_eq!(recalled, Recall::Refused(Rejection::WrongPassword));
    }
    assert!(memory.make_room(&account("stranger"), NOW.after(DAY)), "what is not live any more makes room");
}

#[test]
fn identifiers_of_one_person_share_what_was_counted() {
    let memory = Memory::new(100);
    let (barcode, primary) = (account("2001"), account("reader"));
    for person in [&barcode, &primary] {
        assert!(memory.make_room(person, NOW));
        assert_eq!(open_alone(&memory, person, 2), 5);
    }
    assert!(memory.join(&barcode, &primary) && !memory.join(&barcode, &primary));
    assert!(!memory.join(&primary, &barcode), "no two are each other's alias");
    let person = memory.person(&barcode);
    assert_eq!(person, primary);
    assert_eq!(open_alone(&memory, &person, 1), 0);
}

#[test]
fn an_unlock_forgets_and_a_lost_feed_forgets_refusals_only() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    memory.note(&person, [1; 16], Said::Accepted, &Caller::stored("01X/a"), &rule(1), NOW);
    memory.note(&person, [2; 16], NO, &Caller::stored("01X/a"), &rule(1), NOW);
    memory.forget_all();
    assert_eq!(memory.recall(&person, &[2; 16], false, NOW), Recall::Ask(SlotKind::First));
    assert_eq!(memory.recall(&person, &[1; 16], false, NOW), Recall::Ask(SlotKind::Own));
    memory.clear(&person);
    assert_eq!(memory.recall(&person, &[1; 16], false, NOW), Recall::Ask(SlotKind::First));
}

#[test]
fn closing_and_opening_are_told_once_each() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    let (one, other) = (Caller::stored("01X/a"), Caller::stored("01X/b"));
    let told = [true, true, false, false].map(|closed| memory.turned(&person, &one, closed));
    assert_eq!(told, [true, false, true, false]);
    assert!(memory.turned(&person, &one, true) && memory.turned(&person, &other, true));
    for n in 0..100 {
        memory.turned(&person, &Caller::stored(&n.to_string()), true);
    }
    assert_eq!(memory.with(&person, |entry| entry.closed.len()), Some(TOLD), "nothing grows");
}

#[test]
fn what_the_store_was_not_told_is_told_all_at_once_and_counted_meanwhile() {
    let (memory, people) = (Memory::new(100), [account("one"), account("other")]);
    for person in &people {
        assert!(memory.make_room(person, NOW));
        let caller = Caller::stored("01X/a");
        memory.reserve_alone(person, SlotKind::First, &caller, &rule(1), NOW);
        let slot = Slot { at: NOW, caller, kind: SlotKind::First, refused: false };
        assert!(memory.settle(person, &slot, true, Counted::Refused, NOW));
    }
    memory.give_back(memory.take_all_unsaved());
    let all = memory.take_all_unsaved();
    assert_eq!((all.len(), memory.take_all_unsaved().len()), (2, 0));
    assert_eq!(open_alone(&memory, &people[0], 2), 4, "while it is told its one slot counts");
    memory.give_back(all);
    assert_eq!(open_alone(&memory, &people[1], 2), 4, "given back it counts once");
    assert_eq!(memory.take_unsaved(&people[1]).len(), 1);
}
