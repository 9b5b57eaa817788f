//! What the queue of flags costs when it is long: a million flags beside a thousand in one run. Pages with every filter,
//! the first and one from the middle; an upsert as the gateway's worker makes it; the memory of listing all of them.
//!
//! Run with `cargo bench --bench flags`; `-- tenth` fills a hundred thousand, and `pages`, `upserts` or `listing` behind it
//! measures that alone. The databases are new SQLite files in a temporary folder, files that are kept in the folder that
//! `SOAPGATE_BENCH_FOLDER` names, or databases on the server that `SOAPGATE_BENCH_POSTGRES` names;
//! `benches/flags/postgres.py` starts one.

#![expect(clippy::print_stdout, reason = "a benchmark prints its tables")]

mod awake;
mod databases;
mod fill;
mod listing;
mod pages;
mod upserts;

#[path = "../../tests/support/books.rs"]
#[expect(clippy::expect_used, reason = "books that cannot be read are not in order")]
mod books;

use std::process::ExitCode;

/// Flags of the small database.
const SMALL: u64 = 1_000;
/// What is measured, in this order: upserts change what the others find.
const PARTS: [&str; 3] = ["pages", "listing", "upserts"];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [listing::LIST_ALL] => {
            runtime()?.block_on(listing::list_all())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => measure(&arguments),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn measure(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let is_tenth = arguments.iter().any(|argument| argument == "tenth");
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| PARTS.contains(argument)).collect();
    let flags = if is_tenth { 100_000 } else { 1_000_000 };
    let folder = tempfile::tempdir()?;
    let runtime = runtime()?;
    let small = runtime.block_on(databases::open(SMALL, folder.path()))?;
    let large = runtime.block_on(databases::open(flags, folder.path()))?;
    let parts: Vec<&str> = PARTS.into_iter().filter(|part| wanted.is_empty() || wanted.contains(part)).collect();
    let mut held = Vec::new();
    let awake = awake::Awake::begin();
    for part in &parts {
        println!("\n{part}:");
        held.push(match *part {
            "pages" => runtime.block_on(pages::compare(&small, &large))?,
            "upserts" => runtime.block_on(upserts::compare(&small, &large))?,
            _ => listing::compare(&small, &large)?,
        });
    }
    drop(awake);
    runtime.block_on(async {
        // An upsert leaves the books as they must be.
        books::check_books(&large.url).await;
    });
    for (part, held) in parts.iter().zip(&held) {
        println!("{part}: {}", if *held { "held" } else { "NOT HELD" });
    }
    let passed = held.iter().filter(|held| **held).count();
    println!("{passed} passed, {} failed, 0 skipped", held.len() - passed);
    Ok(if passed == held.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is compared of many times that were measured in turn: the lower quartile. Others on the same machine only ever
/// add to a time, for seconds on end, so that a middle one may be theirs.
pub(crate) fn quartile(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 4]
}

/// Their sum, shared out.
pub(crate) fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / u32::try_from(all.len()).map_or(f64::NAN, f64::from)
}
