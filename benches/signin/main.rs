//! What sign-ins cost. A cached one beside a bare hyper server: CPU per call, each server in a process of its own,
//! read from the system. Refusals beside each other: time per call, by reason.
//!
//! Run with `cargo bench --bench signin`; `-- tenth` makes fewer calls, and tells the ratios to the bare server without
//! failing by them.

#![expect(clippy::print_stdout, reason = "a benchmark prints its tables")]

mod bare;
mod cached;
mod gateway;
mod load;
mod process;
mod refusals;
mod steps;

use std::process::ExitCode;

use crate::cached::{Judged, Plan};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve-bare"] => bare::serve().map(|()| ExitCode::SUCCESS),
        ["--serve-gateway", config] => gateway::serve(config).map(|()| ExitCode::SUCCESS),
        _ => measure(arguments.iter().any(|argument| argument == "tenth")),
    }
}

fn measure(tenth: bool) -> anyhow::Result<ExitCode> {
    let (plan, rounds) = if tenth {
        (Plan { rounds: 100, calls: 1_024, beside_bare: Judged::Told }, 20)
    } else {
        (Plan { rounds: 300, calls: 2_048, beside_bare: Judged::Held }, 200)
    };
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let held = [
        cached::compare(&plan, folder.path(), &runtime)?,
        refusals::compare(rounds, &folder.path().join("refusals"), &runtime)?,
    ];
    let passed = held.iter().filter(|held| **held).count();
    println!("{passed} passed, {} failed, 0 skipped", held.len() - passed);
    Ok(if passed == held.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The middle value; sorts `values`.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
