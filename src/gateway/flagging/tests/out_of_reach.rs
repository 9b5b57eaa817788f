//! What was left over, in a file that cannot be read for the moment: it is left alone and tried again, and nothing is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::gateway::flagging::tests::house::{House, NO_PASSWORD, Picky, dropped, left, names, of};
use crate::gateway::flagging::tests::left_over::{SOME, folder_with, once_and_again};

/// Takes the file out of everybody's reach, whatever their rights are; where it is meanwhile.
fn take_away(file: &Path) -> PathBuf {
    let away = file.with_file_name("away");
    fs::rename(file, &away).expect("moved");
    symlink(file, file).expect("a link that leads nowhere else");
    away
}

fn is_shown(house: &House) -> bool {
    house.trouble().contains("the flags left over cannot be read: ")
}

#[tokio::test(start_paused = true)]
async fn a_file_out_of_reach_is_shown_and_written_once_it_is_back() {
    let folder = folder_with(1);
    let place = folder.path().join("place");
    fs::write(&place, "no folder").expect("written");
    let store = Arc::new(Picky::default());
    let house = House::with_file("place/left", folder, 10, store.clone());
    let text = "the flags left over cannot be read: Not a directory (os error 20)";
    house.until("it is shown", |house| house.trouble() == text).await;
    fs::remove_file(&place).expect("removed");
    fs::create_dir(&place).expect("made");
    fs::rename(house.folder.path().join("left"), &house.file).expect("moved");
    house.until("it is written", |house| store.count("left0") == 2 && !house.file.exists()).await;
    house.until("it is over", |house| house.trouble().is_empty()).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_a_file_that_goes_out_of_reach_is_written_once_when_it_is_back() {
    let store = Arc::new(Picky::default());
    store.away(true);
    let house = House::at(folder_with(SOME), 10, store.clone());
    house.until("they wait", |house| house.trouble().contains("1000 accounts wait")).await;
    let away = take_away(&house.file);
    store.away(false);
    house.until("it is shown", is_shown).await;
    house.queue.put(of("fresh", NO_PASSWORD));
    house.until("whoever comes is written", |_| store.count("fresh") == 1).await;
    assert!(once_and_again(&store).0 < SOME, "there is somebody in the file");
    fs::rename(away, &house.file).expect("back");
    house.until("all is written", |house| !house.file.exists()).await;
    assert_eq!(once_and_again(&store), (SOME, 0));
    house.until("it is over", |house| house.trouble().is_empty()).await;
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_store_cannot_take_waits_for_a_file_that_is_out_of_reach() {
    let store = Arc::new(Picky::default());
    store.refuse(&["bad"]);
    store.away(true);
    let house = House::at(folder_with(1), 10, store.clone());
    house.until("they wait", |house| house.trouble().contains("1 accounts wait")).await;
    let away = take_away(&house.file);
    house.queue.put(of("bad", NO_PASSWORD));
    store.away(false);
    house.until("it is set aside", |house| house.trouble().contains("1 accounts cannot be written")).await;
    house.until("it is shown", is_shown).await;
    fs::rename(away, &house.file).expect("back");
    house.until("it is in the file", |house| !is_shown(house) && names(&left(&house.file)) == ["bad"]).await;
    assert_eq!(dropped(&house.metrics, "flag"), 0);
    store.refuse(&[]);
    house.until("it is written", |_| store.count("bad") == 1).await;
    house.stop().await;
    assert_eq!(store.count("left0"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_what_it_has_beside_a_file_that_is_out_of_reach() {
    let store = Arc::new(Picky::default());
    store.away(true);
    let house = House::at(folder_with(1), 10, store.clone());
    house.until("they wait", |house| house.trouble().contains("1 accounts wait")).await;
    house.queue.put(of("fresh", NO_PASSWORD));
    let away = take_away(&house.file);
    let (folder, file) = house.stop().await;
    assert!(file.is_symlink(), "nobody moves it");
    fs::rename(away, &file).expect("back");
    store.away(false);
    let house = House::at(folder, 10, store.clone());
    house.until("all is written", |house| store.count("fresh") == 1 && !house.file.exists()).await;
    assert!(store.count("left0") >= 2, "it was in both");
    let (folder, _) = house.stop().await;
    let there = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(there.collect::<Vec<_>>(), ["left.lock"], "nothing else stays");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_whoever_has_the_file() {
    let store = Arc::new(Picky::default());
    store.away(true);
    let house = House::new(10, store.clone());
    house.queue.put(of("fresh", NO_PASSWORD));
    house.until("it waits", |house| house.trouble().contains("1 accounts wait")).await;
    let lock = fs::OpenOptions::new().write(true).open(house.folder.path().join("left.lock")).expect("it is there");
    lock.lock().expect("it is free");
    let (folder, _) = house.stop().await;
    drop(lock);
    store.away(false);
    let house = House::at(folder, 10, store.clone());
    house.until("it is written", |_| store.count("fresh") == 1).await;
    house.stop().await;
}
