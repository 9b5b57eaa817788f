//! Attempts, on every kind of database: never more slots than the rule allows, whoever reserves.

use std::time::Duration;

use crate::domain::{AccountId, AttemptRule, Caller, Gate, Slot, SlotKind};
use crate::store::suite::harness::{Fresh, account, at, on_every_database, slot_id};
use crate::store::{
    AttemptCounts, AttemptStore, AttemptTable, Database, Reservation, Reserved, Settled, Settlement, Taken,
};

fn ask(account: &AccountId, caller: &str, millis: i64) -> Reservation {
    Reservation {
        id: slot_id(),
        account: account.clone(),
        caller: Caller::stored(caller),
        kind: SlotKind::First,
        rule: AttemptRule::default(),
        at: at(millis),
        untold: Vec::new(),
    }
}

async fn reserve(table: &AttemptTable, asked: &Reservation) -> Reserved {
    table.reserve(std::slice::from_ref(asked)).await.expect("the store answers").remove(0)
}

fn settle(asked: &Reservation, settled: Settled, millis: i64) -> Settlement {
    Settlement { slot: asked.id.clone(), settled, at: at(millis) }
}

/// A slot that was refused, taken by a node without the store.
fn alone(caller: &str) -> Taken {
    let slot = Slot { at: at(1), caller: Caller::stored(caller), kind: SlotKind::First, refused: true };
    Taken { id: slot_id(), slot }
}

async fn counted(table: &AttemptTable, most: usize) -> AttemptCounts {
    let mut counts = AttemptCounts::unread(most, at(0).before(Duration::from_hours(1)));
    table.counts(&mut counts).await.expect("read");
    counts
}

fn open(reserved: &Reserved) -> bool {
    matches!(reserved.gate, Gate::Open(_))
}

async fn two_nodes_that_race_for_one_account_get_what_one_would(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second node");
    let mut nodes = Vec::new();
    for (node, database) in [(0, fresh.database.clone()), (1, other.clone())] {
        nodes.push(tokio::spawn(async move {
            let (table, mut taken) = (database.attempts(), 0);
            for n in 0..40 {
                let asked = ask(&account("reader"), &format!("01X/{node}-{n}"), 1_000);
                taken += usize::from(open(&reserve(&table, &asked).await));
            }
            taken
        }));
    }
    let mut taken = 0;
    for node in nodes {
        taken += node.await.expect("no panic");
    }
    assert_eq!(taken, 10);
    other.close().await;
}

async fn nodes_that_count_and_settle_at_once_never_fail_because_of_each_other(fresh: Fresh) {
    let mut nodes = Vec::new();
    for node in 0..3 {
        let database = Database::open(&fresh.url).await.expect("a node");
        nodes.push(tokio::spawn(async move {
            let table = database.attempts();
            let mut people: Vec<AccountId> = (0..6).map(|n| account(&format!("p{n}"))).collect();
            people.rotate_left(2 * node);
            for round in 0..15 {
                let asked: Vec<Reservation> =
                    people.iter().map(|person| ask(person, &format!("01X/{node}-{round}"), 1_000)).collect();
                let reserved = table.reserve(&asked).await.expect("reserved");
                let taken = asked.iter().zip(&reserved).rev().filter(|(_, reserved)| open(reserved));
                let settled: Vec<Settlement> =
                    taken.map(|(asked, _)| settle(asked, Settled::Accepted, 1_000)).collect();
                table.settle(&settled).await.expect("settled");
                table.clear_and_announce(&people[round % 6], at(1_000)).await.expect("cleared");
            }
            database.close().await;
        }));
    }
    for node in nodes {
        node.await.expect("no write fails because of another");
    }
}

async fn who_is_joined_while_others_reserve_loses_no_slot(fresh: Fresh) {
    let other = Database::open(&fresh.url).await.expect("a second node");
    for round in 0..20 {
        let (alias, primary) = (account(&format!("barcode{round}")), account(&format!("reader{round}")));
        let reserving = tokio::spawn({
            let (table, alias) = (other.attempts(), alias.clone());
            async move {
                for n in 0..6 {
                    assert!(open(&reserve(&table, &ask(&alias, &format!("01X/{n}"), 1_000)).await));
                }
            }
        });
        fresh.database.attempts().join(&alias, &primary).await.expect("joined");
        reserving.await.expect("no panic");
        let seen = reserve(&fresh.database.attempts(), &ask(&primary, "01X/z", 1_000)).await;
        assert_eq!(seen.slots.len(), 7, "round {round}");
    }
    other.close().await;
}

