//! What a node remembers, alone and together with the store.

use super::*;
use crate::domain::{DAY, Institution, Rejection};
use crate::gateway::attempts::entry::{TOLD, asked};

const NOW: Timestamp = Timestamp::from_millis(50 * 3_600_000);
const NO: Said = Said::Refused(Rejection::WrongPassword);

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01X").expect("a code"), identifier).expect("an identifier")
}

fn rule(nodes: u32) -> AttemptRule {
    AttemptRule { nodes, ..AttemptRule::default() }
}

/// A slot of a caller of its own, under an id of its own.
fn slot(n: usize) -> Taken {
    asked(SlotId::from(n.to_string().as_str()), &Caller::stored(&format!("01X/{n}")), SlotKind::First, NOW)
}

fn alone(memory: &Memory, person: &AccountId, n: usize, nodes: u32) -> bool {
    matches!(memory.reserve_alone(person, slot(n), Known::Never, &rule(nodes)), Gate::Open(_))
}

/// How many of thirty further callers, told apart by where their numbers begin, get a slot.
fn open_alone(memory: &Memory, person: &AccountId, nodes: u32, from: usize) -> usize {
    (from..from + 30).filter(|n| alone(memory, person, *n, nodes)).count()
}

fn reserved(slots: &[Taken]) -> Reserved {
    Reserved { gate: Gate::Open(SlotKind::First), slots: slots.to_vec(), last_success: None }
}

#[test]
fn a_node_alone_allows_its_share_and_counts_what_it_last_saw() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    assert_eq!(open_alone(&memory, &person, 3, 0), 3);
    let seen = account("seen");
    assert!(memory.make_room(&seen, NOW));
    memory.see(&seen, reserved(&(100..108).map(slot).collect::<Vec<_>>()));
    assert_eq!(open_alone(&memory, &seen, 1, 0), 2);
}

#[test]
fn what_was_counted_alone_is_told_to_the_store_until_it_has_heard() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    let all = [Counted::Refused, Counted::Accepted, Counted::Unsent, Counted::Unknown];
    for (n, counted) in all.into_iter().enumerate() {
        assert!(alone(&memory, &person, n, 1));
        assert_eq!(memory.settle(&person, &slot(n).id, counted, NOW), Known::Never);
    }
    let untold = memory.untold(&person);
    assert_eq!(untold.iter().map(|taken| taken.slot.refused).collect::<Vec<_>>(), [true, false]);
    assert_eq!(memory.untold(&person), untold, "nobody knows yet whether it heard");
    assert_eq!(memory.settle(&person, &slot(3).id, Counted::Refused, NOW), Known::Perhaps, "and so it is told of this");
    memory.told(untold.iter().map(|taken| (&person, taken)));
    assert_eq!(memory.untold(&person), []);
    assert_eq!(memory.settle(&person, &slot(0).id, Counted::Refused, NOW), Known::Yes);
}

#[test]
fn a_slot_counts_while_the_store_is_asked_for_it_or_told_of_it() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    assert!(alone(&memory, &person, 20, 1));
    for n in 0..10 {
        memory.ask(&person, slot(n));
    }
    let untold = memory.untold(&person);
    assert_eq!(untold, [slot(20)], "what the store is still asked for it is not told");
    assert_eq!(open_alone(&memory, &person, 1, 100), 0);
    assert!(!alone(&memory, &person, 0, 1), "asked for in vain: ten others may be under way");
    assert!(alone(&memory, &person, 1, 1), "nine others leave room for one");
    // What the store counts meanwhile is counted once.
    memory.see(&person, reserved(&(1..10).chain([20]).map(slot).collect::<Vec<_>>()));
    memory.told([(&person, &untold[0])].into_iter());
    for n in 2..10 {
        memory.answered(&person, &slot(n).id, Gate::Open(SlotKind::First));
    }
    assert!(!alone(&memory, &person, 200, 1));
    memory.settle(&person, &slot(2).id, Counted::Accepted, NOW);
    assert_eq!(open_alone(&memory, &person, 1, 300), 1);
}

