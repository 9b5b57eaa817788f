//! What the queue of flags costs when it is long: a million flags beside a thousand in one run. Pages with every filter,
//! the first and one from the middle; an upsert as the gateway's worker makes it; the memory of listing all of them.
//!
//! Run with `cargo bench --bench flags`; `-- tenth` fills a hundred thousand, and `pages`, `upserts` or `listing` behind it
//! measures that alone. The databases are new SQLite files in a temporary folder, or the two that
//! `SOAPGATE_BENCH_DATABASE` and `SOAPGATE_BENCH_DATABASE_SMALL` name, empty or left by a run before;
//! `benches/flags/postgres.py` makes such ones.

#![expect(clippy::print_stdout, reason = "a benchmark prints its tables")]

mod fill;
mod listing;
mod pages;
mod upserts;

#[path = "../../tests/support/books.rs"]
#[expect(clippy::expect_used, reason = "books that cannot be read are not in order")]
mod books;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use soapgate::store::{Database, DatabaseUrl};

/// Flags of the small database.
const SMALL: u64 = 1_000;
/// What is measured, in this order: upserts change what the others find.
const PARTS: [&str; 3] = ["pages", "listing", "upserts"];
const DATABASE: &str = "SOAPGATE_BENCH_DATABASE";
const DATABASE_SMALL: &str = "SOAPGATE_BENCH_DATABASE_SMALL";

/// A database with its flags.
pub(crate) struct Filled {
    pub(crate) url: String,
    pub(crate) database: Database,
    /// How many it was filled with.
    pub(crate) flags: u64,
    /// How many there are.
    pub(crate) counted: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list-all", url] => {
            runtime()?.block_on(listing::list_all(url))?;
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
    let url = |variable: &str, name: &str| {
        std::env::var(variable).unwrap_or_else(|_| format!("sqlite:{}", folder.path().join(name).display()))
    };
    ensure!(
        std::env::var_os(DATABASE).is_some() == std::env::var_os(DATABASE_SMALL).is_some(),
        "{DATABASE} and {DATABASE_SMALL} go together"
    );
    let runtime = runtime()?;
    let (small, large) = runtime.block_on(async {
        let small = prepare(url(DATABASE_SMALL, "small.db"), SMALL).await?;
        let large = prepare(url(DATABASE, "large.db"), flags).await?;
        anyhow::Ok((small, large))
    })?;
    let parts: Vec<&str> = PARTS.into_iter().filter(|part| wanted.is_empty() || wanted.contains(part)).collect();
    let mut held = Vec::new();
    for part in &parts {
        println!("\n{part}:");
        held.push(match *part {
            "pages" => runtime.block_on(pages::compare(&small, &large))?,
            "upserts" => runtime.block_on(upserts::compare(&small, &large))?,
            _ => listing::compare(&small, &large)?,
        });
    }
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

async fn prepare(url: String, flags: u64) -> anyhow::Result<Filled> {
    let started = Instant::now();
    let database =
        Database::open(&DatabaseUrl::parse(&url)?).await.with_context(|| format!("the database for {flags} flags"))?;
    let mut counted = books::check_books(&url).await;
    if counted == 0 {
        fill::fill(&url, flags).await?;
        counted = books::check_books(&url).await;
        ensure!(counted == flags, "{counted} flags where {flags} were to be");
        println!("{flags} flags filled in {:.0} s", started.elapsed().as_secs_f64());
    }
    ensure!(counted >= flags, "{counted} flags of another run, where {flags} were to be");
    Ok(Filled { url, database, flags, counted })
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