async fn an_account_that_was_idle_and_is_asked_about_again_keeps_its_slots(fresh: Fresh) {
    const DAY: i64 = 24 * 3_600_000;
    let other = Database::open(&fresh.url).await.expect("a second node");
    for round in 0..20 {
        let start = round * 10 * DAY;
        let late = start + 2 * DAY;
        let idle = account("idle");
        reserve(&fresh.database.attempts(), &ask(&idle, "01X/a", start)).await;
        let sweeping = tokio::spawn({
            let table = other.attempts();
            async move { reserve(&table, &ask(&account("busy"), "01X/a", late)).await }
        });
        reserve(&fresh.database.attempts(), &ask(&idle, "01X/a", late)).await;
        sweeping.await.expect("no panic");
        let seen = reserve(&fresh.database.attempts(), &ask(&idle, "01X/b", late + 1)).await;
        assert_eq!(seen.slots.len(), 2, "round {round}");
    }
    other.close().await;
}

async fn a_batch_is_judged_in_order_and_one_slot_sees_the_other(fresh: Fresh) {
    let table = fresh.database.attempts();
    let (reader, other) = (account("reader"), account("other"));
    let asked: Vec<Reservation> = (0..6).flat_map(|n| [ask(&reader, "01X/a", n), ask(&other, "01X/a", n)]).collect();
    let reserved = table.reserve(&asked).await.expect("the store answers");
    let opened: Vec<bool> = reserved.iter().map(open).collect();
    assert_eq!(opened, [true, true, true, true, true, true, true, true, false, false, false, false]);
    assert_eq!(reserved[11].slots.len(), 4);
    for (one, asked) in reserved.iter().zip(&asked) {
        assert_eq!(one.slots.iter().any(|taken| taken.id == asked.id), open(one));
    }
}

async fn what_became_of_a_slot_is_counted(fresh: Fresh) {
    let (table, reader) = (fresh.database.attempts(), account("reader"));
    let mut settled = Vec::new();
    for (n, what) in [Settled::Accepted, Settled::Refused, Settled::Unsent].into_iter().enumerate() {
        let asked = ask(&reader, &n.to_string(), 5);
        assert!(open(&reserve(&table, &asked).await));
        settled.push(settle(&asked, what, 7));
    }
    for _ in 0..2 {
        table.settle(&settled).await.expect("the store answers");
    }
    let seen = reserve(&table, &ask(&reader, "9", 8)).await;
    let refused: Vec<bool> = seen.slots.iter().map(|taken| taken.slot.refused).collect();
    assert_eq!((refused, seen.last_success), (vec![true, false], Some(at(7))));
}

async fn identifiers_of_one_person_are_counted_together(fresh: Fresh) {
    let table = fresh.database.attempts();
    let (primary, barcode, mail) = (account("reader"), account("2001"), account("r@example.org"));
    for (n, identifier) in [&primary, &barcode, &mail].into_iter().enumerate() {
        assert!(open(&reserve(&table, &ask(identifier, &n.to_string(), 1)).await));
    }
    table.join(&mail, &barcode).await.expect("joined");
    table.join(&barcode, &primary).await.expect("joined");
    for (alias, person) in [(&primary, &barcode), (&primary, &primary), (&mail, &primary)] {
        table.join(alias, person).await.expect("nothing to do");
    }
    for identifier in [&mail, &barcode, &primary] {
        let seen = reserve(&table, &ask(identifier, identifier.identifier(), 2)).await;
        assert!(seen.slots.len() >= 4, "{identifier:?}: {:?}", seen.slots);
    }
}

async fn an_unlock_forgets_and_what_was_counted_alone_is_written_first(fresh: Fresh) {
    let (table, reader) = (fresh.database.attempts(), account("reader"));
    let untold = (0..4).map(|_| alone("01X/a")).collect();
    let asked = Reservation { untold, ..ask(&reader, "01X/a", 2) };
    assert!(!open(&reserve(&table, &asked).await));
    table.clear_and_announce(&reader, at(5)).await.expect("cleared");
    assert_eq!(reserve(&table, &ask(&reader, "01X/a", 6)).await.slots.len(), 1);
}