#[test]
fn a_full_table_gives_up_no_live_counter_and_takes_nobody_new() {
    let memory = Memory::new(SHARDS);
    let mut known = Vec::new();
    for n in 0..400 {
        let person = account(&format!("p{n}"));
        if memory.make_room(&person, NOW) {
            memory.note(&person, ([7; 16], NO), 0, &Caller::stored("01X/a"), &rule(1), NOW);
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

/// Accounts that were let in one after the other, as long as there was room, each with the password `[1; 16]`.
fn let_in(memory: &Memory, name: &str, from: Timestamp, count: u64) -> Vec<AccountId> {
    let mut known = Vec::new();
    for n in 0..count {
        let (person, now) = (account(&format!("{name}{n}")), from.after(SWEEP * u32::try_from(n).expect("small")));
        if memory.make_room(&person, now) {
            memory.note(&person, ([1; 16], Said::Accepted), 0, &Caller::stored("01X/a"), &rule(1), now);
            known.push(person);
        }
    }
    known
}

fn asks_as_own(memory: &Memory, people: &[AccountId]) -> usize {
    let own = |person: &&AccountId| memory.recall(person, &[1; 16], false, NOW) == Recall::Ask(SlotKind::Own);
    people.iter().filter(own).count()
}

#[test]
fn strangers_push_nobody_out_who_was_let_in() {
    let memory = Memory::new(SHARDS * 8);
    let owners = let_in(&memory, "owner", NOW, 4);
    let mut strangers = 0;
    for n in 0..4_000 {
        let (stranger, now) = (account(&format!("stranger{n}")), NOW.after(SWEEP * n));
        if memory.make_room(&stranger, now) {
            memory.note(&stranger, ([7; 16], NO), 0, &Caller::stored("01X/b"), &rule(1), now);
            strangers += 1;
        }
    }
    assert!(strangers > SHARDS * 4, "{strangers}");
    assert_eq!(asks_as_own(&memory, &owners), owners.len());
}

#[test]
fn who_was_not_let_in_for_longest_makes_room_for_new_accounts() {
    let memory = Memory::new(SHARDS * 8);
    let people = let_in(&memory, "p", NOW, 4_000);
    assert_eq!(people.len(), 4_000, "there is room for every new one");
    assert_eq!(asks_as_own(&memory, &people[..2_000]), 0);
    assert!(asks_as_own(&memory, &people[3_900..]) > SHARDS * 3);
}

#[test]
fn identifiers_of_one_person_share_what_was_counted() {
    let memory = Memory::new(100);
    let (barcode, primary) = (account("2001"), account("reader"));
    for person in [&barcode, &primary] {
        assert!(memory.make_room(person, NOW));
        let from = if *person == barcode { 0 } else { 100 };
        assert_eq!(open_alone(&memory, person, 2, from), 5);
    }
    assert_eq!(memory.join(&barcode, &primary), Joined::New);
    assert_eq!(memory.join(&barcode, &primary), Joined::Known);
    assert_eq!(memory.join(&primary, &barcode), Joined::Known, "no two are each other's alias");
    let person = memory.person(&barcode);
    assert_eq!(person, primary);
    assert_eq!(open_alone(&memory, &person, 1, 200), 0);
}

#[test]
fn an_unlock_forgets_slots_and_refusals_and_a_lost_feed_refusals_only() {
    let (memory, person) = (Memory::new(100), account("reader"));
    assert!(memory.make_room(&person, NOW));
    memory.note(&person, ([1; 16], Said::Accepted), 0, &Caller::stored("01X/a"), &rule(1), NOW);
    memory.note(&person, ([2; 16], NO), 0, &Caller::stored("01X/a"), &rule(1), NOW);
    memory.see(&person, reserved(&(100..108).map(slot).collect::<Vec<_>>()));
    memory.forget_all();
    assert_eq!(memory.recall(&person, &[2; 16], false, NOW), Recall::Ask(SlotKind::First));
    assert_eq!(open_alone(&memory, &person, 1, 0), 2, "what was counted is");
    assert_eq!(memory.recall(&person, &[1; 16], false, NOW), Recall::Ask(SlotKind::Own));
    memory.note(&person, ([2; 16], NO), 0, &Caller::stored("01X/a"), &rule(1), NOW);
    memory.clear(&person);
    assert_eq!(open_alone(&memory, &person, 1, 30), 10, "strangers spend the window anew");
    assert_eq!(memory.recall(&person, &[2; 16], false, NOW), Recall::Ask(SlotKind::First));
    assert_eq!(memory.recall(&person, &[1; 16], false, NOW), Recall::Ask(SlotKind::Own), "and shut nobody out");
}

#[test]
fn what_the_store_counted_before_the_start_is_known_until_somebody_unlocks_the_account() {
    let (memory, person, card) = (Memory::new(100), account("reader"), account("card"));
    let counted: Vec<Taken> = (100..108).map(slot).collect();
    memory.begin_with(AttemptCounts::of_one(&person, counted.clone()), true);
    assert_eq!(memory.join(&card, &account("somebody")), Joined::New);
    assert!(memory.make_room(&person, NOW) && memory.make_room(&account("somebody"), NOW));
    assert_eq!(open_alone(&memory, &account("somebody"), 1, 0), 10);
    assert_eq!(open_alone(&memory, &person, 2, 0), 0, "more than its share");
    assert_eq!(open_alone(&memory, &person, 1, 0), 2, "what is left");
    memory.see(&person, reserved(&counted[..1]));
    assert_eq!(open_alone(&memory, &person, 1, 30), 7, "the store has the last word");
    memory.clear(&person);
    assert!(memory.make_room(&person, NOW));
    assert_eq!(open_alone(&memory, &person, 1, 60), 10);
}

#[test]
fn what_the_store_counted_before_the_start_goes_with_an_identifier_and_counts_once() {
    let (memory, person, card) = (Memory::new(100), account("reader"), account("card"));
    memory.begin_with(AttemptCounts::of_one(&card, (100..108).map(slot).collect()), true);
    assert_eq!(memory.join(&card, &person), Joined::New);
    assert_eq!(open_alone(&memory, &person, 1, 0), 2);
    let (memory, other) = (Memory::new(100), account("other"));
    for one in [&person, &other] {
        assert!(memory.make_room(one, NOW));
        memory.see(one, reserved(&(100..108).map(slot).collect::<Vec<_>>()));
    }
    assert_eq!(memory.join(&other, &person), Joined::New);
    assert_eq!(open_alone(&memory, &person, 1, 0), 2);
}

#[test]
fn identifiers_that_the_store_knows_to_be_one_persons_are_counted_together_from_the_first_call() {
    let (memory, person, card) = (Memory::new(100), account("reader"), account("card"));
    let mut counts = AttemptCounts::of_one(&person, (100..106).map(slot).collect());
    counts.join(&card, &person);
    memory.begin_with(counts, true);
    for (n, one) in [&card, &person, &card, &person].into_iter().enumerate() {
        assert!(memory.make_room(one, NOW) && alone(&memory, one, n, 1), "{n}");
    }
    assert!(!alone(&memory, &person, 10, 1) && !alone(&memory, &card, 11, 1));
    assert_eq!(memory.person(&person), memory.person(&card));
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
    for (n, person) in people.iter().enumerate() {
        assert!(memory.make_room(person, NOW) && alone(&memory, person, n, 1));
        assert_eq!(memory.settle(person, &slot(n).id, Counted::Refused, NOW), Known::Never);
    }
    let all = memory.all_untold();
    assert_eq!((all.len(), memory.all_untold().len()), (2, 2));
    assert_eq!(open_alone(&memory, &people[0], 2, 100), 4, "while it is told its one slot counts");
    memory.told(all.iter().map(|(person, taken)| (person, taken)));
    assert_eq!(open_alone(&memory, &people[1], 2, 100), 4, "told it counts once");
    assert_eq!(memory.untold(&people[1]).len(), 4);
}

#[test]
fn who_is_anothers_alias_leads_to_whom_that_one_is_joined_with() {
    let memory = Memory::new(100);
    let (mail, barcode, primary) = (account("mail"), account("2001"), account("reader"));
    assert!(memory.make_room(&mail, NOW) && alone(&memory, &mail, 0, 1));
    assert_eq!([memory.join(&mail, &barcode), memory.join(&barcode, &primary)], [Joined::New, Joined::New]);
    assert_eq!([&mail, &barcode, &primary].map(|one| memory.person(one)), [&primary; 3].map(Clone::clone));
    for (alias, person) in [(&primary, &mail), (&primary, &barcode), (&mail, &primary), (&barcode, &barcode)] {
        assert_eq!(memory.join(alias, person), Joined::Known, "{alias:?} {person:?}");
    }
    assert_eq!(memory.settle(&mail, &slot(0).id, Counted::Refused, NOW), Known::Never, "its slot went with it");
    let card = account("card");
    assert_eq!(memory.join(&card, &mail), Joined::New, "through two others");
    assert_eq!(memory.person(&card), primary);
}

#[test]
fn identifiers_beyond_the_room_for_them_are_told_of_and_not_joined() {
    let memory = Memory::new(2);
    let primary = account("reader");
    let joined: Vec<Joined> = (0..4).map(|n| memory.join(&account(&n.to_string()), &primary)).collect();
    assert_eq!(joined, [Joined::New, Joined::New, Joined::Full, Joined::Full]);
    assert_eq!(memory.person(&account("3")), account("3"));
}
