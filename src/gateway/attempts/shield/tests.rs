//! The shield of a node whose store does not answer.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::{DAY, Institution};
use crate::gateway::attempts::keep_ledger;
use crate::store::AttemptCounts;
use crate::store::suite::harness::sqlite;

const NOW: Timestamp = Timestamp::from_millis(50 * 3_600_000);
const RIGHT: GuessTag = [1; 16];
const WRONG: GuessTag = [2; 16];

fn shield() -> (Shield, LedgerReceiver) {
    Shield::new(&ShieldSettings::default(), &[1; 32], Metrics::new())
}

fn account(identifier: &str) -> AccountId {
    AccountId::parse(&Institution::parse("01X").expect("a code"), identifier).expect("an identifier")
}

async fn reserve(shield: &Shield, tag: GuessTag) -> Turn {
    let (person, caller) = (shield.person(&account("reader")), Caller::stored("01X/a"));
    shield.reserve(person, caller, &tag, &AttemptRule::default(), NOW).await.expect("a slot")
}

fn settle(shield: &Shield, turn: &Turn, tag: GuessTag, answer: Answer) {
    shield.settle(turn, tag, &Ok(answer.into()), &AttemptRule::default(), NOW);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_was_asked_for_before_a_change_is_not_remembered_after_it() {
    let changes: [fn(&Shield); 3] = [
        |shield| shield.forget(&account("reader")),
        |shield| shield.clear(&account("reader")),
        |shield| shield.forget_all(),
    ];
    let no = Answer::Rejected(Rejection::WrongPassword);
    for change in changes {
        for answer in [no, Answer::MustChange] {
            let (shield, _ledger) = shield();
            let turn = reserve(&shield, WRONG).await;
            change(&shield);
            settle(&shield, &turn, WRONG, answer);
            assert_eq!(shield.recall(&account("reader"), &WRONG, true, NOW), None, "{answer:?}");
            let turn = reserve(&shield, WRONG).await;
            settle(&shield, &turn, WRONG, no);
            let recalled = shield.recall(&account("reader"), &WRONG, true, NOW);
            assert_eq!(recalled, Some(Rejection::WrongPassword), "it was asked for since");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_was_asked_for_before_a_change_keeps_its_slot() {
    let (shield, _ledger) = shield();
    let turn = reserve(&shield, RIGHT).await;
    shield.forget(&account("reader"));
    settle(&shield, &turn, RIGHT, Answer::Accepted);
    let recalled = shield.memory.recall(&account("reader"), &RIGHT, false, NOW);
    assert_eq!(recalled, Recall::Ask(SlotKind::Own));
}

#[tokio::test]
async fn the_store_counts_identifiers_together_that_this_node_has_no_room_for() {
    let (fresh, settings) = (sqlite().await, ShieldSettings { accounts: 1, ..ShieldSettings::default() });
    let (shield, receiver) = Shield::new(&settings, &[1; 32], Metrics::new());
    let (reader, cards) = (account("reader"), [account("2001"), account("2002")]);
    let table = fresh.database.attempts();
    let slot = asked(SlotId::from("1"), &Caller::stored("01X/a"), SlotKind::First, NOW);
    table.note(&[(reader.clone(), slot)]).await.expect("noted");
    for card in &cards {
        shield.join(card, &reader);
    }
    let stop = CancellationToken::new();
    stop.cancel();
    keep_ledger(receiver, Arc::new(table.clone()), stop).await;
    let mut counts = AttemptCounts::unread(10, NOW.before(DAY));
    table.counts(&mut counts).await.expect("read");
    assert_eq!(cards.map(|card| counts.of(&card).map(|count| count.slots.len())), [Some(1), Some(1)]);
}

#[tokio::test(start_paused = true)]
async fn must_change_answers_routes_that_refuse_it_and_no_question_that_others_may_have_joined() {
    let (shield, _ledger) = shield();
    let turn = reserve(&shield, RIGHT).await;
    settle(&shield, &turn, RIGHT, Answer::MustChange);
    let recalled = |refuses| shield.recall(&account("reader"), &RIGHT, refuses, NOW);
    assert_eq!((recalled(true), recalled(false)), (Some(Rejection::MustChange), None));
    let turn = reserve(&shield, RIGHT).await;
    settle(&shield, &turn, RIGHT, Answer::MustChange);
}