async fn what_nodes_counted_alone_counts_for_all(fresh: Fresh) {
    let (table, reader, other) = (fresh.database.attempts(), account("reader"), account("other"));
    let of_reader = [alone("01X/a"), alone("01X/b")];
    let [one, two] = of_reader.clone();
    let taken = [(reader.clone(), one), (other.clone(), alone("01X/a")), (reader.clone(), two)];
    table.note(&taken).await.expect("noted");
    table.note(&[]).await.expect("nothing to do");
    let seen = reserve(&table, &ask(&reader, "01X/c", 2)).await;
    assert_eq!(seen.slots[..2], of_reader);
    assert_eq!(reserve(&table, &ask(&other, "01X/c", 2)).await.slots.len(), 2);
}

async fn a_slot_that_the_store_is_told_of_twice_counts_once(fresh: Fresh) {
    let (table, reader) = (fresh.database.attempts(), account("reader"));
    let refused = alone("01X/a");
    // It was told while its question was under way, in vain as it seemed, and again when that was over.
    let under_way =
        Taken { slot: Slot { refused: false, kind: SlotKind::Own, ..refused.slot.clone() }, ..refused.clone() };
    for taken in [&under_way, &refused, &under_way] {
        table.note(&[(reader.clone(), taken.clone())]).await.expect("noted");
    }
    table.note(&[(reader.clone(), refused.clone())]).await.expect("noted");
    let asked = Reservation { untold: vec![refused.clone()], ..ask(&reader, "01X/b", 2) };
    assert_eq!(reserve(&table, &asked).await.slots[..1], [refused]);
    // And so does one that was reserved when nobody waited any more for the answer.
    let again = reserve(&table, &asked).await;
    assert!(open(&again) && again.slots.len() == 2, "{:?}", again.slots);
    let late = Taken { id: asked.id.clone(), slot: Slot { refused: true, ..again.slots[1].slot.clone() } };
    table.note(&[(reader.clone(), late.clone())]).await.expect("noted");
    let seen = reserve(&table, &ask(&reader, "01X/c", 3)).await;
    assert!(seen.slots.len() == 3 && seen.slots[1] == late, "{:?}", seen.slots);
}

async fn what_is_counted_is_read_at_once_under_every_identifier(fresh: Fresh) {
    let table = fresh.database.attempts();
    let (reader, barcode, other, nobody) = (account("reader"), account("2001"), account("other"), account("nobody"));
    let asked: Vec<Reservation> = (0..4).map(|n| ask(&reader, &format!("01X/{n}"), n)).collect();
    let seen = table.reserve(&asked).await.expect("the store answers").remove(3);
    table.settle(&[settle(&asked[0], Settled::Accepted, 5)]).await.expect("settled");
    table.join(&barcode, &reader).await.expect("joined");
    assert!(open(&reserve(&table, &ask(&other, "01X/a", 6)).await));
    let mut counts = counted(&table, 10).await;
    assert_eq!(counts.people(), 2);
    for identifier in [&reader, &barcode] {
        let count = counts.of(identifier).expect("it is counted");
        assert_eq!((&count.slots[..], count.last_success), (&seen.slots[1..], Some(at(5))));
    }
    assert_eq!((counts.of(&other).map(|count| count.slots.len()), counts.of(&nobody)), (Some(1), None));
    counts.forget(&barcode);
    assert_eq!((counts.of(&reader), counts.people()), (None, 1));
    let few = counted(&table, 1).await;
    assert_eq!(few.people(), 1, "as many as there is room for");
    assert_eq!((counts.knows(&nobody), few.knows(&nobody)), (true, false), "who knows whose identifier that is?");
    assert_eq!(few.knows(&reader), few.of(&reader).is_some());
    assert_eq!(few.knows(&other), few.of(&other).is_some());
}

async fn what_counts_no_more_is_not_read(fresh: Fresh) {
    let (table, reader, other) = (fresh.database.attempts(), account("reader"), account("other"));
    for (person, millis) in [(&reader, 1_000), (&reader, 2_000), (&other, 1_000)] {
        assert!(open(&reserve(&table, &ask(person, "01X/a", millis)).await));
    }
    let mut counts = AttemptCounts::unread(10, at(1_000));
    table.counts(&mut counts).await.expect("read");
    assert_eq!((counts.people(), counts.of(&reader).map(|count| count.slots.len())), (1, Some(1)));
    assert!(counts.knows(&other));
}

async fn many_slots_are_read_page_by_page(fresh: Fresh) {
    let table = fresh.database.attempts();
    let taken: Vec<(AccountId, Taken)> =
        (0..10_007).map(|n| (account(&format!("p{}", n % 1_000)), alone("01X/a"))).collect();
    table.note(&taken).await.expect("noted");
    let counts = counted(&table, 5_000).await;
    let slots: usize =
        (0..1_000).filter_map(|n| counts.of(&account(&format!("p{n}")))).map(|count| count.slots.len()).sum();
    assert_eq!((counts.people(), slots), (1_000, taken.len()));
}

async fn who_is_forgotten_while_others_reserve_leaves_no_slot(fresh: Fresh) {
    let (table, reader, barcode) = (fresh.database.attempts(), account("reader"), account("2001"));
    assert!(open(&reserve(&table, &ask(&reader, "01X/a", 1)).await));
    table.join(&barcode, &reader).await.expect("joined");
    let other = Database::open(&fresh.url).await.expect("a second node");
    let mut write = other.write().await.expect("a write");
    let slot = "INSERT INTO attempt_slot (id, subject, at, caller, kind, refused) \
                SELECT 'late', subject, 2, '01X/b', 'first', 0 FROM attempt_slot";
    for statement in ["UPDATE attempt_account SET touched_at = 2", slot] {
        sqlx::query(statement).execute(&mut *write).await.expect("written");
    }
    let forgetting = tokio::spawn({
        let (erasure, barcode) = (fresh.database.erasure(), barcode.clone());
        async move { erasure.forget(&barcode, "ben", at(3)).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    write.commit().await.expect("committed");
    let forgotten = forgetting.await.expect("no panic").expect("done").expect("it was known");
    assert_eq!(forgotten.rows, 5, "two slots, two rows to count them by, and whose identifier it is");
    let slots = sqlx::query("SELECT id FROM attempt_slot").fetch_all(fresh.database.pool()).await.expect("rows");
    assert_eq!(slots.len(), 0);
    other.close().await;
}

async fn old_slots_and_idle_accounts_go(fresh: Fresh) {
    const DAY: i64 = 24 * 3_600_000;
    let (table, reader) = (fresh.database.attempts(), account("reader"));
    for n in 0..4 {
        assert!(open(&reserve(&table, &ask(&reader, "01X/a", n)).await));
    }
    assert!(open(&reserve(&table, &ask(&account("other"), "01X/a", 0)).await));
    assert_eq!(reserve(&table, &ask(&reader, "01X/a", DAY + 2)).await.slots.len(), 2);
    for what in ["attempt_account", "attempt_slot"] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT * FROM {what}")));
        let rows = rows.fetch_all(fresh.database.pool()).await.expect("rows").len();
        assert_eq!(rows, if what == "attempt_account" { 1 } else { 2 }, "{what}: the idle account is gone");
    }
}

on_every_database! {
    two_nodes_that_race_for_one_account_get_what_one_would,
    nodes_that_count_and_settle_at_once_never_fail_because_of_each_other,
    who_is_joined_while_others_reserve_loses_no_slot,
    an_account_that_was_idle_and_is_asked_about_again_keeps_its_slots,
    a_batch_is_judged_in_order_and_one_slot_sees_the_other,
    what_became_of_a_slot_is_counted,
    identifiers_of_one_person_are_counted_together,
    an_unlock_forgets_and_what_was_counted_alone_is_written_first,
    what_nodes_counted_alone_counts_for_all,
    a_slot_that_the_store_is_told_of_twice_counts_once,
    what_is_counted_is_read_at_once_under_every_identifier,
    what_counts_no_more_is_not_read,
    many_slots_are_read_page_by_page,
    who_is_forgotten_while_others_reserve_leaves_no_slot,
    old_slots_and_idle_accounts_go,
}
